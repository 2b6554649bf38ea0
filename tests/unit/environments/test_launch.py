"""The command that starts a runtime's first process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tatami.environments.launch import InvalidEntrypoint, RuntimeFolders, command
from tatami.ports.runtimes import RuntimeChoice

FOLDERS = RuntimeFolders(Path("/rt/python"), Path("/rt/node"), Path("/rt/sdk"))
PYTHON = RuntimeChoice("python3.12", "python3.12", Path("/usr/bin/python3.12"), "3.12.1")
NODE = RuntimeChoice("nodejs22.x", "nodejs24.x", Path("/usr/bin/node"), "24.0.0")
PROVIDED = RuntimeChoice("provided.al2023", "provided.al2023")


def test_python_is_started_without_the_machines_packages(tmp_path: Path) -> None:
    assert command(PYTHON, FOLDERS, tmp_path, "/var/task", "") == [
        "/usr/bin/python3.12", "-S", "-B", "/rt/python/bootstrap.py", "/rt/sdk",
    ]  # fmt: skip


def test_node_is_started_with_what_really_runs(tmp_path: Path) -> None:
    assert command(NODE, FOLDERS, tmp_path, "/var/task", "") == ["/usr/bin/node", "/rt/node/bootstrap.mjs"]
    assert FOLDERS.of(NODE) == Path("/rt/node")
    assert FOLDERS.of(PYTHON) == Path("/rt/python")


@pytest.mark.parametrize(
    ("wrapper", "started"), [("/var/task/wrap.sh", "/packages/x/wrap.sh"), ("/opt/wrap", "/opt/wrap")]
)
def test_a_wrapper_gets_the_command_as_its_arguments(tmp_path: Path, wrapper: str, started: str) -> None:
    plain = command(PYTHON, FOLDERS, tmp_path, "/packages/x", "")
    wrapped = command(PYTHON, FOLDERS, tmp_path, "/packages/x", wrapper)
    assert wrapped[:2] == ["/bin/sh", "-c"]
    assert wrapped[3:] == [started, *plain]


def test_a_package_with_its_own_bootstrap(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o555)
    assert command(PROVIDED, FOLDERS, tmp_path, "/var/task", "") == ["/var/task/bootstrap"]


def test_a_package_without_a_usable_bootstrap(tmp_path: Path) -> None:
    with pytest.raises(InvalidEntrypoint, match=r"Couldn't find valid bootstrap\(s\)"):
        command(PROVIDED, FOLDERS, tmp_path, "/var/task", "")
    (tmp_path / "bootstrap").mkdir()
    with pytest.raises(InvalidEntrypoint, match="Couldn't find"):
        command(PROVIDED, FOLDERS, tmp_path, "/var/task", "")
    (tmp_path / "bootstrap").rmdir()
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o444)
    with pytest.raises(InvalidEntrypoint, match="permission denied"):
        command(PROVIDED, FOLDERS, tmp_path, "/var/task", "")
