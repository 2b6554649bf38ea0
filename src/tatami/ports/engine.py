"""What runs environments: the machine itself, or a cluster's nodes.

Promises: an environment serves one invocation at a time; `start` returns when its INIT phase is over, whether
the function's own code succeeded or not (a failed INIT is reported by the invocation that meets it);
`invoke` raises only when the platform failed; `stop` leaves no process behind and may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tatami.domain.invocation import FunctionVersion, Invocation, Outcome


class PackageUnusable(Exception):
    """The code package cannot be unpacked; the text says why."""


class EnvironmentLost(Exception):
    """The environment went away by the platform's fault; the invocation may not have run."""


class Engine(Protocol):
    """Starts, uses and stops execution environments."""

    async def prepare(self, function: FunctionVersion) -> None:
        """Bring the code to where it will run. Raises PackageUnusable."""
        ...

    async def start(self, function: FunctionVersion) -> str:
        """Start an environment and run INIT; returns its id. Raises EnvironmentLost, PackageUnusable."""
        ...

    async def invoke(self, environment: str, invocation: Invocation, deliver: Callable[[Outcome], None]) -> None:
        """Run one invocation in an idle environment; return when the environment is idle again.

        `deliver` is called exactly once, as soon as the outcome is known, which may be earlier: the client has its
        answer while the runtime still tidies up. Raises EnvironmentLost, before `deliver` was called.
        """
        ...

    async def stop(self, environment: str) -> None:
        """Run SHUTDOWN and remove the environment."""
        ...
