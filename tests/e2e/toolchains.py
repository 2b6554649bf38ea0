"""
The function of `languages/` in each language, built with what this machine has and kept in `.cache/languages`.

A build is named by the digest of its sources, so that a change builds again and a second run builds nothing. Workers
that want the same one wait for each other. A missing toolchain, or no way to its package registry, skips by name; a
build that fails is a failure.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.packages import zipped

from tatami.adapters.runtimes import java_client

SOURCES = Path(__file__).parent / "languages"
CACHE = Path(__file__).parents[2] / ".cache" / "languages"
BUILD_SECONDS = 500
"""A cold build of the Rust function takes 40 s, of the Go one 55 s, on two cores of their own."""


def package_of(language: str) -> bytes:
    """The function's package as a zip; skips the test when this machine cannot build it."""
    return BUILDERS[language]()


def _plain(language: str) -> Callable[[], bytes]:
    """A language whose sources are the package."""

    def build() -> bytes:
        folder = SOURCES / language
        return zipped({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})

    return build


def _java() -> bytes:
    client = java_client.default_folder()
    if not java_client.is_complete(client):
        pytest.skip(f"no Java client of AWS in {client}: {java_client.FETCH_COMMAND}")
    compiler = _tool("javac")

    def compile_into(folder: Path) -> None:
        source = str(SOURCES / "java" / "echo" / "Handler.java")
        _must([compiler, "--release", "11", "-cp", f"{client}/*", "-d", str(folder), source], SOURCES, {})

    built = _kept("java", compile_into)
    return zipped({str(path.relative_to(built)): path.read_bytes() for path in built.rglob("*.class")})


def _go() -> bytes:
    go = _tool("go")
    variables = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}

    def compile_into(folder: Path) -> None:
        _fetched([go, "mod", "download"], SOURCES / "go", variables)
        flags = ["-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w"]
        _must([go, "build", *flags, "-o", str(folder / "bootstrap"), "."], SOURCES / "go", variables)

    return zipped({"bootstrap": (_kept("go", compile_into) / "bootstrap").read_bytes()})


def _rust() -> bytes:
    cargo = _tool("cargo")

    def compile_into(folder: Path) -> None:
        variables = {"CARGO_TARGET_DIR": str(CACHE / "rust-target")}
        _fetched([cargo, "fetch", "--locked"], SOURCES / "rust", variables)
        _must([cargo, "build", "--locked", "--offline"], SOURCES / "rust", variables)
        shutil.copy(CACHE / "rust-target" / "debug" / "bootstrap", folder)
        shutil.rmtree(CACHE / "rust-target")  # 150 MB

    return zipped({"bootstrap": (_kept("rust", compile_into) / "bootstrap").read_bytes()})


BUILDERS: Mapping[str, Callable[[], bytes]] = {
    "python": _plain("python"),
    "node": _plain("node"),
    "ruby": _plain("ruby"),
    "java": _java,
    "go": _go,
    "rust": _rust,
}


def _kept(language: str, compile_into: Callable[[Path], None]) -> Path:
    """The folder of the build of the present sources."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (SOURCES / language).rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(SOURCES)}\0".encode() + path.read_bytes() + b"\0")
    built = CACHE / f"{language}-{digest.hexdigest()[:16]}"
    with _alone(language):
        if not built.is_dir():
            unfinished = CACHE / f"{language}-unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            compile_into(unfinished)
            unfinished.rename(built)
    return built


@contextmanager
def _alone(language: str) -> Iterator[None]:
    """One worker at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def _fetched(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> None:
    done = _run(arguments, folder, variables)
    if done.returncode:
        pytest.skip(f"{Path(arguments[0]).name} cannot fetch its packages: {done.stderr.strip()[-300:]}")


def _must(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> None:
    done = _run(arguments, folder, variables)
    assert done.returncode == 0, f"{arguments[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _run(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
