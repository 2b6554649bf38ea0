"""Fixtures: a started function per interpreter that is on the machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.unit.runtimes.running_function import (
    PYTHON_VERSIONS,
    RunningFunction,
    Starter,
    find_python,
    node_command,
    python_command,
    ruby_command,
)


@pytest.fixture(params=PYTHON_VERSIONS)
def python(request: pytest.FixtureRequest) -> str:
    """The path of one interpreter; every version named in PYTHON_VERSIONS in turn."""
    found = find_python(request.param)
    if found is None:
        pytest.skip(f"no python{request.param} on this machine")
    return found


@pytest.fixture
def newest_python() -> str:
    """One interpreter, for what does not depend on the version."""
    return next(path for path in map(find_python, reversed(PYTHON_VERSIONS)) if path)


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("no node on this machine")
    return found


@pytest.fixture
def ruby() -> str:
    """Any Ruby that the client's own code runs on; the catalog is what insists on 3.2."""
    found = shutil.which("ruby")
    if found is None:
        pytest.skip("no ruby on this machine")
    return found


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Callable[[list[str], str], Starter]]:
    """starter(command, default file) -> start(code or files, handler, environment, telemetry) -> RunningFunction."""
    with ExitStack() as stack:

        def prepare(command: list[str], default_file: str) -> Starter:
            def start(
                code: str | Mapping[str, str | bytes],
                handler: str = Path(default_file).stem + ".handler",
                environment: Mapping[str, str] | None = None,
                telemetry: bool = True,
                arguments: tuple[str, ...] = (),
            ) -> RunningFunction:
                files = {default_file: code} if isinstance(code, str) else code
                folder = tmp_path / f"function{len(list(tmp_path.iterdir()))}"
                folder.mkdir()
                (folder / "task").mkdir()
                running = RunningFunction(command, folder, files, handler, environment, telemetry, arguments)
                return stack.enter_context(running)

            return start

        yield prepare


@pytest.fixture
def start_python(python: str, starter: Callable[[list[str], str], Starter]) -> Starter:
    """Starts a Python function (default file app.py) under each interpreter."""
    return starter(python_command(python), "app.py")


@pytest.fixture
def start_newest(newest_python: str, starter: Callable[[list[str], str], Starter]) -> Starter:
    """Starts a Python function under the newest interpreter only."""
    return starter(python_command(newest_python), "app.py")


@pytest.fixture
def start_node(node: str, starter: Callable[[list[str], str], Starter]) -> Starter:
    """Starts a Node.js function (default file index.js)."""
    return starter(node_command(node), "index.js")


@pytest.fixture
def start_ruby(ruby: str, starter: Callable[[list[str], str], Starter]) -> Starter:
    """Starts a Ruby function (default file app.rb)."""
    return starter(ruby_command(ruby), "app.rb")
