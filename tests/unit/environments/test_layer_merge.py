"""Layers over each other: one tree, nothing written through a link."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.packages import zipped
from tests.unit.environments.test_packages import file, link
from tests.unit.environments.test_packages import zipped as entries

from tatami.adapters.blobs.memory import MemoryBlobs
from tatami.environments.packages import Packages
from tatami.ports.engine import PackageUnusable


def merged(tmp_path: Path, *layers: bytes) -> Path:
    """The tree of these layers, in their order."""

    async def run() -> Path:
        blobs = MemoryBlobs()
        digests = [await blobs.put(layer) for layer in layers]
        folder = await Packages(blobs, tmp_path / "code").merged(digests)
        assert folder is not None
        return folder

    return asyncio.run(run())


def test_later_layers_win(tmp_path: Path) -> None:
    first = zipped({"a": "1", "python/x.py": "1", "python/y.py": "1"})
    second = zipped({"a": "2", "python/x.py": "2", "bin/tool": "2"})
    folder = merged(tmp_path, first, second)
    found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a": "2", "python/x.py": "2", "python/y.py": "1", "bin/tool": "2"}
    again = merged(tmp_path, second, first)
    assert again != folder
    assert (again / "a").read_text() == "1"
    assert (folder / "a").stat().st_mode & 0o777 == 0o555


def test_the_unpacked_layers_stay_as_they_were(tmp_path: Path) -> None:
    first, second = zipped({"a": "1"}), zipped({"a": "2"})
    merged(tmp_path, first, second)
    assert (merged(tmp_path, first) / "a").read_text() == "1"
    assert (merged(tmp_path, second) / "a").read_text() == "2"


def test_files_folders_and_links_replace_each_other(tmp_path: Path) -> None:
    shapes = {
        "file": entries(file("x", b"file")),
        "folder": entries(file("x/inner", b"folder")),
        "link": entries(link("x", "y"), file("y", b"aim")),
    }
    for before, after in itertools.permutations(shapes, 2):
        folder = merged(tmp_path / f"{before}-{after}", shapes[before], shapes[after])
        place = folder / "x"
        assert (place.is_symlink(), place.is_dir()) == (after == "link", after == "folder")
        if before == "link" and after != "link":
            assert (folder / "y").read_bytes() == b"aim", "nothing was written through the link"


def test_no_layer_is_written_through_the_link_of_another(tmp_path: Path) -> None:
    first = entries(link("python", "lib"), file("lib/x.py", b"first"))
    folder = merged(tmp_path, first, zipped({"python/x.py": "second"}))
    assert (folder / "python/x.py").read_bytes() == b"second"
    assert (folder / "lib/x.py").read_bytes() == b"first"
    assert not (folder / "python").is_symlink()


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, *arguments: object, **named: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr("tatami.environments.layer_merge.os.link", refuse)
    folder = merged(tmp_path, zipped({"a": "1", "b": "1"}), zipped({"b": "2"}))
    assert ((folder / "a").read_text(), (folder / "b").read_text()) == ("1", "2")
    assert (folder / "a").stat().st_nlink == 1
    assert (folder / "a").stat().st_mode & 0o777 == 0o555


def run(work: Callable[[Packages, MemoryBlobs], object], folder: Path) -> None:
    async def inside() -> None:
        blobs = MemoryBlobs()
        await work(Packages(blobs, folder), blobs)  # type: ignore[misc]

    asyncio.run(inside())


def test_one_layer_is_its_own_tree_and_none_is_none(tmp_path: Path) -> None:
    async def work(packages: Packages, blobs: MemoryBlobs) -> None:
        digest = await blobs.put(zipped({"a": "1"}))
        assert await packages.merged([]) is None
        assert await packages.merged([digest]) == await packages.folder(digest)

    run(work, tmp_path)


def test_many_ask_at_once_and_one_merges(tmp_path: Path) -> None:
    async def work(packages: Packages, blobs: MemoryBlobs) -> None:
        digests = [await blobs.put(zipped({"a": text})) for text in "12"]
        folders = await asyncio.gather(*(packages.merged(digests) for _ in range(5)))
        assert len(set(folders)) == 1
        assert len(list(tmp_path.iterdir())) == 3, "two layers and their merged tree, nothing half made"

    run(work, tmp_path)


def test_a_layer_that_is_gone(tmp_path: Path) -> None:
    async def work(packages: Packages, blobs: MemoryBlobs) -> None:
        digest = await blobs.put(zipped({"a": "1"}))
        with pytest.raises(PackageUnusable, match="is not stored"):
            await packages.merged([digest, "0" * 64])
        assert [path.name for path in tmp_path.iterdir()] == [digest]

    run(work, tmp_path)
