"""Packages: what goes in, what stays out, and that the same files make the same bytes."""

from __future__ import annotations

import io
import os
import socket
import stat
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.cli.package import OLDEST, zip_folder
from tatami.cli.session import CommandError


def opened(package: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(package))


def names(package: bytes) -> list[str]:
    with opened(package) as archive:
        return archive.namelist()


def write(path: Path, content: bytes = b"x", mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def test_entries_are_sorted_and_dated_alike(tmp_path: Path) -> None:
    for name in ("b.py", "a/z.py", "a.py", "a/b/c.txt"):
        write(tmp_path / name)
    with opened(zip_folder(tmp_path)) as archive:
        assert archive.namelist() == ["a.py", "a/b/c.txt", "a/z.py", "b.py"]
        assert {entry.date_time for entry in archive.infolist()} == {OLDEST}


def test_of_modes_only_executable_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "bootstrap", mode=0o700)
    write(tmp_path / "data", mode=0o600)
    with opened(zip_folder(tmp_path)) as archive:
        modes = {entry.filename: stat.filemode(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes == {"bootstrap": "-rwxr-xr-x", "data": "-rw-r--r--"}


def test_what_is_not_of_the_function_stays_out(tmp_path: Path) -> None:
    for name in (".git/config", "__pycache__/a.pyc", "lib/__pycache__/b.pyc", "function.toml", "lib/function.toml"):
        write(tmp_path / name)
    write(tmp_path / "app.py")
    assert names(zip_folder(tmp_path)) == ["app.py", "lib/function.toml"]


def test_links_that_stay_inside_are_kept_as_links(tmp_path: Path) -> None:
    write(tmp_path / "lib" / "real.py")
    (tmp_path / "lib" / "alias.py").symlink_to("real.py")
    (tmp_path / "folder").symlink_to("lib")
    (tmp_path / "lib" / "up").symlink_to("../lib/real.py")
    with opened(zip_folder(tmp_path)) as archive:
        links = {
            entry.filename: archive.read(entry)
            for entry in archive.infolist()
            if stat.S_ISLNK(entry.external_attr >> 16)
        }
    assert links == {"folder": b"lib", "lib/alias.py": b"real.py", "lib/up": b"../lib/real.py"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "lib/../../outside"])
def test_a_link_that_leaves_the_folder_is_refused(target: str, tmp_path: Path) -> None:
    write(tmp_path / "app.py")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(CommandError, match="leads out of the package"):
        zip_folder(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CommandError, match="pipe is neither a file nor a folder"):
        zip_folder(tmp_path)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may have 108 bytes only
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        with pytest.raises(CommandError, match="neither a file nor a folder"):
            zip_folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "function.toml")
    with pytest.raises(CommandError, match="there is nothing to deploy in"):
        zip_folder(tmp_path)


@given(
    files=st.dictionaries(st.from_regex(r"\A[a-zA-Z0-9_é]{1,8}\.x\Z"), st.binary(max_size=50), min_size=1, max_size=6),
    moment=st.integers(0, 2**31),
    backwards=st.booleans(),
)
def test_the_same_files_make_the_same_bytes(files: dict[str, bytes], moment: int, backwards: bool) -> None:
    packages = []
    for order in (list(files), sorted(files, reverse=backwards)):
        with TemporaryDirectory() as folder:
            for name in order:
                write(Path(folder) / name, files[name])
                os.utime(Path(folder) / name, (moment, moment))
            packages.append(zip_folder(Path(folder)))
    assert packages[0] == packages[1]
    with opened(packages[0]) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
