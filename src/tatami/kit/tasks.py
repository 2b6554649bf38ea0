"""Background tasks that somebody owns: named, logged when they fail, ended together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from tatami.kit.clock import Clock

log = logging.getLogger(__name__)


class Tasks:
    """A set of background tasks with one owner.

    A task that raises is logged with its name and does not disturb the others.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start `work`; the set keeps it alive and reports its failure."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("background task %s failed", task.get_name(), exc_info=error)

    async def drain(self) -> None:
        """Wait until every task has ended by itself."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Cancel every task and wait for it to end."""
        cancelled: set[asyncio.Task[Any]] = set()
        while self._running:
            for task in self._running - cancelled:  # a task may start another while it ends
                task.cancel()
            cancelled |= self._running
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)


async def first_of(clock: Clock, seconds: float, *futures: asyncio.Future[Any]) -> None:
    """Return when one of `futures` is done (however) or `seconds` have passed, whichever comes first.

    Nothing is cancelled and no exception is read: look at the futures to see what happened.
    """
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    for future in futures:
        future.add_done_callback(wake)
    timer = clock.call_later(seconds, wake)
    try:
        await woken
    finally:
        timer.cancel()
        for future in futures:
            future.remove_done_callback(wake)
