"""
The runtimes of this machine: which identifiers it can run, and with which interpreter.

The configuration's own interpreters come first, then what `interpreters` finds. Finding costs a few directory listings;
an interpreter whose exact version its path does not tell is asked for it once, when it is first needed. Java is offered
only where AWS's Java client is there too (`java_client`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tatami.adapters.runtimes import java_client
from tatami.adapters.runtimes.interpreters import (
    Interpreter,
    ask_version,
    java_version,
    javas,
    nodes,
    pythons,
    rubies,
    usable,
)
from tatami.ports.runtimes import RuntimeChoice

PROVIDED = ("provided.al2023", "provided.al2")


@dataclass(frozen=True)
class _Language:
    """One language's identifiers. The pattern's groups are the parts of the version that an identifier fixes."""

    name: str
    pattern: re.Pattern[str]
    oldest: tuple[int, ...]
    """The version our client, or AWS's, needs at least; checked here and nowhere else."""
    prefix: tuple[str, ...] = ()
    ask: Callable[[Path], str] = ask_version

    def wanted(self, runtime: str) -> tuple[str, ...]:
        """The beginning of the version that `runtime` stands for, () when it is of another language."""
        match = self.pattern.fullmatch(runtime)
        return (*self.prefix, *match.groups()) if match else ()


LANGUAGES = (
    _Language("python", re.compile(r"python3\.(\d+)"), (3, 9), ("3",)),
    _Language("nodejs", re.compile(r"nodejs(\d+)\.x"), (18,)),
    _Language("ruby", re.compile(r"ruby(\d)\.(\d)"), (3, 2)),
    _Language("java", re.compile(r"java(11|17|21|25)(?:\.al2023)?"), (11,), (), java_version),
)
_OF_AL2023 = frozenset({"11", "17"})
"""Java versions that AWS offers a second time, on Amazon Linux 2023; the JVM is the same."""


class UnusableInterpreter(Exception):
    """A configured interpreter does not exist or is of another version; the text names it."""


class MachineRuntimes:
    """The runtime catalog of this machine.

    configured: runtime identifier to interpreter path. fallback: run a missing runtime on the nearest one instead.
    home, system: where version managers and the machine's own folders are looked for. java: the folder of AWS's Java
    client; without a complete one there are no Java runtimes. Raises UnusableInterpreter.
    """

    def __init__(
        self,
        configured: Mapping[str, Path],
        fallback: bool,
        home: Path | None = None,
        system: Path = Path("/"),
        java: Path | None = None,
    ) -> None:
        self._fallback = fallback
        self._found: dict[str, list[Interpreter]] = {}
        """The preferred one first; those behind it count when it turns out not to be what its name says."""
        has_java = java is not None and java_client.is_complete(java)
        for runtime, path in configured.items():
            if runtime.startswith("java") and not has_java:
                raise UnusableInterpreter(f"runtimes: {runtime} needs AWS's Java client: {java_client.FETCH_COMMAND}")
            self._found[runtime] = [_configured(runtime, path)]
        for runtime, interpreter in _discovered(home or Path.home(), system, has_java):
            self._found.setdefault(runtime, []).append(interpreter)

    def __repr__(self) -> str:
        return f"<MachineRuntimes {', '.join(self.available())}>"

    def available(self) -> list[str]:
        """Identifiers that run as asked, newest first within a language."""
        found = sorted(self._found, key=lambda runtime: (_language(runtime).name, -_number(runtime), runtime))
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
        if not self._fallback or not _is_known(runtime):
            return None
        same = [found for found in self._found if _language(found) == _language(runtime)]
        wanted = _number(runtime)
        return min(same, key=lambda found: (abs(_number(found) - wanted), -_number(found)), default=None)

    def _interpreter(self, runtime: str) -> Interpreter | None:
        """The first one that is of the version its name says; a runtime without any is not available any more."""
        candidates = self._found[runtime]
        while candidates:
            first = candidates[0]
            version = first.version or _language(runtime).ask(first.executable)
            if _matches(runtime, version):
                candidates[0] = Interpreter(first.executable, version)
                return candidates[0]
            del candidates[0]
        del self._found[runtime]
        return None


def _discovered(home: Path, system: Path, with_java: bool) -> Iterator[tuple[str, Interpreter]]:
    """Runtime identifier and interpreter of everything that is new enough, in order of preference."""
    python, node, ruby, java = LANGUAGES
    for minor, interpreter in pythons(home):
        if (3, minor) >= python.oldest:
            yield f"python3.{minor}", interpreter
    for interpreter in nodes(home):
        if (major := int(interpreter.version.split(".")[0])) >= node.oldest[0]:
            yield f"nodejs{major}.x", interpreter
    for interpreter in rubies(home, system):
        line = interpreter.version.split(".")[:2]
        if tuple(map(int, line)) >= ruby.oldest:
            yield f"ruby{'.'.join(line)}", interpreter
    for interpreter in javas(home, system) if with_java else ():
        version = interpreter.version.split(".")[0]
        if java.wanted(f"java{version}"):
            yield f"java{version}", interpreter
            if version in _OF_AL2023:
                yield f"java{version}.al2023", interpreter


def _configured(runtime: str, path: Path) -> Interpreter:
    if not _is_known(runtime):
        raise UnusableInterpreter(f"runtimes: {runtime} is no runtime that an interpreter can be named for")
    path = path.expanduser()
    if not usable(path):
        raise UnusableInterpreter(f"runtimes: {runtime} = {path} is not an executable file")
    version = _language(runtime).ask(path)
    if not _matches(runtime, version):
        raise UnusableInterpreter(f"runtimes: {runtime} = {path} is version {version or 'unknown'}")
    return Interpreter(path, version)


def _is_known(runtime: str) -> bool:
    return any(language.wanted(runtime) for language in LANGUAGES)


def _language(runtime: str) -> _Language:
    return next(language for language in LANGUAGES if language.wanted(runtime))


def _number(runtime: str) -> int:
    """A number that orders the versions of one language: 3.4 is 304."""
    number = 0
    for part in _language(runtime).wanted(runtime):
        number = number * 100 + int(part)
    return number


def _matches(runtime: str, version: str) -> bool:
    wanted = _language(runtime).wanted(runtime)
    return tuple(version.split("."))[: len(wanted)] == wanted
