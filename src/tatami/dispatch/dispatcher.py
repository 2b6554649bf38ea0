"""
The one door for invocations.

For every function version there is a pool. What to do is decided by tatami.domain.placement; this module performs the
actions through ports.engine and tells the pool what came of them. A caller that goes away only forgets its
ticket: what it started stays in the pool, what it runs is run to its end.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tatami.dispatch.errors import ShuttingDown, Throttled
from tatami.dispatch.streams import ResponseStream, StreamedOutcome
from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.domain.placement import Action, Assign, Placement, Start
from tatami.kit.clock import Clock, Timer
from tatami.kit.tasks import Tasks
from tatami.ports.engine import Engine, EnvironmentLost, PackageUnusable

log = logging.getLogger(__name__)

SETTLING_SECONDS = 0.02
"""How long a call waits for an environment that has just answered before another one is started."""


@dataclass
class _Ticket:
    invocation: Invocation
    outcome: asyncio.Future[Outcome]
    stream: ResponseStream | None = None

    def settle(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)
        if self.stream:
            self.stream.end()

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)
        if self.stream:
            self.outcome.exception()  # looked at: whoever reads the stream may have gone
            self.stream.end()


@dataclass
class _Pool:
    """One function version's placement and what its numbers stand for."""

    function: FunctionVersion
    placement: Placement
    tickets: dict[str, _Ticket] = field(default_factory=dict)
    environments: dict[int, str] = field(default_factory=dict)


class Dispatcher:
    """Admits invocations, places them and returns their outcomes.

    concurrency_limit: invocations at a time for each account and region. idle_seconds: after how long an idle
    environment is stopped. shaped: whether streamed responses are slowed as AWS does.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        tasks: Tasks,
        concurrency_limit: int,
        idle_seconds: float,
        *,
        shaped: bool = True,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._tasks = tasks
        self._limit = concurrency_limit
        self._idle_seconds = idle_seconds
        self._shaped = shaped
        self._pools: dict[tuple[str, ...], _Pool] = {}
        self._in_flight: Counter[tuple[str, str]] = Counter()
        self._numbers = itertools.count(1)
        self._starts: set[asyncio.Task[None]] = set()
        self._closing = False

    def __repr__(self) -> str:
        return f"<Dispatcher {self.statistics()}>"

    def statistics(self) -> dict[str, int]:
        """Counts over all pools: queued, starting, idle, busy."""
        pools = [pool.placement for pool in self._pools.values()]
        return {
            "queued": sum(len(pool.queue) for pool in pools),
            "starting": sum(len(pool.starting) for pool in pools),
            "idle": sum(len(pool.idle) for pool in pools),
            "busy": sum(len(pool.busy) for pool in pools),
        }

    async def prepare(self, function: FunctionVersion) -> None:
        """Bring the code to where it will run. Raises PackageUnusable."""
        await self._engine.prepare(function)

    async def invoke(self, function: FunctionVersion, invocation: Invocation) -> Outcome:
        """Run `invocation`; a function's error is part of the outcome.

        Raises Throttled when the account runs as many as it may, EnvironmentLost and PackageUnusable when the platform
        could not run it, ShuttingDown.
        """
        ticket = _Ticket(invocation, asyncio.get_running_loop().create_future())
        await self._enter(function, ticket, ticket.outcome)
        return ticket.outcome.result()

    async def stream(self, function: FunctionVersion, invocation: Invocation) -> StreamedOutcome:
        """Run `invocation` and return as soon as the runtime begins to stream, or else with its whole answer.

        A caller that stops reading, or goes away, does not stop the function. Raises as `invoke` does.
        """
        stream = ResponseStream(self._clock, shaped=self._shaped)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        ticket = _Ticket(replace(invocation, streaming=True), outcome, stream)
        try:
            await self._enter(function, ticket, stream.begun)
        except asyncio.CancelledError:
            stream.abandon()
            raise
        if outcome.done():
            outcome.result()
        return StreamedOutcome(function.version, stream, outcome)

    async def _enter(self, function: FunctionVersion, ticket: _Ticket, until: asyncio.Future[Any]) -> None:
        """Give a ticket to the function's pool and wait for `until`, which the ticket's fate sets."""
        if self._closing:
            raise ShuttingDown("The platform is stopping")
        place = (function.account, function.region)
        if self._in_flight[place] >= self._limit:
            raise Throttled("ConcurrentInvocationLimitExceeded")
        pool = self._pools.get(function.key)
        if pool is None:
            pool = self._pools[function.key] = _Pool(function, Placement(self._limit))
        number = str(next(self._numbers))
        pool.tickets[number] = ticket
        self._in_flight[place] += 1
        try:
            self._perform(pool, pool.placement.submit(number))
            await until
        except asyncio.CancelledError:
            self._perform(pool, pool.placement.cancel(number))
            raise
        finally:
            if number not in pool.placement.busy.values():
                self._forget(pool, number)

    async def retire(self, account: str, region: str, name: str, keep_generation: str | None) -> None:
        """Stop the environments of other generations of a function; None keeps none. What runs, runs to its end."""
        for key, pool in list(self._pools.items()):
            if key[:3] == (account, region, name) and key[4] != keep_generation:
                self._perform(pool, pool.placement.retire())
                self._drop_if_empty(pool)

    async def reap(self) -> None:
        """Stop, again and again, what has been idle for too long. Runs until cancelled."""
        while True:
            await self._clock.sleep(max(self._idle_seconds / 4, 0.05))
            since = self._clock.monotonic() - self._idle_seconds
            for pool in list(self._pools.values()):
                self._perform(pool, pool.placement.reap(since))
                self._drop_if_empty(pool)

    async def close(self) -> None:
        """Take no more invocations; those that run are not waited for."""
        self._closing = True
        for pool in list(self._pools.values()):
            for ticket in pool.tickets.values():
                ticket.fail(ShuttingDown("The platform is stopping"))
        starts = list(self._starts)
        for start in starts:
            start.cancel()
        if starts:
            await asyncio.wait(starts)

    def _perform(self, pool: _Pool, actions: Iterable[Action]) -> None:
        name = pool.function.name
        for action in actions:
            if isinstance(action, Start):
                starting = self._tasks.spawn(f"start {name}", self._start(pool, action.environment))
                self._starts.add(starting)
                starting.add_done_callback(self._starts.discard)
            elif isinstance(action, Assign):
                self._tasks.spawn(f"invoke {name}", self._run(pool, action))
            elif identity := pool.environments.pop(action.environment, None):
                self._tasks.spawn(f"stop {name}", self._engine.stop(identity))

    async def _start(self, pool: _Pool, number: int) -> None:
        try:
            pool.environments[number] = await self._engine.start(pool.function)
        except Exception as failed:
            self._start_failed(pool, number, _expected(failed, f"starting an environment of {pool.function.name}"))
            return
        self._perform(pool, pool.placement.started(number, self._clock.monotonic()))
        self._drop_if_empty(pool)

    def _start_failed(self, pool: _Pool, number: int, failed: Exception) -> None:
        """One start was for one waiting invocation: it carries the news, and the rest may try again."""
        waiting = next(iter(pool.placement.queue), None)
        if waiting is not None:
            pool.placement.cancel(waiting)
            self._fail(pool, waiting, failed)
        self._perform(pool, pool.placement.lost(number))
        self._drop_if_empty(pool)

    async def _run(self, pool: _Pool, action: Assign) -> None:
        ticket = pool.tickets[action.invocation]
        identity = pool.environments[action.environment]

        late: Timer | None = None

        def deliver(outcome: Outcome) -> None:
            nonlocal late
            ticket.settle(outcome)
            pool.placement.answered(action.environment)
            late = self._clock.call_later(
                SETTLING_SECONDS, lambda: self._perform(pool, pool.placement.overdue(action.environment))
            )

        try:
            await self._engine.invoke(identity, ticket.invocation, deliver, ticket.stream)
        except Exception as failed:
            self._fail(pool, action.invocation, _expected(failed, f"running {pool.function.name}"))
            pool.environments.pop(action.environment, None)
            actions = pool.placement.lost(action.environment)
            self._tasks.spawn(f"stop {pool.function.name}", self._engine.stop(identity))
        else:
            actions = pool.placement.finished(action.environment, self._clock.monotonic())
        if late:
            late.cancel()
        self._forget(pool, action.invocation)
        self._perform(pool, actions)
        self._drop_if_empty(pool)

    def _fail(self, pool: _Pool, number: str, failed: Exception) -> None:
        if ticket := pool.tickets.get(number):
            ticket.fail(failed)

    def _forget(self, pool: _Pool, number: str) -> None:
        """The invocation is over: its ticket and its part of the account's concurrency are free again."""
        if pool.tickets.pop(number, None) is not None:
            self._in_flight[(pool.function.account, pool.function.region)] -= 1

    def _drop_if_empty(self, pool: _Pool) -> None:
        if pool.placement.is_empty and self._pools.get(pool.function.key) is pool:
            del self._pools[pool.function.key]


def _expected(failed: Exception, what: str) -> Exception:
    """The exception that a caller is promised; anything else is our fault: logged, and no caller waits for ever."""
    if isinstance(failed, EnvironmentLost | PackageUnusable):
        return failed
    log.error("%s failed", what, exc_info=failed)
    return EnvironmentLost(f"The platform failed while {what}")
