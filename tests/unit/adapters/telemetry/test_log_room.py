"""The sink in front of the logs service: batched, patient, bounded, and idle when there is nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.adapters.telemetry.fakes import FullableStore, MemoryLogSink

from tatami.adapters.stores.memory import MemoryStore
from tatami.adapters.telemetry.log_room import BETWEEN_RETRIES_SECONDS, BETWEEN_WRITES_SECONDS, StoreLogSink
from tatami.frame.operation import Context
from tatami.kit.clock import VirtualClock, settle
from tatami.kit.tasks import Tasks
from tatami.ports.telemetry import LogEvent, LogSink
from tatami.services.logs.room import MIGRATIONS, room
from tatami.services.logs.state import LogsState

CONTEXT = Context("000000000042", "eu-west-1", "r")


class Bench:
    """A sink on a store in memory, with a clock that stands."""

    def __init__(self, most_buffered_bytes: int) -> None:
        self.clock = VirtualClock()
        self.store = FullableStore(MemoryStore())
        self.tasks = Tasks()
        self.sink = StoreLogSink(
            LogsState(self.store, self.clock), self.clock, self.tasks, most_buffered_bytes=most_buffered_bytes
        )

    def write(self, *messages: str, stream: str = "s") -> None:
        events = [LogEvent(1_700_000_000_000, message) for message in messages]
        self.sink.write(CONTEXT.account, CONTEXT.region, "g", stream, events)

    async def readable(self, stream: str = "s") -> list[str]:
        values = {"logGroupName": "g", "logStreamName": stream, "startFromHead": True}
        answer = await room(self.store, self.clock).call(CONTEXT, "GetLogEvents", values)
        return [event["message"] for event in answer["events"]]


@asynccontextmanager
async def bench(most_buffered_bytes: int = 1_000_000) -> AsyncIterator[Bench]:
    made = Bench(most_buffered_bytes)
    await made.store.migrate("logs", MIGRATIONS)
    made.store.writes = 0
    yield made
    await made.sink.close()
    assert len(made.tasks) == 0
    await made.store.close()


def scenario(test: Callable[[], Awaitable[Any]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@scenario
async def test_many_writes_become_one_transaction() -> None:
    async with bench() as at:
        at.write("a")
        at.write("b", stream="t")
        at.write("c", "d")
        await at.sink.flush()
        assert at.store.writes == 1
        assert await at.readable() == ["a", "c", "d"]
        assert await at.readable("t") == ["b"]


@scenario
async def test_writes_are_at_least_the_interval_apart() -> None:
    async with bench() as at:
        at.write("a")
        await settle()
        assert at.store.writes == 1
        at.write("b")
        await settle()
        assert at.store.writes == 1
        await at.clock.advance(BETWEEN_WRITES_SECONDS)
        assert at.store.writes == 2
        assert await at.readable() == ["a", "b"]


@scenario
async def test_nothing_runs_while_there_is_nothing() -> None:
    async with bench() as at:
        at.write("a")
        await settle()
        await at.clock.advance(10)
        assert (at.clock.sleepers, at.store.writes) == (0, 1)


@scenario
async def test_flush_does_not_wait_for_the_clock() -> None:
    async with bench() as at:
        for number in range(3):
            at.write(str(number))
            await at.sink.flush()
        await at.sink.flush()
        assert await at.readable() == ["0", "1", "2"]


@scenario
async def test_a_full_store_is_tried_again_and_order_kept() -> None:
    async with bench() as at:
        at.store.full = True
        at.write("a")
        await settle()
        at.write("b")
        await at.clock.advance(BETWEEN_RETRIES_SECONDS)
        at.store.full = False
        await at.clock.advance(BETWEEN_RETRIES_SECONDS)
        await at.sink.flush()
        assert await at.readable() == ["a", "b"]
        assert at.sink.dropped_events == 0


def test_a_full_buffer_drops_the_oldest_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with bench(most_buffered_bytes=3 * 300) as at:
            at.store.full = True
            for number in range(10):
                at.write(str(number) * 100)
                await settle()
            assert at.sink.dropped_events == 7
            assert at.sink.statistics()["bytes"] <= 900
            at.store.full = False
            await at.clock.advance(BETWEEN_RETRIES_SECONDS)
            await at.sink.flush()
            assert [message[0] for message in await at.readable()] == ["7", "8", "9"]

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert [record.message for record in caplog.records if "dropped" in record.message] == [
        "log events are being dropped: the store does not take them, or not fast enough"
    ]


@scenario
async def test_another_failure_costs_its_batch_only() -> None:
    logging.disable(logging.CRITICAL)
    try:
        async with bench() as at:
            at.store.broken = RuntimeError("bug")
            at.write("lost")
            await at.sink.flush()
            at.write("kept")
            await at.sink.flush()
            assert await at.readable() == ["kept"]
            assert at.sink.dropped_events == 1
    finally:
        logging.disable(logging.NOTSET)


@scenario
async def test_close_writes_the_rest_and_later_writes_are_counted_as_lost() -> None:
    async with bench() as at:
        at.write("a")
        await at.sink.close()
        at.write("late")
        assert await at.readable() == ["a"]
        assert at.sink.dropped_events == 1


@scenario
async def test_close_gives_up_on_a_full_store() -> None:
    async with bench() as at:
        at.store.full = True
        at.write("a", "b")
        await at.sink.close()
        assert at.sink.statistics() == {"waiting": 0, "bytes": 0, "dropped_events": 2}


@scenario
async def test_flush_ends_when_the_sink_is_cancelled() -> None:
    async with bench() as at:
        at.store.full = True
        at.write("a")
        await settle()
        waiting = asyncio.ensure_future(at.sink.flush())
        await settle()
        await at.tasks.close()
        await waiting


def test_the_fake_is_a_sink_too() -> None:
    sink = MemoryLogSink()
    port: LogSink = sink
    port.write("a", "r", "g", "s", [LogEvent(1, "x\n")])
    port.write("a", "r", "g", "s", [LogEvent(2, "y\n")])
    assert sink.text("g") == "x\ny\n"
