"""Reading connections, one per thread that reads."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import TypeVar

import apsw

from tatami.adapters.stores.session import Session, SqliteWork

T = TypeVar("T")


class _Reader:
    """The session of one thread. The lock keeps `close` from taking it away in the middle of a read."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.lock = threading.Lock()
        self.busy = False


class Readers:
    """Runs reads on the thread that asks. A thread's connection is released with the thread, or by `close`."""

    def __init__(self, path: Path, vfs: str | None) -> None:
        self._path = path
        self._vfs = vfs
        self._mine = threading.local()
        self._gate = threading.Lock()
        self._all: weakref.WeakSet[_Reader] = weakref.WeakSet()
        self._closed = False
        self.reads = 0

    def busy_here(self) -> bool:
        """Whether the caller is itself a read."""
        reader: _Reader | None = getattr(self._mine, "reader", None)
        return reader is not None and reader.busy

    def read(self, work: SqliteWork[T]) -> T:
        """Run `work` at once on one consistent state. Raises what it raises, RuntimeError after `close`."""
        reader: _Reader | None = getattr(self._mine, "reader", None)
        if reader is None:
            reader = self._mine.reader = self._open()
        with reader.lock:
            if self._closed:
                raise RuntimeError("the store is closed")
            reader.busy = True
            try:
                return reader.session.read(work)
            finally:
                reader.busy = False
                self.reads += 1

    def close(self) -> None:
        """Wait for the reads of other threads and release every connection."""
        with self._gate:
            self._closed = True
            readers = list(self._all)
        for reader in readers:
            with reader.lock:
                reader.session.close()

    def _open(self) -> _Reader:
        with self._gate:
            if self._closed:
                raise RuntimeError("the store is closed")
            session = Session(self._path, apsw.SQLITE_OPEN_READONLY, self._vfs)
            session.run("PRAGMA query_only = ON")
            reader = _Reader(session)
            self._all.add(reader)
            return reader
