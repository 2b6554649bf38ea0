"""Where file blobs lie, in which order they get there, and what a crash or a full disk leaves."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tatami.adapters.blobs.files import FileBlobs

DIGEST = hashlib.sha256(b"content").hexdigest()


def test_the_place_of_a_blob(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "deep" / "blobs")
    assert asyncio.run(blobs.put(b"content")) == DIGEST
    assert asyncio.run(blobs.path(DIGEST)) == tmp_path / "deep" / "blobs" / DIGEST[:2] / DIGEST
    assert list((tmp_path / "deep" / "blobs" / "incoming").iterdir()) == []


def test_leftovers_of_a_crash_are_removed_at_start(tmp_path: Path) -> None:
    digest = asyncio.run(FileBlobs(tmp_path).put(b"content"))
    (tmp_path / "incoming" / "half").write_bytes(b"cont")
    blobs = FileBlobs(tmp_path)
    assert list((tmp_path / "incoming").iterdir()) == []
    assert asyncio.run(blobs.get(digest)) == b"content"


def test_content_is_flushed_before_its_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FileBlobs(tmp_path)
    place = tmp_path / DIGEST[:2] / DIGEST
    seen: list[tuple[str, bool]] = []
    flush = os.fsync

    def watch(descriptor: int) -> None:
        flush(descriptor)
        seen.append((Path(f"/proc/self/fd/{descriptor}").resolve().parent.name, place.exists()))

    monkeypatch.setattr(os, "fsync", watch)
    asyncio.run(blobs.put(b"content"))
    folder, file, name = seen
    assert folder[1] is False  # the new folder's own name
    assert file == ("incoming", False)
    assert name == (tmp_path.name, True)


@pytest.mark.parametrize("step", ["fsync", "fchmod", "rename"])
def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    blobs = FileBlobs(tmp_path)

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as broken:
        broken.setattr(Path if step == "rename" else os, step, refuse)
        with pytest.raises(OSError, match="full"):
            asyncio.run(blobs.put(b"content"))
    assert asyncio.run(blobs.digests()) == []
    assert list((tmp_path / "incoming").iterdir()) == []
    assert asyncio.run(blobs.put(b"content")) == DIGEST


def test_a_stranger_in_the_folder_is_no_blob(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "README").write_text("hello")
    (tmp_path / "ab" / DIGEST).write_text("in the wrong folder")
    assert asyncio.run(blobs.digests()) == []
