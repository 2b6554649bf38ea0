"""What runs environments: the machine itself, or a cluster's nodes.

Promises: an environment serves one invocation at a time; `start` returns when its INIT phase is over, whether
the function's own code succeeded or not (a failed INIT is reported by the invocation that meets it);
`invoke` raises only when the platform failed; `stop` leaves no process behind and may be repeated.

A response may come in pieces. An invocation that asks for it (`streaming`) is given a sink. If its runtime streams, the
sink is told so (`begin`) and gets every piece while the function still runs, all of them before `deliver`; the outcome
then has an empty payload, or the error that ended the stream early, by the runtime's own word or because it timed
out, died or sent too much. If the runtime answers as a whole, or fails before its first byte, the sink hears nothing
and the outcome has it all. The engine writes no faster than the sink takes it, and that time counts for the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tatami.domain.invocation import FunctionVersion, Invocation, Outcome


class PackageUnusable(Exception):
    """The code package cannot be unpacked; the text says why."""


class EnvironmentLost(Exception):
    """The environment went away by the platform's fault; the invocation may not have run."""


class ResponseSink(Protocol):
    """Where a streamed response goes."""

    def begin(self, content_type: str) -> None:
        """The runtime answers with a stream; called once, before the first piece."""
        ...

    def write(self, piece: bytes) -> bool:
        """The next bytes; False when no more should come before `on_room` has called. Never refuses a piece."""
        ...

    def on_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once, as soon as more may be written."""
        ...


class Engine(Protocol):
    """Starts, uses and stops execution environments."""

    async def prepare(self, function: FunctionVersion) -> None:
        """Bring the code to where it will run. Raises PackageUnusable."""
        ...

    async def start(self, function: FunctionVersion) -> str:
        """Start an environment and run INIT; returns its id. Raises EnvironmentLost, PackageUnusable."""
        ...

    async def invoke(
        self,
        environment: str,
        invocation: Invocation,
        deliver: Callable[[Outcome], None],
        sink: ResponseSink | None = None,
    ) -> None:
        """Run one invocation in an idle environment; return when the environment is idle again.

        `deliver` is called exactly once, as soon as the outcome is known, which may be earlier: the client has its
        answer while the runtime still tidies up. Raises EnvironmentLost, before `deliver` was called.
        """
        ...

    async def stop(self, environment: str) -> None:
        """Run SHUTDOWN and remove the environment."""
        ...
