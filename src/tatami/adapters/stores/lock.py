"""One process per data folder: an advisory lock on a file that names its holder.

The kernel drops the lock when the holder dies, however it dies, so there is never a stale lock to remove; the file
stays. A child of fork() without exec() would inherit the lock: the platform starts its children with exec().
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class DataFolderInUse(Exception):
    """Another store, nearly always another process, has the data folder. pid: its process id, None when unknown."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"the data folder {folder} is in use by {holder}")
        self.folder = folder
        self.pid = pid


class DataFolderLock:
    """Holds the file `lock` in `path`, an existing folder, from construction to `release`. Raises DataFolderInUse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            pid = _holder(descriptor)
            os.close(descriptor)
            raise DataFolderInUse(path, pid) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor: int | None = descriptor

    def __repr__(self) -> str:
        return f"<DataFolderLock {self.path} {'held' if self._descriptor is not None else 'released'}>"

    def release(self) -> None:
        """Let the next process in. Releasing twice is no error."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def __enter__(self) -> DataFolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(descriptor: int) -> int | None:
    """The process id in the file; None in the moment before the holder has written it."""
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
