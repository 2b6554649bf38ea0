"""The temporary folder of blobs in memory."""

from __future__ import annotations

import asyncio
import gc

from tatami.adapters.blobs.memory import MemoryBlobs


def test_the_folder_goes_with_the_object() -> None:
    blobs = MemoryBlobs()
    digest = asyncio.run(blobs.put(b"content"))
    folder = asyncio.run(blobs.path(digest)).parent
    assert folder.is_dir()
    del blobs
    gc.collect()
    assert not folder.exists()
