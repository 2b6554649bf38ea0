"""
The layers of a function become one tree, `/opt`: unpacked in their order, what comes later replaces what is there.

A layer is unpacked and judged by itself (`packages`); here its tree is laid over that of the layers before it. No
symbolic link is followed on the way, neither in the source nor in the target, so no layer writes through another's
link. Files are hard links to those of the unpacked layers: ten functions with the same layer need its room once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path


def name_of(digests: Sequence[str]) -> str:
    """The name of the merged tree of these layers, which their order matters for."""
    return "layers-" + hashlib.sha256("\n".join(digests).encode()).hexdigest()


def merge(layers: Sequence[Path], folder: Path) -> None:
    """Lay the trees of `layers` over each other in the new `folder`. Raises OSError."""
    folder.mkdir(parents=True, mode=0o755)
    for layer in layers:
        _lay(layer, folder)


def _lay(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                if not _is_folder(place):
                    _clear(place)
                    place.mkdir(mode=0o755)
                _lay(Path(entry.path), place)
            else:
                _clear(place)
                if entry.is_symlink():
                    place.symlink_to(Path(entry.path).readlink())
                else:
                    _put(entry.path, place)


def _put(source: str, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:  # a file system without hard links, or a file that has as many as it can
        shutil.copy2(source, place)


def _is_folder(place: Path) -> bool:
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except FileNotFoundError:
        return False


def _clear(place: Path) -> None:
    if _is_folder(place):
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
