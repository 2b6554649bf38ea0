"""Platforms for end-to-end tests: `platform` (one for a module) and `platform_factory` (as many as a test wants)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from tools.running_platform import RunningPlatform


class PlatformFactory(Protocol):
    """Starts `tatami up --port 0` with further flags, in a data folder of its own unless one is given."""

    def __call__(
        self, *arguments: str, data_dir: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> RunningPlatform: ...


def factory_in(folder: Path) -> Iterator[PlatformFactory]:
    """A factory of platforms below `folder`; in the end every one that still runs is stopped and must end cleanly."""
    started: list[RunningPlatform] = []

    def start(
        *arguments: str, data_dir: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> RunningPlatform:
        where = data_dir or folder / f"platform-{len(started)}" / "data"
        platform = RunningPlatform(where, arguments, environment)
        started.append(platform)
        return platform

    yield start
    failures = [failure for platform in started if (failure := _stopped(platform.__exit__))]
    assert not failures, "\n".join(failures)


def _stopped(stop: Callable[[], None]) -> str:
    try:
        stop()
    except Exception as error:
        return str(error)
    return ""


@pytest.fixture
def platform_factory(tmp_path: Path) -> Iterator[PlatformFactory]:
    """`platform_factory("--access", "enforce", ...)` starts an instance that belongs to one test."""
    yield from factory_in(tmp_path)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """One platform for the tests of a module: `.endpoint`, `.client("lambda")`, `.tatami(...)`, `.variables()`."""
    for start in factory_in(tmp_path_factory.mktemp("platform")):
        yield start()
