"""The virtual clock wakes in order and only when it is turned; the system clock keeps its promises."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.kit.clock import SystemClock, VirtualClock, settle


def test_time_stands_still_until_it_is_advanced() -> None:
    async def test() -> None:
        clock = VirtualClock(now=1000.0)
        sleeper = asyncio.ensure_future(clock.sleep(5))
        await settle()
        assert clock.sleepers == 1
        await clock.advance(4.999)
        assert not sleeper.done()
        await clock.advance(0.001)
        assert sleeper.done()
        assert (clock.now(), clock.monotonic(), clock.sleepers) == (1005.0, 5.0, 0)

    asyncio.run(test())


@given(st.lists(st.floats(0, 100), max_size=10))
def test_sleepers_wake_in_the_order_of_their_times(seconds: list[float]) -> None:
    async def test() -> None:
        clock, woken = VirtualClock(), list[tuple[float, float]]()

        async def sleep(for_seconds: float) -> None:
            await clock.sleep(for_seconds)
            woken.append((for_seconds, clock.monotonic()))

        tasks = [asyncio.ensure_future(sleep(each)) for each in seconds]
        await settle()
        await clock.advance(100)
        await asyncio.gather(*tasks)
        assert [wanted for wanted, _ in woken] == sorted(seconds)
        assert all(when == wanted for wanted, when in woken)

    asyncio.run(test())


def test_a_sleeper_that_sleeps_again_wakes_within_one_advance() -> None:
    async def test() -> None:
        clock, ticks = VirtualClock(), list[float]()

        async def tick() -> None:
            for _ in range(3):
                await clock.sleep(10)
                ticks.append(clock.monotonic())

        task = asyncio.ensure_future(tick())
        await settle()
        await clock.advance(30)
        assert ticks == [10, 20, 30]
        await task

    asyncio.run(test())


def test_a_cancelled_sleeper_is_forgotten() -> None:
    async def test() -> None:
        clock = VirtualClock()
        sleeper = asyncio.ensure_future(clock.sleep(1))
        await settle()
        sleeper.cancel()
        await settle()
        assert clock.sleepers == 0
        await clock.advance(2)

    asyncio.run(test())


@pytest.mark.parametrize("cancelled", [False, True])
def test_call_later(cancelled: bool) -> None:
    async def test() -> None:
        for clock, wait in ((VirtualClock(), None), (SystemClock(), 0.01)):
            calls: list[int] = []
            timer = clock.call_later(0.005, lambda calls=calls: calls.append(1))  # type: ignore[misc]
            if cancelled:
                timer.cancel()
            if isinstance(clock, VirtualClock):
                await clock.advance(1)
            else:
                await clock.sleep(wait or 0)
            assert calls == ([] if cancelled else [1])
            timer.cancel()

    asyncio.run(test())


def test_the_system_clock() -> None:
    async def test() -> None:
        clock = SystemClock()
        before = clock.monotonic()
        await clock.sleep(0.001)
        assert clock.monotonic() > before
        assert clock.now() > 1_700_000_000

    asyncio.run(test())
