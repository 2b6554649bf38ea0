"""
Code packages become folders.

A package is a blob named by the SHA-256 of its zip; unpacked, it is a read-only folder of the same name, shared by
every environment that runs it. It is unpacked beside its final place and renamed, so a folder that is
there is whole, whatever was killed when.

The limits are enforced here again, on what really comes out of the archive: a zip's directory may lie.
"""

from __future__ import annotations

import asyncio
import errno
import io
import lzma
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path, PurePosixPath

from tatami.environments import layer_merge
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
    OverflowError,  # sizes and offsets beyond what the machine can count
)

_UNFIT_NAMES = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ}
"""How the file system refuses entries that contradict each other or cannot be named; the rest is the disk's fault."""

_LONGEST_LINK = 4096


Maker = Callable[[Path], Awaitable[None]]
"""Makes the given new folder."""


class Packages:
    """The unpacked packages of this machine, in one folder."""

    def __init__(self, blobs: Blobs, folder: Path) -> None:
        self._blobs = blobs
        self._folder = folder
        self._unpacking: dict[str, asyncio.Task[Path]] = {}

    async def folder(self, digest: str) -> Path:
        """The unpacked package. Raises PackageUnusable."""
        return await self._made(digest, self._content(digest))

    async def merged(self, digests: Sequence[str]) -> Path | None:
        """The tree of these layers, later ones over earlier ones; None without any. Raises PackageUnusable."""
        if len(digests) < 2:
            return await self.folder(digests[0]) if digests else None
        return await self._made(layer_merge.name_of(digests), self._layers(tuple(digests)))

    async def forget(self, digest: str) -> None:
        """Remove an unpacked package that nothing runs any more."""
        await asyncio.to_thread(_remove, self._folder / digest)

    async def sweep(self) -> None:
        """Remove what a killed platform left half unpacked."""
        if self._folder.is_dir():
            for leftover in self._folder.glob("*.partial-*"):
                await asyncio.to_thread(_remove, leftover)

    async def _made(self, name: str, make: Maker) -> Path:
        """The folder `name`, made by whoever asks first while the others wait."""
        place = self._folder / name
        if place.is_dir():
            return place
        task = self._unpacking.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(place, make))
            self._unpacking[name] = task
            task.add_done_callback(lambda _: self._unpacking.pop(name, None))
        return await asyncio.shield(task)

    def _content(self, digest: str) -> Maker:
        async def make(folder: Path) -> None:
            try:
                content = await self._blobs.get(digest)
            except BlobMissing as missing:
                raise PackageUnusable(f"The code package {digest} is not stored") from missing
            await asyncio.to_thread(unpack, content, folder)

        return make

    def _layers(self, digests: Sequence[str]) -> Maker:
        async def make(folder: Path) -> None:
            layers = [await self.folder(digest) for digest in digests]
            await asyncio.to_thread(layer_merge.merge, layers, folder)

        return make

    async def _make(self, place: Path, make: Maker) -> Path:
        partial = place.with_name(f"{place.name}.partial-{hex_id(8)}")
        try:
            await make(partial)
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
                    links.append((target, _aim(archive, entry)))
                else:
                    budget -= _write(archive, entry, target, mode, budget)
        _link(folder, links)
    except _BROKEN as broken:
        raise PackageUnusable(f"Could not unzip the code package: {broken}") from broken
    except OSError as refused:
        if refused.errno not in {None, *_UNFIT_NAMES}:  # None: bz2 tells of broken data so
            raise
        raise PackageUnusable(f"Could not unzip the code package: {refused.strerror or refused}") from refused


def _aim(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    """Where a symbolic link points to; not more is read than a path can be long."""
    with archive.open(entry) as source:
        aim = source.read(_LONGEST_LINK + 1)
    if not aim or len(aim) > _LONGEST_LINK:
        raise PackageUnusable(f"The code package has a link without a usable target: {entry.filename!r}")
    return aim.decode("utf-8", "surrogateescape")


def _inside(folder: Path, name: str) -> Path:
    """The place of an entry; `./` is the root itself."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or not (parts or name.startswith(".")):
        raise PackageUnusable(f"The code package has an entry outside of its root: {name!r}")
    return folder.joinpath(*parts)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, mode: int, budget: int) -> int:
    """Write one file; returns its size."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    written = 0
    target.unlink(missing_ok=True)  # the last one of two entries of the same name counts
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
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    # A link that was checked may lead elsewhere now, through one that was made after it.
    for place, _ in links:
        aim = os.path.realpath(place)
        if not (aim == root or aim.startswith(root + os.sep)):
            raise PackageUnusable(f"The code package has a link that leads outside of its root: {place.name!r}")


def _publish(partial: Path, place: Path) -> None:
    try:
        partial.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        _remove(partial)  # another process of the platform was faster


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
