"""
Code packages become folders.

A package is a blob named by the SHA-256 of its zip; unpacked, it is a read-only folder of the same name, shared by
every environment that runs it. It is unpacked beside its final place and renamed, so a folder that is
there is whole, whatever was killed when.

The limits are enforced here again, on what really comes out of the archive: a zip's directory may lie.
"""

from __future__ import annotations

import asyncio
import io
import lzma
import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tatami.kit.ids import hex_id
from tatami.ports.blobs import BlobMissing, Blobs
from tatami.ports.engine import PackageUnusable

MAX_UNPACKED_BYTES = 262_144_000
"""250 MB, layers included (AWS quota)."""

_CHUNK = 1024 * 1024

_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # a compression method that zipfile does not know
    RuntimeError,  # an encrypted entry
    EOFError,
    ValueError,
)


class Packages:
    """The unpacked packages of this machine, in one folder."""

    def __init__(self, blobs: Blobs, folder: Path) -> None:
        self._blobs = blobs
        self._folder = folder
        self._unpacking: dict[str, asyncio.Task[Path]] = {}

    async def folder(self, digest: str) -> Path:
        """The unpacked package. Raises PackageUnusable."""
        place = self._folder / digest
        if place.is_dir():
            return place
        task = self._unpacking.get(digest)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._unpack(digest, place))
            self._unpacking[digest] = task
            task.add_done_callback(lambda _: self._unpacking.pop(digest, None))
        return await asyncio.shield(task)

    async def forget(self, digest: str) -> None:
        """Remove an unpacked package that nothing runs any more."""
        await asyncio.to_thread(_remove, self._folder / digest)

    async def sweep(self) -> None:
        """Remove what a killed platform left half unpacked."""
        if self._folder.is_dir():
            for leftover in self._folder.glob("*.partial-*"):
                await asyncio.to_thread(_remove, leftover)

    async def _unpack(self, digest: str, place: Path) -> Path:
        try:
            content = await self._blobs.get(digest)
        except BlobMissing as missing:
            raise PackageUnusable(f"The code package {digest} is not stored") from missing
        partial = place.with_name(f"{digest}.partial-{hex_id(8)}")
        try:
            await asyncio.to_thread(unpack, content, partial)
            await asyncio.to_thread(_publish, partial, place)
        except BaseException:
            await asyncio.to_thread(_remove, partial)
            raise
        return place


def unpack(content: bytes, folder: Path) -> None:
    """Unpack the zip `content` into the new `folder`. Raises PackageUnusable, OSError."""
    folder.mkdir(parents=True, mode=0o755)
    budget = MAX_UNPACKED_BYTES
    links: list[tuple[Path, str]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                target = _inside(folder, entry.filename)
                mode = entry.external_attr >> 16
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True, mode=0o755)
                elif stat.S_ISLNK(mode):
                    links.append((target, archive.read(entry).decode("utf-8", "surrogateescape")))
                else:
                    budget -= _write(archive, entry, target, mode, budget)
    except _BROKEN as broken:
        raise PackageUnusable(f"Could not unzip the code package: {broken}") from broken
    _link(folder, links)


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise PackageUnusable(f"The code package has an entry outside of its root: {name!r}")
    return folder.joinpath(*parts)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, mode: int, budget: int) -> int:
    """Write one file; returns its size."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    written = 0
    with archive.open(entry) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > budget:
                raise PackageUnusable(f"Unzipped size must be smaller than {MAX_UNPACKED_BYTES} bytes")
            sink.write(chunk)
    # Archives made on Windows carry no mode. AWS lets every user read; execution is as packed.
    target.chmod(0o555 if mode & 0o111 else 0o444)
    return written


def _link(folder: Path, links: list[tuple[Path, str]]) -> None:
    """Make the symbolic links last, so that no file is ever written through one."""
    root = os.path.realpath(folder)
    for place, target in links:
        aim = os.path.realpath(place.parent / target)
        if Path(target).is_absolute() or not (aim == root or aim.startswith(root + os.sep)):
            raise PackageUnusable(f"The code package has a link that leads outside of its root: {place.name!r}")
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        place.symlink_to(target)


def _publish(partial: Path, place: Path) -> None:
    try:
        partial.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        _remove(partial)  # another process of the platform was faster


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
