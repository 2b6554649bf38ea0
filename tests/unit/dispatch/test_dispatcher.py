"""The dispatcher with a scripted engine: what reaches callers, what stays in pools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tatami.dispatch.dispatcher import Dispatcher
from tatami.dispatch.errors import ShuttingDown, Throttled
from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.kit.clock import VirtualClock, settle
from tatami.kit.tasks import Tasks
from tatami.ports.engine import EnvironmentLost

T = TypeVar("T")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


class ScriptedEngine:
    """Environments that answer when the test says so."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.stopped: list[str] = []
        self.starting: list[asyncio.Future[str]] = []
        self.running: dict[str, tuple[Invocation, Callable[[Outcome], None], asyncio.Future[None]]] = {}
        self.sinks: dict[str, object] = {}
        self.hold_starts = False

    async def prepare(self, function: FunctionVersion) -> None:
        return None

    async def start(self, function: FunctionVersion) -> str:
        identity = f"e{len(self.started) + 1}"
        self.started.append(identity)
        if self.hold_starts:
            held: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self.starting.append(held)
            return await held
        return identity

    async def invoke(
        self, environment: str, invocation: Invocation, deliver: Callable[[Outcome], None], sink: object = None
    ) -> None:
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running[environment] = (invocation, deliver, idle)
        self.sinks[environment] = sink
        await idle

    async def stop(self, environment: str) -> None:
        self.stopped.append(environment)

    def answer(self, environment: str, payload: bytes = b"1") -> None:
        self.running[environment][1](Outcome(payload, "$LATEST", environment=environment))

    def settle(self, environment: str) -> None:
        self.running.pop(environment)[2].set_result(None)

    def finish(self, environment: str, payload: bytes = b"1") -> None:
        self.answer(environment, payload)
        self.settle(environment)


class World:
    """A dispatcher and what it stands on."""

    def __init__(self, limit: int = 10) -> None:
        self.clock = VirtualClock()
        self.engine = ScriptedEngine()
        self.tasks = Tasks()
        self.dispatcher = Dispatcher(self.engine, self.clock, self.tasks, limit, idle_seconds=60.0)

    def invoke(self, generation: str = "g1", request_id: str = "r") -> asyncio.Task[Outcome]:
        function = FunctionVersion("0" * 12, "us-east-1", "f", "$LATEST", generation, ARN, "python3.12", "h.h", "c")
        return asyncio.ensure_future(self.dispatcher.invoke(function, Invocation(request_id, b"{}", ARN)))


def run(test: Callable[[World], Awaitable[T]], limit: int = 10) -> T:
    async def main() -> T:
        world = World(limit)
        try:
            return await test(world)
        finally:
            await world.tasks.close()

    return asyncio.run(main())


def test_a_second_call_reuses_the_warm_environment() -> None:
    async def test(world: World) -> None:
        for _ in range(3):
            call = world.invoke()
            await settle()
            world.engine.finish("e1")
            assert (await call).environment == "e1"
        assert world.engine.started == ["e1"]

    run(test)


def test_calls_at_the_same_time_each_get_an_environment_of_their_own() -> None:
    async def test(world: World) -> None:
        calls = [world.invoke() for _ in range(3)]
        await settle()
        assert sorted(world.engine.running) == ["e1", "e2", "e3"]
        for environment in ("e2", "e3", "e1"):
            world.engine.finish(environment)
        assert len({(await call).environment for call in calls}) == 3

    run(test)


def test_the_answer_is_delivered_before_the_environment_is_idle() -> None:
    async def test(world: World) -> None:
        first = world.invoke()
        await settle()
        world.engine.answer("e1")
        assert (await first).payload == b"1"
        second = world.invoke()
        await settle()
        assert world.engine.started == ["e1"], "the first is expected back at once"
        await world.clock.advance(1)
        assert world.engine.started == ["e1", "e2"], "the first is still busy"
        world.engine.settle("e1")
        world.engine.finish("e2")
        await second

    run(test)


def test_beyond_the_limit_a_call_is_throttled_and_the_room_comes_back() -> None:
    async def test(world: World) -> None:
        first, second = world.invoke(), world.invoke()
        await settle()
        with pytest.raises(Throttled) as refused:
            await world.invoke()
        assert refused.value.reason == "ConcurrentInvocationLimitExceeded"
        world.engine.finish("e1")
        await first
        await settle()
        third = world.invoke()
        await settle()
        world.engine.finish("e1")
        world.engine.finish("e2")
        await asyncio.gather(second, third)

    run(test, limit=2)


def test_a_caller_that_goes_away_before_its_start_leaves_nothing_behind() -> None:
    async def test(world: World) -> None:
        world.engine.hold_starts = True
        call = world.invoke()
        await settle()
        call.cancel()
        await settle()
        world.engine.starting[0].set_result("e1")
        await settle()
        assert world.dispatcher.statistics() == {"queued": 0, "starting": 0, "idle": 1, "busy": 0}
        assert not world.engine.running

    run(test)


def test_a_caller_that_goes_away_while_its_event_runs_still_counts_until_it_ends() -> None:
    async def test(world: World) -> None:
        call = world.invoke()
        await settle()
        call.cancel()
        await settle()
        with pytest.raises(Throttled):
            await world.invoke()
        world.engine.finish("e1")
        await settle()
        again = world.invoke()
        await settle()
        world.engine.finish("e1")
        await again

    run(test, limit=1)


def test_a_start_that_fails_fails_one_caller_and_the_others_are_served() -> None:
    async def test(world: World) -> None:
        world.engine.hold_starts = True
        first, second = world.invoke(), world.invoke()
        await settle()
        world.engine.starting[0].set_exception(EnvironmentLost("no"))
        world.engine.starting[1].set_result("e2")
        await settle()
        with pytest.raises(EnvironmentLost):
            await first
        world.engine.finish("e2")
        assert (await second).environment == "e2"

    run(test)


def test_an_environment_lost_in_use_is_not_used_again() -> None:
    async def test(world: World) -> None:
        call = world.invoke()
        await settle()
        world.engine.running.pop("e1")[2].set_exception(EnvironmentLost("gone"))
        with pytest.raises(EnvironmentLost):
            await call
        again = world.invoke()
        await settle()
        assert world.engine.started == ["e1", "e2"]
        world.engine.finish("e2")
        await again
        assert world.engine.stopped == ["e1"]

    run(test)


def test_idle_environments_are_stopped_after_their_time() -> None:
    async def test(world: World) -> None:
        world.tasks.spawn("reap", world.dispatcher.reap())
        call = world.invoke()
        await settle()
        world.engine.finish("e1")
        await call
        await world.clock.advance(59)
        assert world.engine.stopped == []
        await world.clock.advance(30)
        assert world.engine.stopped == ["e1"]
        assert world.dispatcher.statistics()["idle"] == 0

    run(test)


def test_retiring_stops_idle_ones_at_once_and_busy_ones_when_they_end() -> None:
    async def test(world: World) -> None:
        idle, busy = world.invoke(), world.invoke()
        await settle()
        world.engine.finish("e1")
        await idle
        await world.dispatcher.retire("0" * 12, "us-east-1", "f", keep_generation="g2")
        await settle()
        assert world.engine.stopped == ["e1"]
        fresh = world.invoke(generation="g2")
        await settle()
        world.engine.finish("e2")
        assert (await busy).environment == "e2", "what runs, runs to its end"
        await settle()
        assert world.engine.stopped == ["e1", "e2"]
        world.engine.finish("e3")
        assert (await fresh).environment == "e3"

    run(test)


def test_closing_refuses_callers_at_once() -> None:
    async def test(world: World) -> None:
        call = world.invoke()
        await settle()
        await world.dispatcher.close()
        with pytest.raises(ShuttingDown):
            await call
        with pytest.raises(ShuttingDown):
            await world.invoke()

    run(test)
