"""Interpreters are found in a made-up home and PATH; each is a script that prints a version."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tatami.adapters.runtimes.discovery import PROVIDED, MachineRuntimes, UnusableInterpreter
from tatami.ports.runtimes import RuntimeChoice


@dataclass
class Machine:
    """A home and folders of PATH."""

    root: Path
    patch: pytest.MonkeyPatch

    def put(self, place: str, says: str, mode: int = 0o755) -> Path:
        """An interpreter that prints `says` and counts how often it is started."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho x >> {path}.started\necho '{says}'\n")
        path.chmod(mode)
        return path

    def search(self, *folders: str) -> None:
        self.patch.setenv("PATH", ":".join(str(self.root / folder) for folder in folders))

    def runtimes(self, fallback: bool = False, **configured: Path) -> MachineRuntimes:
        named = {name.replace("_", "."): path for name, path in configured.items()}
        return MachineRuntimes(named, fallback, home=self.root / "home")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", "")
    return Machine(tmp_path, monkeypatch)


def starts(path: Path) -> int:
    """How often an interpreter was started."""
    counted = path.with_name(f"{path.name}.started")
    return len(counted.read_text().splitlines()) if counted.exists() else 0


def test_a_bare_machine_runs_packages_with_their_own_bootstrap(machine: Machine) -> None:
    runtimes = machine.runtimes(fallback=True)
    assert runtimes.available() == list(PROVIDED)
    assert runtimes.resolve("provided.al2023") == RuntimeChoice("provided.al2023", "provided.al2023")
    for unknown in ("python3.12", "nodejs22.x", "ruby3.4", "", "python", "python3.12.1", "provided"):
        assert runtimes.resolve(unknown) is None


def test_every_place_is_searched_and_the_newest_is_named_first(machine: Machine) -> None:
    machine.put("usr/bin/python3.11", "Python 3.11.2")
    machine.put("usr/bin/python3.8", "Python 3.8.1")
    machine.put("usr/bin/python3", "Python 3.11.2")
    machine.put("usr/bin/python3.11-config", "no")
    machine.put("usr/bin/node", "v20.11.0")
    machine.put("home/.pyenv/versions/3.12.4/bin/python3.12", "-")
    machine.put("home/.local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu/bin/python3.13", "-")
    machine.put("home/.nvm/versions/node/v22.3.0/bin/node", "-")
    machine.put("home/.nvm/versions/node/v16.1.0/bin/node", "-")
    machine.search("usr/bin")
    runtimes = machine.runtimes()
    assert runtimes.available() == [
        "nodejs22.x", "nodejs20.x", "python3.13", "python3.12", "python3.11", "provided.al2023", "provided.al2",
    ]  # fmt: skip
    versions = {name: choice.version for name in runtimes.available() if (choice := runtimes.resolve(name))}
    assert versions == {
        "nodejs22.x": "22.3.0", "nodejs20.x": "20.11.0", "python3.13": "3.13.1", "python3.12": "3.12.4",
        "python3.11": "3.11.2", "provided.al2023": "", "provided.al2": "",
    }  # fmt: skip
    assert "python3.13" in repr(runtimes)


def test_programs_are_started_once_and_only_when_their_path_does_not_tell(machine: Machine) -> None:
    asked = machine.put("usr/bin/python3.11", "Python 3.11.2")
    node = machine.put("usr/bin/node", "v20.11.0")
    told = machine.put("home/.pyenv/versions/3.12.4/bin/python3.12", "-")
    machine.search("usr/bin", "usr/bin")
    runtimes = machine.runtimes()
    assert starts(asked) == 0
    for _ in range(3):
        for name in ("python3.11", "python3.12", "nodejs20.x"):
            assert runtimes.resolve(name)
    assert (starts(asked), starts(told), starts(node)) == (1, 0, 1)


def test_path_comes_first_and_then_the_newest_patch(machine: Machine) -> None:
    first = machine.put("usr/bin/python3.12", "Python 3.12.1")
    machine.put("home/.pyenv/versions/3.12.4/bin/python3.12", "-")
    machine.search("usr/bin")
    choice = machine.runtimes().resolve("python3.12")
    assert choice
    assert choice.executable == first
    machine.search()
    newest = machine.put("home/.pyenv/versions/3.12.10/bin/python3.12", "-")
    choice = machine.runtimes().resolve("python3.12")
    assert choice
    assert (choice.executable, choice.version) == (newest, "3.12.10")


def test_shims_virtual_environments_and_what_cannot_run_are_passed_over(machine: Machine) -> None:
    shim = machine.put("home/.pyenv/shims/python3.12", "Python 3.12.1")
    machine.put("venv/bin/python3.12", "Python 3.12.1")
    machine.put("venv/pyvenv.cfg", "-")
    machine.put("plain/python3.12", "Python 3.12.1", mode=0o644)
    (machine.root / "folder/python3.12").mkdir(parents=True)
    (machine.root / "dangling").mkdir()
    (machine.root / "dangling/python3.12").symlink_to("/no/such/python")
    machine.search("home/.pyenv/shims", "venv/bin", "plain", "folder", "dangling", "not there")
    assert machine.runtimes().resolve("python3.12") is None
    assert starts(shim) == 0


@pytest.mark.parametrize("says", ["Python 3.11.2", "pyenv: python3.12: command not found", ""])
def test_an_interpreter_that_is_not_what_its_name_says_gives_way(machine: Machine, says: str) -> None:
    machine.put("usr/bin/python3.12", says)
    machine.search("usr/bin")
    runtimes = machine.runtimes()
    assert runtimes.resolve("python3.12") is None
    assert "python3.12" not in runtimes.available()
    good = machine.put("home/.local/share/uv/python/cpython-3.12.7-linux-x86_64-gnu/bin/python3.12", "-")
    choice = machine.runtimes().resolve("python3.12")
    assert choice == RuntimeChoice("python3.12", "python3.12", good, "3.12.7")


def test_a_configured_interpreter_wins(machine: Machine) -> None:
    machine.put("usr/bin/python3.12", "Python 3.12.1")
    mine = machine.put("opt/my python", "Python 3.12.9")
    machine.search("usr/bin")
    choice = machine.runtimes(python3_12=mine).resolve("python3.12")
    assert choice == RuntimeChoice("python3.12", "python3.12", mine, "3.12.9")


def test_a_configured_interpreter_below_the_home(machine: Machine) -> None:
    machine.put("home/bin/node", "v22.1.0")
    machine.patch.setenv("HOME", str(machine.root / "home"))
    choice = MachineRuntimes({"nodejs22.x": Path("~/bin/node")}, False, machine.root / "home").resolve("nodejs22.x")
    assert choice
    assert choice.executable == machine.root / "home/bin/node"


@pytest.mark.parametrize(
    ("runtime", "place", "reason"),
    [
        ("python3.12", "missing", "not an executable file"),
        ("python3.12", "plain", "not an executable file"),
        ("python3.12", ".", "not an executable file"),
        ("python3.12", "py311", "is version 3.11.2"),
        ("python3.1", "py311", "is version 3.11.2"),
        ("nodejs22.x", "py311", "is version 3.11.2"),
        ("nodejs20.x", "silent", "is version unknown"),
        ("ruby3.4", "py311", "is version 3.11.2"),
        ("java21", "py311", "needs AWS's Java client: tools/fetch-java-client"),
        ("dotnet8", "py311", "no runtime that an interpreter can be named for"),
        ("provided.al2023", "py311", "no runtime that an interpreter can be named for"),
    ],
)
def test_an_unusable_configured_interpreter_is_refused_by_name(
    machine: Machine, runtime: str, place: str, reason: str
) -> None:
    machine.put("py311", "Python 3.11.2")
    machine.put("plain", "Python 3.12.2", mode=0o644)
    machine.put("silent", "")
    with pytest.raises(UnusableInterpreter, match=reason) as caught:
        MachineRuntimes({runtime: machine.root / place}, False, machine.root / "home")
    assert runtime in str(caught.value)


def three_pythons(machine: Machine) -> None:
    for minor in (9, 11, 13):
        machine.put(f"usr/bin/python3.{minor}", f"Python 3.{minor}.1")
    machine.put("usr/bin/node", "v22.0.0")
    machine.search("usr/bin")


@pytest.mark.parametrize(
    ("asked", "runs_as"),
    [
        ("python3.12", "python3.13"),
        ("python3.10", "python3.11"),
        ("python3.8", "python3.9"),
        ("python3.14", "python3.13"),
        ("python3.11", "python3.11"),
        ("nodejs18.x", "nodejs22.x"),
        ("nodejs24.x", "nodejs22.x"),
    ],
)
def test_fallback_takes_the_nearest_and_of_two_equally_near_the_newer(
    machine: Machine, asked: str, runs_as: str
) -> None:
    three_pythons(machine)
    choice = machine.runtimes(fallback=True).resolve(asked)
    assert choice
    assert (choice.runtime, choice.runs_as, choice.is_fallback) == (asked, runs_as, asked != runs_as)
    assert choice.version.split(".")[:2] == (runs_as.removeprefix("python").split(".") if "python" in runs_as
                                             else ["22", "0"])  # fmt: skip


def test_without_fallback_a_missing_version_is_missing(machine: Machine) -> None:
    three_pythons(machine)
    runtimes = machine.runtimes()
    assert runtimes.resolve("python3.12") is None
    assert "python3.12" not in machine.runtimes(fallback=True).available()


def test_fallback_stays_within_the_language(machine: Machine) -> None:
    machine.put("usr/bin/node", "v22.0.0")
    machine.search("usr/bin")
    runtimes = machine.runtimes(fallback=True)
    assert runtimes.resolve("python3.12") is None
    assert runtimes.resolve("java21") is None


def test_fallback_passes_over_a_broken_interpreter(machine: Machine) -> None:
    three_pythons(machine)
    machine.put("usr/bin/python3.12", "nothing of that kind")
    choice = machine.runtimes(fallback=True).resolve("python3.12")
    assert choice
    assert choice.runs_as == "python3.13"
