"""The durable store of one machine: SQLite, one writer thread with group commit, reads inline.

Writes go through a queue to one thread (writer.py), which commits all that waits as one group (groups.py) with a
flushed write-ahead log, and then answers. Reads run at once on the thread that asks, on a connection of its
own: in WAL mode a reader neither waits for the writer nor makes it wait, and its transaction begins after every
answer that was given before, so it sees them. A thread hop would cost more than the page of rows that it fetches.

Rejected: a reader pool in threads (two hops and a GIL hand-over for 10 microseconds of work); synchronous=NORMAL
(loses answered writes with the power); an fsync per transaction (a tenth of the rate).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import apsw

from tatami.adapters.stores.lock import DataFolderLock
from tatami.adapters.stores.migrations import migrate
from tatami.adapters.stores.readers import Readers
from tatami.adapters.stores.session import Session
from tatami.adapters.stores.writer import Writer
from tatami.ports.store import Work

T = TypeVar("T")

_WRITING = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
_LOG_BYTES = 64 * 1024 * 1024
"""What the log file may keep between bursts."""


class SqliteStore:
    """ports.store.Store in one database file; made by `open`."""

    def __init__(self, path: Path, lock: DataFolderLock, writer: Writer, readers: Readers) -> None:
        self._path = path
        self._lock = lock
        self._writer = writer
        self._readers = readers

    @classmethod
    def open(cls, path: Path, *, vfs: str | None = None) -> SqliteStore:
        """Open or create the database file `path` and lock its folder until `close`.

        vfs: the name of a registered SQLite VFS, for tests that break the disk. Raises DataFolderInUse when another
        process (or store) has the folder, ValueError when the file is no database, apsw.Error when it cannot be opened.
        """
        try:
            return cls._open(path, vfs)
        except apsw.NotADBError as error:
            raise ValueError(f"{path} is no database") from error

    @classmethod
    def _open(cls, path: Path, vfs: str | None) -> SqliteStore:
        _make_folder(path.parent)
        with ExitStack() as undo:
            lock = undo.enter_context(DataFolderLock(path.parent))
            session = Session(path, _WRITING, vfs)
            undo.callback(session.close)
            if session.run("PRAGMA journal_mode = WAL") != [("wal",)]:
                raise RuntimeError(f"the file system of {path} allows no write-ahead log")
            session.run("PRAGMA synchronous = FULL")
            session.run(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
            undo.pop_all()
        return cls(path, lock, Writer(session), Readers(path, vfs))

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path} {self.statistics()}>"

    def statistics(self) -> dict[str, int]:
        """Counts since `open`: works written, groups they came in, the largest group, reads; and works waiting."""
        writer = self._writer
        return {
            "writes": writer.works,
            "groups": writer.groups,
            "largest_group": writer.largest_group,
            "waiting": writer.waiting(),
            "reads": self._readers.reads,
            "log_pages": writer.log_pages,
        }

    async def migrate(self, component: str, steps: Sequence[str]) -> None:
        self._refuse_nesting()
        await migrate(self._writer.write, component, steps)

    async def read(self, work: Work[T]) -> T:
        self._refuse_nesting()
        return self._readers.read(work)

    async def write(self, work: Work[T]) -> T:
        self._refuse_nesting()
        return await self._writer.write(work)

    async def close(self) -> None:
        """Finish what was begun and release database and folder. Closing twice is no error."""
        self._refuse_nesting()
        self._readers.close()
        await asyncio.to_thread(self._writer.close)
        self._lock.release()

    def _refuse_nesting(self) -> None:
        if self._writer.runs_here() or self._readers.busy_here():
            raise RuntimeError("a work awaits its Transaction and nothing else, not the store itself")


def _make_folder(folder: Path) -> None:
    """Create `folder` so that it outlives a power loss: an entry lasts once the folder it is in was flushed."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
