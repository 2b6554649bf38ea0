"""Content-addressed blobs: function packages and layers.

Promises (tests/contract/blobs): `put` returns only after the content is durable; the same content has the
same digest and is kept once; `get` returns exactly what was put; a half-written blob is never seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class BlobMissing(KeyError):
    """No blob of that digest is stored."""


class Blobs(Protocol):
    """A folder of immutable contents, named by their SHA-256."""

    async def put(self, content: bytes) -> str:
        """Store `content` durably; returns its SHA-256 as 64 lower-case hexadecimal digits."""
        ...

    async def get(self, digest: str) -> bytes:
        """The content of `digest`. Raises BlobMissing."""
        ...

    async def path(self, digest: str) -> Path:
        """A local read-only file with the content of `digest`. Raises BlobMissing."""
        ...

    async def delete(self, digest: str) -> None:
        """Forget `digest`; forgetting what is not there is no error."""
        ...

    async def digests(self) -> list[str]:
        """Every stored digest, sorted."""
        ...
