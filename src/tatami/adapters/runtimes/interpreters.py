"""
Where the interpreters of a machine lie: one generator per language, the preferred place first.

Looked at are PATH, then the folders of the usual version managers: pyenv, uv, asdf and mise for Python; nvm, volta,
asdf and mise for Node.js; rbenv, rvm, asdf, mise and `/opt/rubies` for Ruby; for Java JAVA_HOME first, then
`/usr/lib/jvm`, `/opt/java*`, sdkman, asdf and mise. Shims are passed over: a pyenv shim is a shell script that costs
100 ms at every start and may point nowhere.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_JAVA_SAYS = re.compile(r'(?:JAVA_VERSION=|openjdk |java |version )"?(\d+(?:\.\d+)*)')
"""In a JDK's `release` file and in what `java --version` prints; the first release of a line is `25`, without dots."""
_PYTHON = re.compile(r"python3\.(\d+)")
_RUBY = re.compile(r"ruby(\d\.\d)?")
_VOLTA = (".volta", "bin")
"""The folder of volta's shims, which are links to one program."""


@dataclass(frozen=True)
class Interpreter:
    """version is "" until it is known."""

    executable: Path
    version: str


def pythons(home: Path) -> Iterator[tuple[int, Interpreter]]:
    """Minor version and place of every `python3.N`; last the one that runs the platform."""
    patterns = (".pyenv/versions/*/bin", ".local/share/uv/python/cpython-*/bin", *_managed("python"))
    for folder in [*search_path(), *_newest(home, *patterns), Path(sys.base_prefix) / "bin"]:
        for path in _listed(folder):
            if (match := _PYTHON.fullmatch(path.name)) and usable(path):
                yield int(match.group(1)), Interpreter(path, _version_of(path))


def nodes(home: Path) -> Iterator[Interpreter]:
    """Every `node`, with its version."""
    for folder in search_path():
        if usable(path := folder / "node") and (version := ask_version(path)):
            yield Interpreter(path, version)
    patterns = (".nvm/versions/node/v*/bin", ".volta/tools/image/node/*/bin", *_managed("nodejs"), *_managed("node"))
    for folder in _newest(home, *patterns):
        if usable(path := folder / "node") and (version := _version_of(path)):
            yield Interpreter(path, version)


def rubies(home: Path, system: Path) -> Iterator[Interpreter]:
    """Every `ruby` or `rubyX.Y`, with its version. system: the root folder of the machine."""
    for folder in search_path():
        for path in _listed(folder):
            if _RUBY.fullmatch(path.name) and usable(path) and (version := ask_version(path)):
                yield Interpreter(path, version)
    patterns = (".rbenv/versions/*/bin", ".rvm/rubies/ruby-*/bin", ".rubies/ruby-*/bin", *_managed("ruby"))
    for folder in [*_newest(home, *patterns), *_newest(system, "opt/rubies/ruby-*/bin")]:
        if usable(path := folder / "ruby") and (version := _version_of(path)):
            yield Interpreter(path, version)


def javas(home: Path, system: Path) -> Iterator[Interpreter]:
    """Every `java`, with its version; the file itself, not a link to it, because a JVM finds its parts from there."""
    folders = [Path(root) / "bin"] if (root := os.environ.get("JAVA_HOME")) else []
    folders += search_path()
    folders += _newest(system, "usr/lib/jvm/*/bin", "opt/java*/bin", "opt/java/*/bin", "opt/jdk*/bin")
    folders += _newest(home, ".sdkman/candidates/java/*/bin", ".jdks/*/bin", *_managed("java"))
    seen = set()
    for folder in folders:
        path = (folder / "java").resolve()
        if path not in seen and usable(path):
            seen.add(path)
            if version := java_version(path):
                yield Interpreter(path, version)


def java_version(path: Path) -> str:
    """From the `release` file of the JDK or JRE, which costs no process; else what it says itself; "" if it is none."""
    try:
        release = (path.parent.parent / "release").read_text(errors="replace")
    except OSError:
        release = ""
    match = _JAVA_SAYS.search(release) or _JAVA_SAYS.search(_said(path))
    return match.group(1) if match else ""


def ask_version(path: Path) -> str:
    """What `--version` says, or ""."""
    match = _VERSION.search(_said(path))
    return ".".join(match.groups()) if match else ""


def usable(path: Path) -> bool:
    """Whether it is a file that may be executed."""
    return path.is_file() and os.access(path, os.X_OK)


def search_path() -> list[Path]:
    """The folders of PATH that hold programs themselves."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    # A virtual environment's interpreter would bring its packages; the one that it was made from is found elsewhere.
    plain = [
        folder
        for folder in folders
        if folder.name != "shims" and folder.parts[-2:] != _VOLTA and not (folder.parent / "pyvenv.cfg").exists()
    ]
    return list(dict.fromkeys(folder.resolve() for folder in plain))


def _managed(language: str) -> tuple[str, str]:
    """Where asdf and mise put a language."""
    return f".asdf/installs/{language}/*/bin", f".local/share/mise/installs/{language}/*/bin"


def _newest(root: Path, *patterns: str) -> list[Path]:
    """The folders that match, pattern by pattern, the newest version first."""
    return [folder for pattern in patterns for folder in sorted(root.glob(pattern), key=_newest_first)]


def _newest_first(folder: Path) -> tuple[int, ...]:
    match = _VERSION.search(str(folder))
    return tuple(-int(part) for part in match.groups()) if match else (0,)


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _version_of(path: Path) -> str:
    """The version that the path tells (`.../3.12.1/bin/python3.12`), or ""."""
    match = _VERSION.search(str(path.parent.parent.name))
    return ".".join(match.groups()) if match else ""


def _said(path: Path) -> str:
    """What `--version` prints, or ""."""
    try:
        said = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
            env={},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout + said.stderr
