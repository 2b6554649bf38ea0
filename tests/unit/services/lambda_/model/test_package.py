"""The package inspector: good archives pass, every hostile one gets AWS's text, nothing else is ever raised."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.frame.errors import AwsError
from tatami.services.lambda_.errors import COULD_NOT_UNZIP
from tatami.services.lambda_.model import package
from tatami.services.lambda_.model.package import Package, inspect

Entry = tuple[str, bytes, int]
REGULAR = stat.S_IFREG | 0o644
LINK = stat.S_IFLNK | 0o777


def archive(*entries: Entry, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of (name, content, Unix mode), whatever the names are."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as target:
        warnings.simplefilter("ignore")  # duplicate names are what some tests are about
        for name, content, mode in entries:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.external_attr = mode << 16
            target.writestr(info, content, compress_type=compression)
    return buffer.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(AwsError) as caught:
        inspect(content)
    return caught.value.message


def test_an_ordinary_package() -> None:
    content = archive(
        ("handler.py", b"x = 1\n", REGULAR),
        ("library/", b"", stat.S_IFDIR | 0o755),
        ("library/", b"", stat.S_IFDIR | 0o755),
        ("library/module.py", b"", 0),
        ("./run.sh", b"#!/bin/sh\n", stat.S_IFREG | 0o755),
        ("library/alias.py", b"../handler.py", LINK),
        ("dangling", b"library/nothing", LINK),
    )
    assert inspect(content) == Package(files=5, unzipped_bytes=6 + 10 + 13 + 15)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x03\x04" + b"\0" * 60])
def test_what_is_no_archive(content: bytes) -> None:
    assert refusal(content) == COULD_NOT_UNZIP


@pytest.mark.parametrize("entries", [(), (("only/", b"", stat.S_IFDIR | 0o755),)])
def test_an_archive_without_files(entries: tuple[Entry, ...]) -> None:
    assert refusal(archive(*entries)) == "Uploaded file must be a non-empty zip"


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/passwd", "a\\..\\..\\evil", "\\evil", "..", "a" * 256, "a/" + "é" * 128]
)
def test_names_that_leave_the_folder_or_fit_on_no_disk(name: str) -> None:
    assert refusal(archive((name, b"", REGULAR))) == COULD_NOT_UNZIP


def test_a_name_that_hides_behind_a_nul() -> None:
    content = archive(("aXb", b"", REGULAR)).replace(b"aXb", b"a\0b")
    assert refusal(content) == COULD_NOT_UNZIP


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", "", "to\0nul", "x" * 5000])
def test_links_that_lead_outside(target: str) -> None:
    assert refusal(archive(("link", target.encode(), LINK))) == COULD_NOT_UNZIP


def test_a_link_that_climbs_out_through_another_link() -> None:
    content = archive(("deep/a/b/file", b"", REGULAR), ("near", b"deep/a/b", LINK), ("far", b"near/../../..", LINK))
    assert refusal(content) == COULD_NOT_UNZIP


@pytest.mark.parametrize(
    "entries",
    [
        (("a", b"1", REGULAR), ("a", b"2", REGULAR)),
        (("a", b"1", REGULAR), ("./a", b"2", REGULAR)),
        (("a", b"1", REGULAR), ("a/b", b"2", REGULAR)),
        (("a", b"folder", LINK), ("folder/", b"", stat.S_IFDIR | 0o755), ("a/b", b"2", REGULAR)),
        (("a", b"1", REGULAR), ("a/", b"", stat.S_IFDIR | 0o755)),
    ],
)
def test_two_things_in_one_place(entries: tuple[Entry, ...]) -> None:
    assert refusal(archive(*entries)) == COULD_NOT_UNZIP


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_what_is_neither_file_nor_folder(kind: int) -> None:
    assert refusal(archive(("odd", b"", kind | 0o644))) == COULD_NOT_UNZIP


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_unzip_does_not_know(compression: int) -> None:
    assert refusal(archive(("a", b"1", REGULAR), compression=compression)) == COULD_NOT_UNZIP


def test_damaged_content() -> None:
    content = bytearray(archive(("a", b"hello, hello, hello", REGULAR), compression=zipfile.ZIP_STORED))
    content[content.index(b"hello")] ^= 1
    assert refusal(bytes(content)) == COULD_NOT_UNZIP


def test_an_encrypted_entry() -> None:
    content = bytearray(archive(("a", b"1", REGULAR)))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    assert refusal(bytes(content)) == COULD_NOT_UNZIP


def test_the_zipped_limit() -> None:
    with pytest.raises(AwsError) as caught:
        inspect(b"x" * (package.MAX_ZIPPED_BYTES + 1))
    assert (caught.value.code, caught.value.status) == ("RequestEntityTooLargeException", 413)
    assert caught.value.message == "Zipped size must be smaller than 52428800 bytes"


def test_the_unzipped_limit_by_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_UNZIPPED_BYTES", 1000)
    inspect(archive(("a", b"0" * 600, REGULAR), ("b", b"0" * 400, REGULAR)))
    assert refusal(archive(("a", b"0" * 600, REGULAR), ("b", b"0" * 401, REGULAR))) == (
        "Unzipped size must be smaller than 1000 bytes"
    )


def test_a_directory_that_lies_about_sizes() -> None:
    content = bytearray(archive(("bomb", b"\0" * 5_000_000, REGULAR)))
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    assert refusal(bytes(content)) == COULD_NOT_UNZIP


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(content: bytes) -> None:
    with pytest.raises(AwsError):
        inspect(content)


GOOD = archive(("handler.py", b"x = 1\n" * 20, REGULAR), ("folder/link", b"../handler.py", LINK), ("z/", b"", 0))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_archive_raises_nothing_else(damage: list[tuple[int, int]]) -> None:
    content = bytearray(GOOD)
    for place, value in damage:
        content[place] = value
    try:
        inspect(bytes(content))
    except AwsError as error:
        assert error.code in {"InvalidParameterValueException", "RequestEntityTooLargeException"}


@settings(deadline=None)
@given(st.integers(0, len(GOOD)))
def test_a_truncated_archive_raises_nothing_else(length: int) -> None:
    try:
        inspect(GOOD[:length])
    except AwsError as error:
        assert error.code == "InvalidParameterValueException"
