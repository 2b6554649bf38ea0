"""What a runtime catalog promises (ports.runtimes), tried on this very machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tatami.adapters.runtimes.discovery import MachineRuntimes
from tatami.ports.runtimes import RuntimeCatalog

OWN = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def catalog(tmp_path: Path) -> RuntimeCatalog:
    """This machine's runtimes; the interpreter that runs the tests is among them."""
    return MachineRuntimes({OWN: Path(os.path.realpath(sys.executable))}, False, tmp_path)


def test_what_is_available_resolves_to_itself(catalog: RuntimeCatalog) -> None:
    assert OWN in catalog.available()
    for runtime in catalog.available():
        choice = catalog.resolve(runtime)
        assert choice is not None
        assert (choice.runtime, choice.runs_as, choice.is_fallback) == (runtime, runtime, False)
        assert choice == catalog.resolve(runtime)
        assert (choice.executable is None) is runtime.startswith("provided")


def test_an_executable_that_is_named_exists_and_is_of_the_version(catalog: RuntimeCatalog) -> None:
    choice = catalog.resolve(OWN)
    assert choice is not None
    assert choice.executable is not None
    said = subprocess.run([choice.executable, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"Python {choice.version}"


def test_what_nobody_has_is_none(catalog: RuntimeCatalog) -> None:
    assert catalog.resolve("python3.1") is None
    assert catalog.resolve("cobol85") is None
