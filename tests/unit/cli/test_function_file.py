"""function.toml and the flags over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tatami.cli.function_file import KEYS, FunctionSettings, parse_variables, read_function_file
from tatami.cli.session import CommandError

WHOLE = """
name = "greet"
runtime = "python3.12"
handler = "app.handler"
memory = 256
timeout = 9
description = "Greets"
package = "build"
build = "make"
[environment]
GREETING = "hello"
"""


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "function.toml").write_text(WHOLE)
    settings = read_function_file(tmp_path)
    assert {key for key in KEYS if getattr(settings, key) is not None} == set(KEYS)
    assert settings.members() == {
        "FunctionName": "greet",
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "MemorySize": 256,
        "Timeout": 9,
        "Description": "Greets",
        "Environment": {"Variables": {"GREETING": "hello"}},
    }


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    assert read_function_file(tmp_path) == FunctionSettings()
    assert FunctionSettings().members() == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('nmae = "x"', "function.toml: unknown key 'nmae'; known are name, runtime"),
        ("memory = '256'", "function.toml: memory must be a whole number, got '256'"),
        ("memory = true", "memory must be a whole number, got True"),
        ("name = 5", "name must be a text, got 5"),
        ("environment = 'A=1'", "environment must be a table"),
        ("[environment]\nA = 1", "environment variable A must be a text in quotes, got 1"),
        ("name = ", "function.toml: "),
    ],
)
def test_what_cannot_be_used_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "function.toml").write_text(text)
    with pytest.raises(CommandError, match=complaint):
        read_function_file(tmp_path)


def test_flags_win_and_variables_are_merged() -> None:
    file = FunctionSettings(name="a", memory=128, environment={"A": "1", "B": "2"})
    flags = FunctionSettings(name="b", environment={"B": "3"})
    assert file.overridden_by(flags) == FunctionSettings(name="b", memory=128, environment={"A": "1", "B": "3"})


def test_variables_of_flags() -> None:
    assert parse_variables(["A=1=2", "B="]) == {"A": "1=2", "B": ""}
    assert parse_variables([]) is None
    with pytest.raises(CommandError, match="--env: expected NAME=VALUE, got 'A'"):
        parse_variables(["A"])
