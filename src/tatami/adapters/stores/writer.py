"""The one thread that writes: takes what is queued, commits it as a group, tells the callers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import apsw

from tatami.adapters.stores.groups import Job, run_group
from tatami.adapters.stores.session import Session, SqliteWork

log = logging.getLogger(__name__)
T = TypeVar("T")

_LARGEST_GROUP = 512
_CHECKPOINT_PAGES = 1_000


class _Queued(Job):
    """A job and the future its caller waits for."""

    __slots__ = ("future", "loop")

    def __init__(self, work: SqliteWork[Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(work)
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def tell(self) -> None:
        """Hand the outcome to the caller; runs on the caller's event loop."""
        if self.future.done():
            return  # cancelled while we worked: applied whole, or not at all, and nobody asks
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Owns the writing connection and its thread. Works are applied in the order they were given."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._gate = threading.Lock()  # nothing enters the queue behind the end mark
        self._closed = False
        self._log_pages = 0
        self.works = 0
        self.groups = 0
        self.largest_group = 0
        # The log is moved into the database between two groups, not inside the COMMIT somebody waits for.
        session.connection.set_wal_hook(self._note_log)
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def log_pages(self) -> int:
        """Pages of the write-ahead log after the last commit."""
        return self._log_pages

    def waiting(self) -> int:
        """Works that wait for their group, about."""
        return self._queue.qsize()

    def runs_here(self) -> bool:
        """Whether the caller is itself a work."""
        return threading.get_ident() == self._thread.ident

    async def write(self, work: SqliteWork[T]) -> T:
        """Run `work` in the next group. Raises what the work raises, StoreFull, RuntimeError after `close`."""
        job = _Queued(work, asyncio.get_running_loop())
        with self._gate:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._queue.put(job)
        result: T = await job.future
        return result

    def close(self) -> None:
        """Let the queued works finish, move the log into the database, release the connection. Blocks."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        ending = False
        while not ending:
            group, ending = self._next_group()
            wanted = [job for job in group if not job.future.cancelled()]
            if wanted:
                self._write_group(wanted)
        self._finish()

    def _finish(self) -> None:
        try:
            self._session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            log.warning("the write-ahead log stays for the next start: %s", error)
        try:
            self._session.close()  # tries to move the log once more
        except apsw.Error as error:
            log.warning("the database was closed with an error: %s", error)

    def _next_group(self) -> tuple[list[_Queued], bool]:
        """Everything that waits, up to the largest group; True when the end mark was behind it."""
        group: list[_Queued] = []
        job = self._queue.get()
        while job is not None:
            group.append(job)
            if len(group) >= _LARGEST_GROUP:
                return group, False
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write_group(self, group: Sequence[_Queued]) -> None:
        run_group(self._session, group)
        self.works += len(group)
        self.groups += 1
        self.largest_group = max(self.largest_group, len(group))
        _tell_all(group)
        if self._log_pages >= _CHECKPOINT_PAGES:
            self._checkpoint()

    def _note_log(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        try:
            self._session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            log.warning("the write-ahead log grows, %d pages could not be moved: %s", self._log_pages, error)


def _tell_all(group: Sequence[_Queued]) -> None:
    """One wake-up per event loop, however many callers it has."""
    loops: dict[asyncio.AbstractEventLoop, list[_Queued]] = {}
    for job in group:
        loops.setdefault(job.loop, []).append(job)
    for loop, jobs in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everyone who asked
            loop.call_soon_threadsafe(_tell, jobs)


def _tell(jobs: Sequence[_Queued]) -> None:
    for job in jobs:
        job.tell()
