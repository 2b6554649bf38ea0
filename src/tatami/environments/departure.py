"""
SHUTDOWN, and the end of the processes after a failure: in the order and within the times of AWS's supervisor.

Without extensions a runtime gets no time: it is killed. With an internal one it has 500 ms, with an external one 2 s in
all: first SIGTERM to the runtime, which has 30 % of the time, then SHUTDOWN to the extensions that asked for it, which
have the rest; whoever is left is killed (aws/aws-lambda-runtime-interface-emulator, internal/lambda/rapid/shutdown.go).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from tatami.environments.session import RuntimeSession
from tatami.kit.clock import Clock
from tatami.kit.tasks import first_of
from tatami.ports.sandbox import RunningProcess

SPINDOWN = "SPINDOWN"
TIMEOUT = "TIMEOUT"
FAILURE = "FAILURE"

WITH_EXTERNAL_SECONDS = 2.0
WITH_INTERNAL_SECONDS = 0.5
RUNTIME_SHARE = 0.3


async def depart(
    session: RuntimeSession,
    runtime: RunningProcess | None,
    extensions: Mapping[str, RunningProcess],
    reason: str,
    clock: Clock,
) -> None:
    """Give everyone the time that is theirs. Whoever still runs afterwards is to be killed by the caller.

    runtime: None when it was never started. extensions: the programs of external extensions, by name.
    """
    registered = session.extensions.all()
    if not registered and not extensions:
        return
    budget = WITH_EXTERNAL_SECONDS if extensions else WITH_INTERNAL_SECONDS
    deadline = clock.monotonic() + budget
    if runtime is not None and not session.exited.done():
        runtime.send(signal.SIGTERM)
        await first_of(clock, budget * RUNTIME_SHARE, session.exited)
        runtime.send(signal.SIGKILL)
    flushed = asyncio.ensure_future(session.telemetry.flush())
    # A listener that takes nothing must not cost the others their SHUTDOWN.
    await first_of(clock, budget * RUNTIME_SHARE, flushed)
    flushed.cancel()
    left = max(deadline - clock.monotonic(), 0.0)
    event = {
        "eventType": "SHUTDOWN",
        "shutdownReason": reason,
        "deadlineMs": int((clock.now() + left) * 1000),
    }
    told = session.extensions.leave(event)
    for name, process in extensions.items():
        if name not in told:
            process.send(signal.SIGKILL)
    ends = [asyncio.ensure_future(extensions[name].wait()) for name in told if name in extensions]
    try:
        await _all_or_deadline(ends, deadline, clock)
    finally:
        for end in ends:
            end.cancel()


async def _all_or_deadline(ends: Sequence[asyncio.Future[Any]], deadline: float, clock: Clock) -> None:
    for end in ends:
        if not end.done():
            await first_of(clock, max(deadline - clock.monotonic(), 0.0), end)
