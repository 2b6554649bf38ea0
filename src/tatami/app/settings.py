"""What settings there are: for each its name, its kind of value and the check it must pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class BadValue(ValueError):
    """A value that a setting cannot take; the text says what it can take."""


@dataclass(frozen=True)
class Kind:
    """A kind of value: its name in messages, the Python types that TOML gives for it, how text becomes one."""

    name: str
    types: tuple[type, ...]
    from_text: Callable[[str], object]

    def check_type(self, value: object) -> None:
        """Raise BadValue when `value` has another type."""
        # bool is an int to Python, but `port = true` is a mistake.
        if not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types):
            raise BadValue(f"expected {self.name}, got {value!r}")


@dataclass(frozen=True)
class Setting:
    """One setting. name: as in `tatami.toml` and `Config`."""

    name: str
    kind: Kind
    check: Callable[[Any], object]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"TATAMI_{self.name.upper()}"


def _integer(text: str) -> object:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _number(text: str) -> object:
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text) else text


def _switch(text: str) -> object:
    return {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }.get(text.lower(), text)


def _table(text: str) -> object:
    """`a=1,b=2` as a table; an empty text is an empty table."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        # Without a quotation: what stands there may be a secret.
        raise BadValue("expected name=value pairs separated by commas")
    return {name.strip(): value.strip() for name, _, value in pairs}


TEXT = Kind("a text", (str,), str)
INTEGER = Kind("a whole number", (int,), _integer)
NUMBER = Kind("a number", (int, float), _number)
SWITCH = Kind("true or false", (bool,), _switch)
TABLE = Kind("a table of name = value", (dict,), _table)


def _matching(pattern: str, description: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise BadValue(f"expected {description}, got {value!r}")
        return value

    return check


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in choices:
            raise BadValue(f"expected one of {', '.join(choices)}, got {value!r}")
        return value

    return check


def _between(least: int, most: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not least <= value <= most:
            raise BadValue(f"expected a number from {least} to {most}, got {value}")
        return value

    return check


def _idle_seconds(value: float) -> float:
    if not 0 < value <= 86_400:
        raise BadValue(f"expected seconds, more than 0 and at most 86400, got {value}")
    return float(value)


def _keys(table: Mapping[str, object]) -> dict[str, str]:
    for key, secret in table.items():
        # A slash or comma would break the credential scope of a signature: the id stands in `Credential=ID/date/...`.
        if not re.fullmatch(r"[A-Za-z0-9_]{1,128}", key):
            raise BadValue(f"access key id {key!r}: expected 1 to 128 letters, digits and underscores")
        if not isinstance(secret, str) or not secret:
            raise BadValue(f"the secret of access key id {key!r} must be a text that is not empty")
    return {key: str(secret) for key, secret in table.items()}


_HAS_INTERPRETER = re.compile(r"python3\.[0-9]+|nodejs[0-9]+\.x|ruby[0-9]\.[0-9]|java(11|17)(\.al2023)?|java(21|25)")


def _runtimes(table: Mapping[str, object]) -> dict[str, str]:
    for runtime, path in table.items():
        if not _HAS_INTERPRETER.fullmatch(runtime):
            raise BadValue(f"runtime {runtime!r}: expected an identifier such as python3.12 or nodejs20.x")
        if not isinstance(path, str) or not path:
            raise BadValue(f"the interpreter of {runtime} must be a path, got {path!r}")
    return {runtime: str(path) for runtime, path in table.items()}


SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("host", TEXT, _matching(r"[A-Za-z0-9.:\[\]_-]+", "a host name or an IP address")),
        Setting("port", INTEGER, _between(0, 65_535)),
        Setting("data_dir", TEXT, _matching(r"(?s).+", "a folder or :memory:")),
        Setting("account", TEXT, _matching(r"[0-9]{12}", "12 digits")),
        Setting("region", TEXT, _matching(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}", "a region such as us-east-1")),
        Setting("access", TEXT, _one_of("open", "enforce")),
        Setting("keys", TABLE, _keys),
        Setting("runtimes", TABLE, _runtimes),
        Setting("runtime_fallback", SWITCH, bool),
        Setting("java_client", TEXT, _matching(r"(?s).+", "a folder")),
        Setting("idle_seconds", NUMBER, _idle_seconds),
        Setting("isolation", TEXT, _one_of("auto", "namespaces", "process")),
        Setting("egress", TEXT, _one_of("host", "none")),
        Setting("concurrency_limit", INTEGER, _between(1, 1_000_000)),
        Setting("stream_shaping", TEXT, _one_of("aws", "off")),
        Setting("log_level", TEXT, _one_of("debug", "info", "warning", "error")),
    )
}
"""Every setting, by name."""
