"""A folder as a deployment package; the same files make the same bytes, so unchanged code keeps its hash."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tatami.cli.function_file import FILE_NAME
from tatami.cli.session import CommandError

SKIPPED_FOLDERS = frozenset({".git", "__pycache__"})
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can name, for every entry: when a file was written is nothing of the function's."""


def zip_folder(folder: Path) -> bytes:
    """The files below `folder` as a zip: sorted, with fixed times; of their modes only whether they are executable.

    Leaves out `.git`, `__pycache__` and the folder's own function.toml. Symbolic links that stay inside are kept as
    links. Raises CommandError for an empty folder, a link that leaves it, or what is neither file nor link.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix()):
            archive.writestr(_entry(folder, path), _content(folder, path), zipfile.ZIP_DEFLATED)
        if not archive.infolist():
            raise CommandError(f"there is nothing to deploy in {folder}")
    return content.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    """Everything below `folder` that is not a folder; links to folders are such, too."""
    for where, folders, files in os.walk(folder):
        here = Path(where)
        yield from (here / name for name in folders if (here / name).is_symlink())
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        yield from (here / name for name in files if here != folder or name != FILE_NAME)


def _entry(folder: Path, path: Path) -> zipfile.ZipInfo:
    mode = path.lstat().st_mode
    name = path.relative_to(folder).as_posix()
    if not name.isprintable() and name.encode("utf-8", "replace") != name.encode("utf-8", "surrogateescape"):
        raise CommandError(f"the file name {name!r} is not UTF-8 and cannot be deployed")
    entry = zipfile.ZipInfo(name, OLDEST)
    # 3 is Unix, on whatever system this runs: only then do readers look for a mode in the upper 16 bits.
    entry.create_system = 3
    if stat.S_ISLNK(mode):
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    else:
        entry.external_attr = (stat.S_IFREG | (0o755 if mode & 0o111 else 0o644)) << 16
    return entry


def _content(folder: Path, path: Path) -> bytes:
    try:
        if path.is_symlink():
            return _link_target(folder, path).encode()
        if not path.is_file():
            raise CommandError(f"{path} is neither a file nor a folder and cannot be deployed")
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def _link_target(folder: Path, path: Path) -> str:
    target = path.readlink()
    lands = os.path.normpath(path.parent / target)
    if target.is_absolute() or not Path(lands).is_relative_to(os.path.normpath(folder)):
        raise CommandError(f"the link {path} leads out of the package, to {target}")
    return PurePosixPath(target).as_posix()
