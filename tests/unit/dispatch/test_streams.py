"""Streams through the dispatcher: when callers hear of them, and what happens when somebody goes away."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.dispatch.test_dispatcher import ARN, World, run

from tatami.dispatch.errors import ShuttingDown, Throttled
from tatami.dispatch.streams import ResponseStream, StreamedOutcome
from tatami.domain.invocation import FunctionVersion, Invocation
from tatami.domain.shaping import BURST, RATE
from tatami.kit.clock import VirtualClock, settle
from tatami.ports.engine import EnvironmentLost


def stream(world: World) -> asyncio.Task[StreamedOutcome]:
    function = FunctionVersion("0" * 12, "us-east-1", "f", "7", "g1", ARN, "python3.12", "h.h", "c")
    return asyncio.ensure_future(world.dispatcher.stream(function, Invocation("r", b"{}", ARN)))


def sink(world: World, environment: str = "e1") -> ResponseStream:
    """The end that the engine writes to."""
    found = world.engine.sinks[environment]
    assert isinstance(found, ResponseStream)
    return found


def test_the_caller_hears_of_it_when_it_begins() -> None:
    async def test(world: World) -> None:
        call = stream(world)
        await settle()
        assert world.engine.running["e1"][0].streaming
        assert not call.done()
        sink(world).begin("text/plain")
        streamed = await call
        assert (streamed.content_type, streamed.executed_version) == ("text/plain", "7")
        sink(world).write(b"all")
        world.engine.finish("e1", b"")
        assert [piece async for piece in streamed.pieces()] == [b"all"]
        assert (await streamed.outcome()).payload == b""

    run(test)


def test_without_a_stream_the_caller_hears_of_the_outcome() -> None:
    async def test(world: World) -> None:
        call = stream(world)
        await settle()
        world.engine.finish("e1", b"whole")
        streamed = await call
        assert streamed.content_type is None
        assert [piece async for piece in streamed.pieces()] == []
        assert (await streamed.outcome()).payload == b"whole"

    run(test)


def test_refusals_and_losses_before_it_begins() -> None:
    async def test(world: World) -> None:
        call = stream(world)
        await settle()
        with pytest.raises(Throttled):
            await stream(world)
        await world.dispatcher.close()
        with pytest.raises(ShuttingDown):
            await call

    run(test, limit=1)


def test_a_loss_in_the_middle() -> None:
    async def test(world: World) -> None:
        call = stream(world)
        await settle()
        sink(world).begin("text/plain")
        sink(world).write(b"half")
        streamed = await call
        world.engine.running["e1"][2].set_exception(EnvironmentLost("gone"))
        assert [piece async for piece in streamed.pieces()] == [b"half"]
        with pytest.raises(EnvironmentLost):
            await streamed.outcome()

    run(test)


def test_a_caller_who_leaves_before_it_begins_leaves_a_function_that_writes_freely() -> None:
    async def test(world: World) -> None:
        call = stream(world)
        await settle()
        call.cancel()
        await settle()
        sink(world).begin("text/plain")
        assert sink(world).write(b"x" * 1_000_000), "there is always room for nobody"
        world.engine.finish("e1", b"")

    run(test)


def test_shaping_slows_what_follows_the_burst() -> None:
    async def main() -> None:
        clock = VirtualClock()
        shaped = ResponseStream(clock, shaped=True)
        shaped.begin("text/plain")
        shaped.write(b"x" * (BURST + RATE))
        shaped.end()
        received = 0

        async def read() -> None:
            nonlocal received
            async for piece in shaped.pieces():
                received += len(piece)

        reading = asyncio.ensure_future(read())
        await settle(500)
        assert received == BURST
        for _ in range(100):
            await clock.advance(0.01)
        await reading
        assert received == BURST + RATE

    asyncio.run(main())


def test_repr() -> None:
    async def main() -> None:
        assert (
            repr(ResponseStream(VirtualClock(), shaped=False)) == "<ResponseStream not begun <BytePipe open waiting=0>>"
        )

    asyncio.run(main())
