"""Time as a port: production reads the machine's clock, tests turn a virtual one by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Do not call; no error when it has been called already."""
        ...


class Clock(Protocol):
    """What the platform may know about time."""

    def now(self) -> float:
        """Wall-clock time, seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` on the monotonic clock."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` after `seconds`, unless the timer is cancelled before."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, callback)


class VirtualClock:
    """A clock that stands still until `advance` is called: six hours pass in microseconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    @property
    def sleepers(self) -> int:
        """How many tasks wait on this clock."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        await waiter

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter.add_done_callback(lambda done: None if done.cancelled() else callback())
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        return _VirtualTimer(waiter)

    async def advance(self, seconds: float) -> None:
        """Move time on, waking sleepers in order and letting each run before the next wakes."""
        end = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, waiter = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, due)
            if not waiter.done():
                waiter.set_result(None)
            await settle()
        self._elapsed = end
        await settle()


class _VirtualTimer:
    def __init__(self, waiter: asyncio.Future[None]) -> None:
        self._waiter = waiter

    def cancel(self) -> None:
        self._waiter.cancel()


async def settle(turns: int = 20) -> None:
    """Give every ready task a few turns of the loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
