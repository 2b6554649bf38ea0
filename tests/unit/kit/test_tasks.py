"""Background tasks have an owner; `first_of` waits for the first of several ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tatami.kit.clock import VirtualClock, settle
from tatami.kit.tasks import Tasks, first_of


async def nothing() -> None:
    pass


def test_a_task_that_fails_is_logged_by_name_and_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("boom")

    async def test() -> None:
        tasks = Tasks()
        tasks.spawn("the culprit", fails())
        other = tasks.spawn("other", nothing())
        assert len(tasks) == 2
        await tasks.drain()
        assert (len(tasks), other.done()) == (0, True)

    with caplog.at_level(logging.ERROR):
        asyncio.run(test())
    assert "the culprit" in caplog.text
    assert "boom" in caplog.text


def test_close_cancels_what_runs_and_what_is_started_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        tasks, ended = Tasks(), list[str]()

        async def waits(name: str, then: str = "") -> None:
            try:
                await asyncio.Event().wait()
            finally:
                if then:
                    tasks.spawn(then, waits(then))
                await asyncio.sleep(0)
                ended.append(name)

        tasks.spawn("first", waits("first", then="second"))
        await settle()
        await asyncio.wait_for(tasks.close(), 5)
        assert "first" in ended
        assert len(tasks) == 0
        await tasks.close()

    asyncio.run(test())
    assert not caplog.records, "a cancelled task is no failure"


def test_drain_waits_for_tasks_that_start_tasks() -> None:
    async def test() -> None:
        tasks, done = Tasks(), list[int]()

        async def chain(number: int) -> None:
            await asyncio.sleep(0)
            done.append(number)
            if number:
                tasks.spawn("next", chain(number - 1))

        tasks.spawn("chain", chain(3))
        await tasks.drain()
        assert done == [3, 2, 1, 0]

    asyncio.run(test())


@pytest.mark.parametrize("how", ["result", "error", "cancelled", "already", "time"])
def test_first_of_returns_with_the_first_end_whatever_it_is(how: str) -> None:
    async def test() -> None:
        clock, loop = VirtualClock(), asyncio.get_running_loop()
        one: asyncio.Future[Any] = loop.create_future()
        two: asyncio.Future[Any] = loop.create_future()
        if how == "already":
            one.set_result(1)
        waiting = asyncio.ensure_future(first_of(clock, 5, one, two))
        await settle()
        assert waiting.done() is (how == "already")
        if how == "result":
            one.set_result(1)
        elif how == "error":
            one.set_exception(ValueError("x"))
            one.exception()
        elif how == "cancelled":
            two.cancel()
        elif how == "time":
            await clock.advance(5)
        await settle()
        assert waiting.done()
        assert two.cancelled() is (how == "cancelled"), "nothing is cancelled by waiting"
        assert clock.sleepers == 0, "the timer is gone"

    asyncio.run(test())


def test_first_of_may_be_cancelled_and_leaves_the_futures_alone() -> None:
    async def test() -> None:
        clock = VirtualClock()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(first_of(clock, 5, future))
        await settle()
        waiting.cancel()
        await settle()
        assert waiting.cancelled()
        assert not future.done()
        assert clock.sleepers == 0
        future.set_result(1)
        await settle()

    asyncio.run(test())
