"""
What a deployment package may look like: a zip archive that unpacks into one folder and nowhere else.

The archive comes from outside and is hostile until proven otherwise. Everything is judged here, before
anything is stored: names that leave the folder, links that point out of it, two entries in one place,
sizes that lie. Whoever unpacks counts the bytes again.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass

from tatami.frame.errors import AwsError
from tatami.services.lambda_ import errors

MAX_ZIPPED_BYTES = 52_428_800
MAX_UNZIPPED_BYTES = 262_144_000

_PIECE = 1 << 20
_MAX_LINK_BYTES = 4096
_MAX_NAME_BYTES = 255
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    struct.error,
)
"""Everything that zipfile raises on broken archives."""


@dataclass(frozen=True, slots=True)
class Package:
    """An archive that was found good: how many files, and their bytes when unpacked."""

    files: int
    unzipped_bytes: int


@dataclass(frozen=True, slots=True)
class CheckedPackage:
    """A package that was found good. digest: of its blob. size: of the archive; unzipped: of its files; in bytes."""

    digest: str
    size: int
    unzipped: int


def checked(content: bytes) -> CheckedPackage:
    """Inspect the archive `content` and say what there is to keep of it. Raises AwsError."""
    package = inspect(content)
    return CheckedPackage(hashlib.sha256(content).hexdigest(), len(content), package.unzipped_bytes)


def inspect(content: bytes) -> Package:
    """Read the whole archive once. Raises AwsError with AWS's text when it cannot be a package."""
    if len(content) > MAX_ZIPPED_BYTES:
        raise errors.entity_too_large(f"Zipped size must be smaller than {MAX_ZIPPED_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _inspect_entries(archive)
    except _DAMAGED as error:
        raise _unusable() from error


def _unusable() -> AwsError:
    return errors.invalid_parameter(errors.COULD_NOT_UNZIP)


def _too_large() -> AwsError:
    return errors.invalid_parameter(f"Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes")


def _inspect_entries(archive: zipfile.ZipFile) -> Package:
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_UNZIPPED_BYTES:
        raise _too_large()  # before a single byte is inflated
    folders: set[str] = set()
    files: set[str] = set()
    links: dict[str, str] = {}
    total = 0
    for entry in entries:
        path = _safe_path(entry)
        if entry.is_dir():
            folders.add(path)
            continue
        if path in files:
            raise _unusable()
        files.add(path)
        total += _read(archive, entry, MAX_UNZIPPED_BYTES - total)
        if stat.S_ISLNK(entry.external_attr >> 16):
            links[path] = _link_target(archive, entry)
    if not files:
        raise errors.invalid_parameter("Uploaded file must be a non-empty zip")
    _check_places(files, folders)
    _check_links(links)
    return Package(files=len(files), unzipped_bytes=total)


def _safe_path(entry: zipfile.ZipInfo) -> str:
    """The entry's normalised path. Refuses what does not stay inside, and what no unpacker should meet."""
    name = entry.orig_filename
    if "\0" in name or name.startswith(("/", "\\")) or entry.flag_bits & _ENCRYPTED:
        raise _unusable()
    if entry.compress_type not in _COMPRESSIONS:
        raise _unusable()
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts or any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        raise _unusable()
    if not parts and not entry.is_dir():
        raise _unusable()
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise _unusable()  # devices, pipes and sockets
    return "/".join(parts)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int) -> int:
    """Inflate one entry (which checks its CRC) and count; the central directory's sizes may lie."""
    count = 0
    with archive.open(entry) as source:
        while piece := source.read(_PIECE):
            count += len(piece)
            if count > room:
                raise _too_large()
    if count != entry.file_size:
        raise _unusable()
    return count


def _link_target(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    if not 0 < entry.file_size <= _MAX_LINK_BYTES:
        raise _unusable()
    target = archive.read(entry).decode()
    if "\0" in target:
        raise _unusable()
    return target


def _check_places(files: set[str], folders: set[str]) -> None:
    """Nothing may lie where a file (or link) already is: neither a folder nor anything below it."""
    if files & folders:
        raise _unusable()
    for path in files | folders:
        parent = posixpath.dirname(path)
        while parent:
            if parent in files:
                raise _unusable()
            parent = posixpath.dirname(parent)


def _check_links(links: dict[str, str]) -> None:
    """Every link must stay inside whichever way it is followed.

    `..` after another link would climb from where that link leads, which a look at the text cannot tell;
    therefore a target may climb only within real folders: no part of its way may be a link.
    """
    for path, target in links.items():
        if target.startswith("/"):
            raise _unusable()
        place = posixpath.dirname(path)
        for part in target.split("/"):
            if part == "..":
                if not place or place in links:
                    raise _unusable()
                place = posixpath.dirname(place)
            elif part not in ("", "."):
                place = posixpath.join(place, part)
