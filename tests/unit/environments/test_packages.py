"""Unpacking code packages, good ones, broken ones and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tatami.adapters.blobs.memory import MemoryBlobs
from tatami.environments import packages
from tatami.environments.packages import Packages, unpack
from tatami.ports.engine import PackageUnusable

FILE, LINK, FOLDER = stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR
Entry = tuple[str, bytes, int]


def zipped(*entries: Entry, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, content, Unix mode)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.filename = name  # as it is: ZipInfo would tidy it
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, data)
    return content.getvalue()


def link(name: str, target: str) -> Entry:
    return (name, target.encode(), LINK | 0o777)


def file(name: str, data: bytes = b"x") -> Entry:
    return (name, data, FILE | 0o644)


def test_files_folders_links_and_permissions(tmp_path: Path) -> None:
    content = zipped(
        ("pkg/", b"", FOLDER | 0o755),
        ("bootstrap", b"#!/bin/sh\n", FILE | 0o755),
        ("pkg/data.txt", b"data", FILE | 0o600),
        ("windows.py", b"pass", 0),
        link("latest", "pkg/data.txt"),
        link("pkg/up", "../bootstrap"),
        file("deep/er/file"),
    )
    unpack(content, tmp_path / "out")
    out = tmp_path / "out"
    modes = {name: stat.S_IMODE((out / name).stat().st_mode) for name in ("bootstrap", "pkg/data.txt", "windows.py")}
    assert modes == {"bootstrap": 0o555, "pkg/data.txt": 0o444, "windows.py": 0o444}
    assert (out / "latest").readlink() == Path("pkg/data.txt")
    assert (out / "pkg/up").read_bytes() == b"#!/bin/sh\n"
    assert (out / "deep/er/file").read_bytes() == b"x"
    assert stat.S_IMODE((out / "pkg").stat().st_mode) & 0o555 == 0o555


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_that_zip_tools_use(tmp_path: Path, method: int) -> None:
    unpack(zipped(file("a", b"abc" * 1000), method=method), tmp_path / "out")
    assert (tmp_path / "out/a").read_bytes() == b"abc" * 1000


def test_windows_separators_are_folders(tmp_path: Path) -> None:
    unpack(zipped(file("pkg\\mod\\a.py")), tmp_path / "out")
    assert (tmp_path / "out/pkg/mod/a.py").is_file()


def test_an_entry_for_the_root_itself_and_dots_in_names(tmp_path: Path) -> None:
    unpack(zipped(("./", b"", FOLDER | 0o755), file("./a"), file("..b"), file("c...")), tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["..b", "a", "c..."]


def test_the_last_of_two_entries_of_one_name_counts(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zipped(file("a", b"1"), file("a", b"2"), link("l", "a"), link("l", "b"))
    unpack(content, tmp_path / "out")
    assert (tmp_path / "out/a").read_bytes() == b"2"


@pytest.mark.parametrize(
    "name",
    ["../a", "x/../../a", "/etc/a", "..", "a/..", "..\\a", "x\\..\\..\\a", "\\a", "/", "//a", "", "a/b/../../../c"],
)
def test_names_outside_of_the_root_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageUnusable):
        unpack(zipped(file(name)), tmp_path / "in" / "out")
    assert [path for path in (tmp_path / "in").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "entries",
    [
        [link("l", "/etc/passwd")],
        [link("l", "..")],
        [link("l", "../../etc")],
        [link("d/l", "../../x")],
        [link("a", "b"), link("b", "..")],
        [link("a", "."), link("b", "a/..")],
        [link("a", "d/e/b/../x"), link("d/e/b", "../..")],
        [link("d", "."), link("d/l", "../x")],
        [link("l", "")],
        [link("l", "x" * 5000)],
        [link("l", "a\0b")],
    ],
    ids=lambda entries: " ".join(entry[0] for entry in entries),
)
def test_links_that_lead_outside_are_refused(tmp_path: Path, entries: list[Entry]) -> None:
    with pytest.raises(PackageUnusable):
        unpack(zipped(*entries), tmp_path / "in" / "out")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    with pytest.raises(PackageUnusable):
        unpack(zipped(link("door", "../victim"), file("door/a")), tmp_path / "out")
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize(
    "entries",
    [
        [file("a"), file("a/b")],
        [file("a/b"), file("a")],
        [file("a"), ("a/", b"", FOLDER | 0o755)],
        [file("x" * 300)],
        [file("a"), link("a/l", "b")],
        [link("a", "b"), file("a/c")],
    ],
    ids=["file as folder", "folder as file", "folder over file", "long name", "link below file", "file below link"],
)
def test_entries_that_contradict_each_other_are_refused(tmp_path: Path, entries: list[Entry]) -> None:
    with pytest.raises(PackageUnusable):
        unpack(zipped(*entries), tmp_path / "out")


def test_links_to_links_and_to_themselves_do_no_harm(tmp_path: Path) -> None:
    unpack(zipped(link("a", "b"), link("b", "c"), file("c"), link("self", "self")), tmp_path / "out")
    assert (tmp_path / "out/a").read_bytes() == b"x"


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100, zipped(file("a"))[:-10]])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PackageUnusable):
        unpack(content, tmp_path / "out")


def test_an_empty_zip_is_an_empty_package(tmp_path: Path) -> None:
    unpack(zipped(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_content_is_refused(tmp_path: Path, method: int) -> None:
    content = bytearray(zipped(file("a", os.urandom(2000)), method=method))
    content[600:900] = bytes(300)
    with pytest.raises(PackageUnusable):
        unpack(bytes(content), tmp_path / "out")


def test_encrypted_entries_and_unknown_methods_are_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(file("a")))
    central = content.index(b"PK\1\2")
    encrypted = bytearray(content)
    struct.pack_into("<H", encrypted, 6, 1)
    struct.pack_into("<H", encrypted, central + 8, 1)
    unknown = bytearray(content)
    struct.pack_into("<H", unknown, 8, 99)
    struct.pack_into("<H", unknown, central + 10, 99)
    for number, broken in enumerate((encrypted, unknown)):
        with pytest.raises(PackageUnusable):
            unpack(bytes(broken), tmp_path / str(number))


@pytest.mark.parametrize("claimed", [10, 2**31])
def test_a_bomb_that_lies_about_its_size_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: int
) -> None:
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 3_000_000)
    content = bytearray(zipped(file("a", bytes(20_000_000))))
    central = content.index(b"PK\1\2")
    struct.pack_into("<I", content, 22, claimed)
    struct.pack_into("<I", content, central + 24, claimed)
    with pytest.raises(PackageUnusable):
        unpack(bytes(content), tmp_path / "out")
    written = sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert written <= 3_000_000


def test_the_limit_counts_all_files_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 1000)
    unpack(zipped(file("a", bytes(600)), file("b", bytes(400))), tmp_path / "fits")
    with pytest.raises(PackageUnusable, match="Unzipped size"):
        unpack(zipped(file("a", bytes(600)), file("b", bytes(401))), tmp_path / "too-much")


def test_a_link_that_is_a_bomb_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(PackageUnusable):
        unpack(zipped(("l", bytes(50_000_000), LINK | 0o777)), tmp_path / "out")


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PackageUnusable):
        unpack(content, tmp_path / os.urandom(8).hex())


SEED = zipped(file("pkg/a", b"hello" * 20), link("l", "pkg/a"), ("d/", b"", FOLDER | 0o755), file("b"))


@given(st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_zips_are_unpacked_inside_or_refused(tmp_path: Path, damage: list[tuple[int, int]]) -> None:
    content = bytearray(SEED)
    for at, byte in damage:
        content[at] = byte
    out = tmp_path / os.urandom(8).hex() / "out"
    with contextlib.suppress(PackageUnusable):
        unpack(bytes(content), out)
    assert os.listdir(out.parent) == ["out"]


# The folder of packages.


def test_two_requests_at_once_unpack_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def counted(content: bytes, folder: Path) -> None:
        calls.append(folder)
        unpack(content, folder)

    monkeypatch.setattr(packages, "unpack", counted)

    async def test() -> None:
        blobs = MemoryBlobs()
        digest = await blobs.put(zipped(file("a")))
        folder = Packages(blobs, tmp_path / "code")
        places = await asyncio.gather(*(folder.folder(digest) for _ in range(5)))
        assert set(places) == {tmp_path / "code" / digest}
        assert len(calls) == 1
        await folder.folder(digest)
        assert len(calls) == 1
        await folder.forget(digest)
        assert os.listdir(tmp_path / "code") == []
        await folder.folder(digest)
        assert len(calls) == 2

    asyncio.run(test())


def test_a_caller_that_goes_away_does_not_spoil_it_for_the_others(tmp_path: Path) -> None:
    async def test() -> None:
        blobs = MemoryBlobs()
        digest = await blobs.put(zipped(file("a")))
        folder = Packages(blobs, tmp_path)
        first = asyncio.ensure_future(folder.folder(digest))
        second = asyncio.ensure_future(folder.folder(digest))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second / "a").is_file()

    asyncio.run(test())


def test_two_platforms_may_unpack_the_same(tmp_path: Path) -> None:
    async def test() -> None:
        blobs = MemoryBlobs()
        digest = await blobs.put(zipped(file("a")))
        places = await asyncio.gather(*(Packages(blobs, tmp_path).folder(digest) for _ in range(4)))
        assert set(places) == {tmp_path / digest}
        assert os.listdir(tmp_path) == [digest]

    asyncio.run(test())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_disk_error_is_not_the_packages_fault_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(code, os.strerror(code))

    async def test() -> None:
        blobs = MemoryBlobs()
        digest = await blobs.put(zipped(file("a")))
        folder = Packages(blobs, tmp_path / "code")
        with monkeypatch.context() as broken:
            broken.setattr(packages, "_write", fail)
            with pytest.raises(OSError, match=os.strerror(code)):
                await folder.folder(digest)
        assert os.listdir(tmp_path / "code") == []
        assert (await folder.folder(digest) / "a").is_file(), "it is tried again"

    asyncio.run(test())


def test_an_unusable_package_leaves_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        blobs = MemoryBlobs()
        folder = Packages(blobs, tmp_path)
        for content in (b"no zip", zipped(file("a"), file("../b"))):
            with pytest.raises(PackageUnusable):
                await folder.folder(await blobs.put(content))
        with pytest.raises(PackageUnusable, match="not stored"):
            await folder.folder("0" * 64)
        assert os.listdir(tmp_path) == []

    asyncio.run(test())


def test_half_unpacked_folders_are_swept(tmp_path: Path) -> None:
    async def test() -> None:
        blobs = MemoryBlobs()
        folder = Packages(blobs, tmp_path / "code")
        await folder.sweep()
        place = await folder.folder(await blobs.put(zipped(file("a"))))
        half = tmp_path / "code" / f"{'1' * 64}.partial-0011"
        (half / "deep").mkdir(parents=True)
        (half / "deep" / "a").write_bytes(b"x")
        await folder.sweep()
        assert os.listdir(tmp_path / "code") == [place.name]

    asyncio.run(test())
