"""The store without durability: the same SQL on a database in memory, for tests and throw-away platforms."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TypeVar

import apsw

from tatami.adapters.stores.groups import Job, run_group
from tatami.adapters.stores.migrations import migrate
from tatami.adapters.stores.session import Session, SqliteWork
from tatami.ports.store import Work

T = TypeVar("T")


class MemoryStore:
    """ports.store.Store in memory. Works run at once on the thread that asks; threads take turns."""

    def __init__(self) -> None:
        self._session = Session(":memory:", apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        self._turn = threading.Lock()
        self._holder: int | None = None
        self._closed = False
        self._reads = 0
        self._writes = 0

    def __repr__(self) -> str:
        return f"<MemoryStore {self.statistics()}>"

    def statistics(self) -> dict[str, int]:
        """How many works were written and read."""
        return {"writes": self._writes, "reads": self._reads}

    async def migrate(self, component: str, steps: Sequence[str]) -> None:
        await migrate(self._write, component, steps)

    async def read(self, work: Work[T]) -> T:
        self._take()
        try:
            return self._session.read(work)
        finally:
            self._reads += 1
            self._give()

    async def write(self, work: Work[T]) -> T:
        return await self._write(work)

    async def close(self) -> None:
        """Drop the database. Closing twice is no error."""
        if not self._closed:
            self._take()
            self._closed = True
            self._session.close()
            self._give()

    async def _write(self, work: SqliteWork[T]) -> T:
        self._take()
        try:
            job = Job(work)
            run_group(self._session, [job])
        finally:
            self._writes += 1
            self._give()
        # The durable store answers later, too: callers must not grow used to a write that cannot be interleaved.
        await asyncio.sleep(0)
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def _take(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("a work awaits its Transaction and nothing else, not the store itself")
        self._turn.acquire()
        if self._closed:
            self._turn.release()
            raise RuntimeError("the store is closed")
        self._holder = threading.get_ident()

    def _give(self) -> None:
        self._holder = None
        self._turn.release()
