"""What every blob adapter promises."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tatami.adapters.blobs.files import FileBlobs
from tatami.adapters.blobs.memory import MemoryBlobs
from tatami.ports.blobs import BlobMissing, Blobs

ABSENT = hashlib.sha256(b"absent").hexdigest()
NO_DIGESTS = ["", "..", "../../etc/passwd", ABSENT.upper(), ABSENT[:-1], ABSENT + "0", "incoming"]

Make = Callable[[], Blobs]


@pytest.fixture(params=["files", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return (lambda: FileBlobs(tmp_path / "blobs")) if request.param == "files" else MemoryBlobs


@pytest.mark.parametrize("content", [b"", b"a", b"\x00\xff" * 1000, bytes(range(251)) * 40_000])
def test_what_was_put_is_got(make: Make, content: bytes) -> None:
    async def test() -> None:
        blobs = make()
        digest = await blobs.put(content)
        assert digest == hashlib.sha256(content).hexdigest()
        assert await blobs.get(digest) == content
        path = await blobs.path(digest)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o444

    asyncio.run(test())


def test_the_same_content_is_kept_once(make: Make) -> None:
    async def test() -> None:
        blobs = make()
        digests = await asyncio.gather(*[blobs.put(b"same") for _ in range(8)])
        assert await blobs.digests() == [digests[0]]
        assert set(digests) == {digests[0]}
        await blobs.delete(digests[0])
        assert await blobs.digests() == []

    asyncio.run(test())


def test_digests_are_sorted(make: Make) -> None:
    async def test() -> None:
        blobs = make()
        assert await blobs.digests() == []
        digests = [await blobs.put(str(number).encode()) for number in range(40)]
        assert await blobs.digests() == sorted(digests)

    asyncio.run(test())


@pytest.mark.parametrize("digest", [ABSENT, *NO_DIGESTS])
def test_what_is_not_there_is_missing(make: Make, digest: str) -> None:
    async def test() -> None:
        blobs = make()
        kept = await blobs.put(b"kept")
        for look in (blobs.get, blobs.path):
            with pytest.raises(BlobMissing, match=digest or "''"):
                await look(digest)
        await blobs.delete(digest)
        assert await blobs.digests() == [kept]

    asyncio.run(test())


def test_deleted_is_missing_and_can_be_put_again(make: Make) -> None:
    async def test() -> None:
        blobs = make()
        digest = await blobs.put(b"again")
        path = await blobs.path(digest)
        for _ in range(2):
            await blobs.delete(digest)
            with pytest.raises(BlobMissing):
                await blobs.get(digest)
            with pytest.raises(BlobMissing):
                await blobs.path(digest)
            assert not path.exists()
        assert await blobs.put(b"again") == digest
        assert await blobs.get(digest) == b"again"
        assert (await blobs.path(digest)).read_bytes() == b"again"

    asyncio.run(test())


def test_a_changed_buffer_does_not_change_the_blob(make: Make) -> None:
    async def test() -> None:
        blobs = make()
        content = bytearray(b"before")
        digest = await blobs.put(content)  # type: ignore[arg-type]
        content[:] = b"after!"
        assert await blobs.get(digest) == b"before"

    asyncio.run(test())


def test_many_at_once(make: Make) -> None:
    async def test() -> None:
        blobs = make()
        contents = [os.urandom(2000) for _ in range(60)]
        digests = await asyncio.gather(*[blobs.put(content) for content in contents])
        assert await asyncio.gather(*[blobs.get(digest) for digest in digests]) == contents

    asyncio.run(test())


def test_files_outlive_the_object(tmp_path: Path) -> None:
    async def test() -> None:
        digest = await FileBlobs(tmp_path / "blobs").put(b"lasting")
        again = FileBlobs(tmp_path / "blobs")
        assert await again.get(digest) == b"lasting"
        assert await again.digests() == [digest]

    asyncio.run(test())
