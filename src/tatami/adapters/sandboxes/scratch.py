"""Images of empty disks, one a size, that `/tmp` is copied from."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

_INODES_PER_MB = 64
_INODE_BYTES = 256
_TOOL_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin"


class ScratchImages:
    """Makes and keeps the images under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[int, str] = {}
        self._tool = shutil.which("mke2fs", path=f"{os.environ.get('PATH', '')}:{_TOOL_FOLDERS}")
        self._making = asyncio.Lock()

    async def usable(self) -> bool:
        """Whether this machine can make images and attach them."""
        if self._tool is None or not os.access("/dev/loop-control", os.R_OK | os.W_OK):
            return False
        try:
            await self.of(512)
        except OSError:
            return False
        return True

    async def of(self, size_mb: int) -> str:
        """The path of an image that holds `size_mb` of files. Raises OSError."""
        async with self._making:
            if size_mb not in self._made:
                self._made[size_mb] = await self._make(size_mb)
            return self._made[size_mb]

    async def _make(self, size_mb: int) -> str:
        path = self._folder / f"scratch-{size_mb}.ext4"
        inodes = size_mb * _INODES_PER_MB
        # Room for the inodes and the file system's own records beside the files.
        total = size_mb + inodes * _INODE_BYTES // (1 << 20) + size_mb // 40 + 8
        with path.open("wb") as file:
            file.truncate(total << 20)
        process = await asyncio.create_subprocess_exec(
            str(self._tool), "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", str(inodes),
            "-O", "^has_journal,^resize_inode,^metadata_csum", "-I", str(_INODE_BYTES),
            "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", str(path),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        if await process.wait() != 0:
            path.unlink(missing_ok=True)
            raise OSError(5, f"{self._tool} made no image of {size_mb} MB")
        return str(path)
