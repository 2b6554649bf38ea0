"""`function.toml`: what a folder says about the function that it holds."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tatami.cli.session import CommandError

FILE_NAME = "function.toml"


@dataclass(frozen=True)
class FunctionSettings:
    """Settings of one function; None stands for what was not given.

    memory: MB. timeout: seconds. environment: variables of the function. role: ARN of its execution role.
    package: subfolder to deploy. build: the command that makes that subfolder, shown when it is missing.
    """

    name: str | None = None
    runtime: str | None = None
    handler: str | None = None
    memory: int | None = None
    timeout: int | None = None
    description: str | None = None
    environment: Mapping[str, str] | None = None
    role: str | None = None
    package: str | None = None
    build: str | None = None

    def overridden_by(self, flags: FunctionSettings) -> FunctionSettings:
        """These settings with those of `flags` on top; environment variables are merged one by one."""
        changes = {name: value for name, value in vars(flags).items() if value is not None}
        if self.environment and flags.environment:
            changes["environment"] = {**self.environment, **flags.environment}
        return dataclasses.replace(self, **changes)

    def members(self) -> dict[str, Any]:
        """The given settings as members of CreateFunction and UpdateFunctionConfiguration, without the role."""
        members = {
            "FunctionName": self.name,
            "Runtime": self.runtime,
            "Handler": self.handler,
            "MemorySize": self.memory,
            "Timeout": self.timeout,
            "Description": self.description,
            "Environment": None if self.environment is None else {"Variables": dict(self.environment)},
        }
        return {name: value for name, value in members.items() if value is not None}


# `role` has a flag only: it belongs to an account, not to the code.
KEYS: Mapping[str, type] = {
    "name": str,
    "runtime": str,
    "handler": str,
    "memory": int,
    "timeout": int,
    "description": str,
    "environment": dict,
    "package": str,
    "build": str,
}


def read_function_file(folder: Path) -> FunctionSettings:
    """The settings in `folder`/function.toml; none when there is no such file.

    Raises CommandError, naming the file and the key, for a key that is not known or a value of the wrong kind.
    """
    path = folder / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return FunctionSettings()
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}") from error
    for key, value in values.items():
        if key not in KEYS:
            raise CommandError(f"{path}: unknown key '{key}'; known are {', '.join(KEYS)}")
        if type(value) is not KEYS[key]:
            raise CommandError(f"{path}: {key} must be {_kind(KEYS[key])}, got {value!r}")
    for variable, value in values.get("environment", {}).items():
        if not isinstance(value, str):
            raise CommandError(f"{path}: environment variable {variable} must be a text in quotes, got {value!r}")
    return FunctionSettings(**values)


def parse_variables(pairs: list[str]) -> dict[str, str] | None:
    """Variables from `K=V` texts; None when there are none. Raises CommandError."""
    for pair in pairs:
        if "=" not in pair:
            raise CommandError(f"--env: expected NAME=VALUE, got {pair!r}")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)} or None


def _kind(wanted: type) -> str:
    return {str: "a text", int: "a whole number", dict: "a table"}[wanted]
