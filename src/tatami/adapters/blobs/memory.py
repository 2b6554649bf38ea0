"""Blobs in memory; a blob whose path is asked for gets a file in a temporary folder of this object."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from pathlib import Path

from tatami.ports.blobs import BlobMissing


class MemoryBlobs:
    """ports.blobs.Blobs without durability. The folder goes away with the object, or at exit."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._folder: Path | None = None

    def __repr__(self) -> str:
        return f"<MemoryBlobs of {len(self._contents)}>"

    async def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._contents.setdefault(digest, bytes(content))
        return digest

    async def get(self, digest: str) -> bytes:
        try:
            return self._contents[digest]
        except KeyError:
            raise BlobMissing(digest) from None

    async def path(self, digest: str) -> Path:
        content = await self.get(digest)
        place = self._own_folder() / digest
        if not place.exists():
            place.write_bytes(content)
            place.chmod(0o444)
        return place

    async def delete(self, digest: str) -> None:
        if self._contents.pop(digest, None) is not None and self._folder is not None:
            (self._folder / digest).unlink(missing_ok=True)

    async def digests(self) -> list[str]:
        return sorted(self._contents)

    def _own_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tatami-blobs-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder
