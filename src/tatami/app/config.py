"""The platform's settings: built-in defaults < `tatami.toml` < `TATAMI_*` variables < flags of `tatami up`."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tatami.app.settings import SETTINGS, BadValue, Setting

CONFIG_FILE = "tatami.toml"
PREFIX = "TATAMI_"
CLIENT_VARIABLES = frozenset({"TATAMI_ENDPOINT"})
"""Variables that the `tatami` client commands read; they are no settings of the platform."""

IN_MEMORY = ":memory:"


class ConfigError(ValueError):
    """A setting that cannot be used; the text names it, says where it came from and what is allowed."""


@dataclass(frozen=True)
class Config:
    """Every setting of one platform, complete and checked; `load` makes it.

    host, port: where the front door listens; port 0 picks a free one.
    data_dir: folder of the durable state (absolute when `load` made it); None keeps everything in memory.
    account: 12 digits. region: the default one.
    access: `open` (any well-formed credentials) or `enforce` (known keys only).
    keys: access key id → secret access key, for `enforce`. runtimes: runtime identifier → interpreter.
    runtime_fallback: whether the nearest interpreter may stand in for one the machine lacks.
    java_client: folder of AWS's Java client; None looks where `tools/fetch-java-client` puts it.
    idle_seconds: an environment unused for that long is stopped. isolation: `auto`, `namespaces` or
    `process`. egress: `host` or `none`.
    concurrency_limit: concurrent executions of one account and region. stream_shaping: `aws` slows streamed
    responses after 6 MB to 2 MB a second, `off` does not. log_level: `debug` ... `error`.
    """

    host: str = "127.0.0.1"
    port: int = 4566
    data_dir: Path | None = Path(".tatami")
    account: str = "000000000000"
    region: str = "us-east-1"
    access: str = "open"
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    runtimes: Mapping[str, Path] = field(default_factory=dict)
    runtime_fallback: bool = False
    java_client: Path | None = None
    idle_seconds: float = 300.0
    isolation: str = "auto"
    egress: str = "host"
    concurrency_limit: int = 1000
    stream_shaping: str = "aws"
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.access == "open" and not is_loopback(self.host):
            raise ConfigError(
                f"access: 'open' is not allowed on {self.host}: only a loopback address may be served without "
                "verified signatures; use access 'enforce'"
            )
        if self.egress == "none" and self.isolation == "process":
            raise ConfigError(
                "egress: 'none' needs isolation 'namespaces': plain processes share the machine's network"
            )
        if self.access == "enforce" and not self.keys:
            raise ConfigError(
                f"keys: access 'enforce' (on host {self.host}) needs at least one access key in the table [keys] "
                "or in TATAMI_KEYS, nobody could call the platform otherwise"
            )


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    config_file: Path | None = None,
) -> Config:
    """Lay the four layers over each other and check the result.

    flags: setting name → value as typed, for the flags that were given. environment: the process's own by default.
    folder: where `tatami.toml` is looked for and where relative paths start; the working folder by default.
    config_file: read instead of `tatami.toml`, and must exist; its relative paths start at its own folder.
    Raises ConfigError, which names the first setting that is unknown or has a bad value.
    """
    folder = folder or Path.cwd()
    values: dict[str, Any] = {"data_dir": _data_dir(folder)(".tatami")}
    values |= _from_file(folder, config_file)
    values |= _from_environment(os.environ if environment is None else environment, folder)
    for name, value in flags.items():
        values[name] = _checked(SETTINGS[name], value, f"--{name.replace('_', '-')}", folder, from_text=True)
    values.setdefault("access", "open" if is_loopback(values.get("host", Config.host)) else "enforce")
    return Config(**values)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`: 127.0.0.0/8, ::1, localhost and names below it (RFC 6761)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _from_file(folder: Path, config_file: Path | None) -> dict[str, Any]:
    path = folder / (config_file or CONFIG_FILE)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if config_file:
            raise ConfigError(f"--config: there is no file {config_file}") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    for name in table:
        if name not in SETTINGS:
            raise ConfigError(f"{path}: unknown setting '{name}'; known are {', '.join(SETTINGS)}")
    where = path.resolve().parent
    return {name: _checked(SETTINGS[name], value, f"{path}: {name}", where) for name, value in table.items()}


def _from_environment(environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in CLIENT_VARIABLES:
            continue
        setting = SETTINGS.get(variable.removeprefix(PREFIX).lower())
        if setting is None or variable != setting.variable:
            known = ", ".join(setting.variable for setting in SETTINGS.values())
            raise ConfigError(f"unknown variable {variable}; known are {known}")
        values[setting.name] = _checked(setting, text, variable, folder, from_text=True)
    return values


def _checked(setting: Setting, value: object, where: str, folder: Path, from_text: bool = False) -> Any:
    """`value` in the shape that Config has it, or a ConfigError that starts with `where`."""
    try:
        if from_text and isinstance(value, str):
            value = setting.kind.from_text(value)
        setting.kind.check_type(value)
        result = setting.check(value)
        return PATHS[setting.name](folder)(result) if setting.name in PATHS else result
    except BadValue as error:
        raise ConfigError(f"{where}: {error}") from None


def _data_dir(folder: Path) -> Callable[[Any], Path | None]:
    def resolve(text: str) -> Path | None:
        if text == IN_MEMORY:
            return None
        path = folder.absolute() / Path(text).expanduser()
        if path.exists() and not path.is_dir():
            raise BadValue(f"{path} is not a folder")
        return path

    return resolve


def _folder(folder: Path) -> Callable[[Any], Path]:
    def resolve(text: str) -> Path:
        path = folder.absolute() / Path(text).expanduser()
        if not path.is_dir():
            raise BadValue(f"{path} is not a folder")
        return path

    return resolve


def _interpreters(folder: Path) -> Callable[[Any], dict[str, Path]]:
    def resolve(table: Mapping[str, str]) -> dict[str, Path]:
        return {
            runtime: _executable(runtime, folder.absolute() / Path(text).expanduser())
            for runtime, text in table.items()
        }

    return resolve


def _executable(runtime: str, path: Path) -> Path:
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise BadValue(f"the interpreter of {runtime}, {path}, is not an executable file")
    return path


PATHS: Mapping[str, Callable[[Path], Callable[[Any], Any]]] = {
    "data_dir": _data_dir,
    "runtimes": _interpreters,
    "java_client": _folder,
}
"""Settings that name places: what turns their text into paths, given the folder where relative ones start."""

assert set(SETTINGS) == {member.name for member in dataclasses.fields(Config)}
