"""
Finds the interpreters of this machine.

Looked at, in this order: what the configuration names; PATH; the folders of pyenv, uv and nvm; for Python the
interpreter that runs the platform. Shims are passed over: a pyenv shim is a shell script that costs 100 ms at every
start and may point nowhere.

Finding costs a few directory listings. An interpreter whose exact version its path does not tell is asked for it once,
when it is first needed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tatami.ports.runtimes import RuntimeChoice

PROVIDED = ("provided.al2023", "provided.al2")

_PYTHON = re.compile(r"python3\.(\d+)")
_NODE = re.compile(r"nodejs(\d+)\.x")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_OLDEST_PYTHON = 9
"""The platform's Python runtime client needs 3.9."""
_OLDEST_NODE = 18


class UnusableInterpreter(Exception):
    """A configured interpreter does not exist or is of another version; the text names it."""


@dataclass(frozen=True)
class _Interpreter:
    """version is "" until it is known."""

    executable: Path
    version: str


class MachineRuntimes:
    """The runtime catalog of this machine.

    configured: runtime identifier to interpreter path. fallback: run a missing runtime on the nearest one instead.
    """

    def __init__(self, configured: Mapping[str, Path], fallback: bool, home: Path | None = None) -> None:
        self._fallback = fallback
        self._found: dict[str, list[_Interpreter]] = {}
        """The preferred one first; those behind it count when it turns out not to be what its name says."""
        for runtime, path in configured.items():
            self._found[runtime] = [_configured(runtime, path)]
        home = home or Path.home()
        for minor, interpreter in _pythons(home):
            if minor >= _OLDEST_PYTHON:
                self._found.setdefault(f"python3.{minor}", []).append(interpreter)
        for major, interpreter in _nodes(home):
            if major >= _OLDEST_NODE:
                self._found.setdefault(f"nodejs{major}.x", []).append(interpreter)

    def __repr__(self) -> str:
        return f"<MachineRuntimes {', '.join(self.available())}>"

    def available(self) -> list[str]:
        """Identifiers that run as asked, newest first within a language."""
        found = sorted(self._found, key=lambda runtime: (_language(runtime), -_number(runtime)))
        return [*found, *PROVIDED]

    def resolve(self, runtime: str) -> RuntimeChoice | None:
        """How to run `runtime` here, or None."""
        if runtime in PROVIDED:
            return RuntimeChoice(runtime, runtime)
        while runs_as := runtime if runtime in self._found else self._nearest(runtime):
            if interpreter := self._interpreter(runs_as):
                return RuntimeChoice(runtime, runs_as, interpreter.executable, interpreter.version)
        return None

    def _nearest(self, runtime: str) -> str | None:
        """The closest version of the same language, the newer one of two equally close."""
        if not self._fallback or not _language(runtime):
            return None
        same = [found for found in self._found if _language(found) == _language(runtime)]
        wanted = _number(runtime)
        return min(same, key=lambda found: (abs(_number(found) - wanted), -_number(found)), default=None)

    def _interpreter(self, runtime: str) -> _Interpreter | None:
        """The first one that is of the version its name says; a runtime without any is not available any more."""
        candidates = self._found[runtime]
        while candidates:
            first = candidates[0]
            version = first.version or _ask_version(first.executable)
            if _matches(runtime, version):
                candidates[0] = _Interpreter(first.executable, version)
                return candidates[0]
            del candidates[0]
        del self._found[runtime]
        return None


def _configured(runtime: str, path: Path) -> _Interpreter:
    if not _language(runtime):
        raise UnusableInterpreter(f"runtimes: {runtime} is no runtime that an interpreter can be named for")
    path = path.expanduser()
    if not _usable(path):
        raise UnusableInterpreter(f"runtimes: {runtime} = {path} is not an executable file")
    version = _ask_version(path)
    if not _matches(runtime, version):
        raise UnusableInterpreter(f"runtimes: {runtime} = {path} is version {version or 'unknown'}")
    return _Interpreter(path, version)


def _language(runtime: str) -> str:
    if _PYTHON.fullmatch(runtime):
        return "python"
    return "nodejs" if _NODE.fullmatch(runtime) else ""


def _number(runtime: str) -> int:
    match = _PYTHON.fullmatch(runtime) or _NODE.fullmatch(runtime)
    return int(match.group(1)) if match else 0


def _matches(runtime: str, version: str) -> bool:
    parts = version.split(".")
    if runtime.startswith("python"):
        return parts[:2] == ["3", str(_number(runtime))]
    return parts[0] == str(_number(runtime))


def _pythons(home: Path) -> Iterator[tuple[int, _Interpreter]]:
    """Minor version and place of every `python3.N`, the preferred one of each minor first."""
    folders = [*_search_path(), *sorted(home.glob(".pyenv/versions/*/bin"), key=_newest_first)]
    folders += sorted(home.glob(".local/share/uv/python/cpython-*/bin"), key=_newest_first)
    folders.append(Path(sys.base_prefix) / "bin")
    for folder in folders:
        for path in _listed(folder):
            if (match := _PYTHON.fullmatch(path.name)) and _usable(path):
                yield int(match.group(1)), _Interpreter(path, _version_of(path))


def _nodes(home: Path) -> Iterator[tuple[int, _Interpreter]]:
    """Major version and place of every `node`."""
    for folder in _search_path():
        path = folder / "node"
        if _usable(path) and (version := _ask_version(path)):
            yield int(version.split(".")[0]), _Interpreter(path, version)
    for folder in sorted(home.glob(".nvm/versions/node/v*/bin"), key=_newest_first):
        if _usable(path := folder / "node") and (version := _version_of(path)):
            yield int(version.split(".")[0]), _Interpreter(path, version)


def _search_path() -> list[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    # A virtual environment's interpreter would bring its packages; the one that it was made from is found elsewhere.
    plain = [folder for folder in folders if folder.name != "shims" and not (folder.parent / "pyvenv.cfg").exists()]
    return list(dict.fromkeys(folder.resolve() for folder in plain))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _usable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _newest_first(folder: Path) -> tuple[int, ...]:
    match = _VERSION.search(str(folder))
    return tuple(-int(part) for part in match.groups()) if match else (0,)


def _version_of(path: Path) -> str:
    """The version that the path tells (`.../3.12.1/bin/python3.12`), or ""."""
    match = _VERSION.search(str(path.parent.parent.name))
    return ".".join(match.groups()) if match else ""


def _ask_version(path: Path) -> str:
    """What `--version` says, or ""."""
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
    match = _VERSION.search(said.stdout + said.stderr)
    return ".".join(match.groups()) if match else ""
