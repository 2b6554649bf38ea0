"""Blobs as files: `<first two digits>/<digest>`, written aside, flushed, then renamed into place.

A name appears only when its content is on the disk, so a reader or a crash never meets half a blob. What a crash leaves
in the folder `incoming` is removed at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from tatami.ports.blobs import BlobMissing

_DIGEST_LENGTH = 64
_DIGITS = frozenset("0123456789abcdef")
_READ_ONLY = 0o444


class FileBlobs:
    """ports.blobs.Blobs in the folder `root`, which belongs to one process at a time (see stores.lock)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        _flush_folder(root.parent)
        _flush_folder(root)
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    def __repr__(self) -> str:
        return f"<FileBlobs {self._root}>"

    async def put(self, content: bytes) -> str:
        """Store `content` durably; its digest. Raises OSError, and nothing is stored, when the disk refuses it."""
        return await asyncio.to_thread(self._put, content)

    async def get(self, digest: str) -> bytes:
        return await asyncio.to_thread(self._get, digest)

    async def path(self, digest: str) -> Path:
        place = self._place(digest)
        if place is None or not place.is_file():
            raise BlobMissing(digest)
        return place

    async def delete(self, digest: str) -> None:
        """Forget `digest`. Not flushed: after a power loss it may be there again, as whole as before."""
        if (place := self._place(digest)) is not None:
            await asyncio.to_thread(place.unlink, missing_ok=True)

    async def digests(self) -> list[str]:
        return await asyncio.to_thread(self._digests)

    def _place(self, digest: str) -> Path | None:
        """Where the content lies or would lie; None for what is no digest, such as a path."""
        if len(digest) != _DIGEST_LENGTH or not _DIGITS.issuperset(digest):
            return None
        return self._root / digest[:2] / digest

    def _put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        folder = self._root / digest[:2]
        place = folder / digest
        if not place.exists():
            self._write(content, place)
        # Also when it was there: whoever put it may not have come to its flush yet.
        _flush_folder(folder)
        return digest

    def _write(self, content: bytes, place: Path) -> None:
        with contextlib.suppress(FileExistsError):
            place.parent.mkdir()
        _flush_folder(self._root)
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        aside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), _READ_ONLY)
                os.fsync(file.fileno())
            aside.rename(place)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise

    def _get(self, digest: str) -> bytes:
        place = self._place(digest)
        if place is None:
            raise BlobMissing(digest)
        try:
            return place.read_bytes()
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    def _digests(self) -> list[str]:
        return sorted(place.name for place in self._root.glob("??/*") if self._place(place.name) == place)


def _flush_folder(folder: Path) -> None:
    """Make the entries of `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
