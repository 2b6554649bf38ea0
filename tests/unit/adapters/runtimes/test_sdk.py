"""The folder that shows functions the AWS SDK and nothing else of the platform's packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tatami.adapters.runtimes import sdk
from tatami.adapters.runtimes.sdk import link_python_sdk


def test_exactly_the_packages_are_linked_and_can_be_imported(tmp_path: Path) -> None:
    link_python_sdk(tmp_path / "deep" / "sdk")
    folder = tmp_path / "deep" / "sdk"
    names = {name.removesuffix(".py") for name in os.listdir(folder)}
    assert names == set(sdk.PACKAGES)
    assert all((folder / name).is_symlink() for name in os.listdir(folder))
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n"
         "import six, jmespath, dateutil\n"
         "try:\n import httptools\nexcept ImportError:\n print('alone')"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "alone\n"


def test_it_may_be_repeated_and_mends_what_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "boto3").symlink_to("/an/older/boto3")
    (tmp_path / "no_longer_part").symlink_to("/somewhere")
    link_python_sdk(tmp_path)
    before = {name: os.readlink(tmp_path / name) for name in os.listdir(tmp_path)}
    assert "no_longer_part" not in before
    assert before["boto3"].endswith("/boto3") and before["boto3"] != "/an/older/boto3"
    link_python_sdk(tmp_path)
    assert {name: os.readlink(tmp_path / name) for name in os.listdir(tmp_path)} == before
    monkeypatch.setattr(sdk, "PACKAGES", ("boto3", "a_package_that_nobody_has"))
    link_python_sdk(tmp_path)
    assert os.listdir(tmp_path) == ["boto3"]
