"""
Values of the model as JSON values: what the json and rest-json protocols and JSON events share.

Texts of refusals follow AWS's deserialiser (`NUMBER_VALUE can not be converted to a String`); none is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from tatami.wire.models import Shape
from tatami.wire.protocols import scalars
from tatami.wire.protocols.codec import UnknownMember
from tatami.wire.protocols.scalars import NotConvertible, kind

Convert = Callable[[Any], Any]


def loads(body: bytes) -> Any:
    """The JSON value in `body`. Raises NotConvertible."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError) as error:
        raise NotConvertible("Could not parse request body into json") from error


def dumps(value: Any) -> bytes:
    """`value` as compact JSON."""
    return msgspec.json.encode(value)


def _wrong(value: Any, expected: str) -> NotConvertible:
    if isinstance(value, dict):
        return NotConvertible("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return NotConvertible("Start of list found where not expected")
    return NotConvertible(f"{kind(value)} can not be converted to {expected}")


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    raise _wrong(value, "a String")


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise _wrong(value, "an Integer")


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise _wrong(value, "a Boolean")


def _float(value: Any) -> float:
    if isinstance(value, dict | list):
        raise _wrong(value, "a Double")
    return scalars.parse_float(value)


def _timestamp(value: Any) -> Any:
    if type(value) in (int, float, str):
        return scalars.parse_timestamp(value)
    raise _wrong(value, "a Timestamp")


def _anything(value: Any) -> Any:
    return value


_DECODERS: dict[str, Convert] = {
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": scalars.parse_base64,
}


class JsonDecoders:
    """JSON values to model values; one function per shape, compiled when first asked for."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Convert] = {}

    def decoder(self, shape: Shape) -> Convert:
        """The function that turns a JSON value into a value of `shape`. It raises NotConvertible."""
        if shape.is_document:
            return _anything
        scalar = _DECODERS.get(shape.type)
        if scalar is not None:
            return scalar
        key = (shape.service, shape.name)
        if key not in self._compiled:
            getattr(self, f"_{shape.type}")(shape, key)
        return self._compiled[key]

    def _structure(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, tuple[str, Convert]] = {}

        def decode(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise _wrong(value, "a structure")
            found: dict[str, Any] = {}
            for wire, item in value.items():
                if item is not None and (entry := table.get(wire)) is not None:
                    found[entry[0]] = entry[1](item)
            return found

        # Registered before its members are compiled, so that a recursive shape finds itself.
        self._compiled[key] = decode
        for name, member in shape.members.items():
            if member.location is None:
                table[member.wire_name or name] = (name, self.decoder(member))

    def _list(self, shape: Shape, key: tuple[str, str]) -> None:
        def decode(value: Any) -> list[Any]:
            if type(value) is not list:
                raise _wrong(value, "a list")
            return [None if item is None else convert(item) for item in value]

        self._compiled[key] = decode
        convert = self.decoder(shape.member)

    def _map(self, shape: Shape, key: tuple[str, str]) -> None:
        def decode(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise _wrong(value, "a map")
            return {name: None if item is None else convert(item) for name, item in value.items()}

        self._compiled[key] = decode
        convert = self.decoder(shape.value)


class JsonEncoders:
    """Model values to JSON values. None stands for a shape whose values are JSON values already."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Convert] = {}

    def encoder(self, shape: Shape) -> Convert | None:
        """The function that turns a value of `shape` into a JSON value, or None when it would change nothing."""
        if shape.is_document or shape.type in ("string", "character", "integer", "long", "boolean"):
            return None
        if shape.type == "blob":
            return scalars.base64_text
        if shape.type in ("float", "double"):
            return _write_float
        if shape.type == "timestamp":
            return _timestamp_writer(shape)
        key = (shape.service, shape.name)
        if key not in self._compiled:
            getattr(self, f"_{shape.type}")(shape, key)
        return self._compiled[key]

    def _structure(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, tuple[str, Convert | None]] = {}
        owner = shape.name

        def encode(value: dict[str, Any]) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for name, item in value.items():
                if item is None:
                    continue
                entry = table.get(name)
                if entry is None:
                    raise UnknownMember(owner, name)
                wire, convert = entry
                found[wire] = item if convert is None else convert(item)
            return found

        self._compiled[key] = encode
        for name, member in shape.members.items():
            table[name] = (member.wire_name or name, self.encoder(member))

    def _list(self, shape: Shape, key: tuple[str, str]) -> None:
        def encode(value: Any) -> list[Any]:
            if convert is None:
                return list(value)
            return [None if item is None else convert(item) for item in value]

        self._compiled[key] = encode
        convert = self.encoder(shape.member)

    def _map(self, shape: Shape, key: tuple[str, str]) -> None:
        def encode(value: dict[str, Any]) -> dict[str, Any]:
            if convert is None:
                return value
            return {name: None if item is None else convert(item) for name, item in value.items()}

        self._compiled[key] = encode
        convert = self.encoder(shape.value)


def _write_float(value: float) -> float | str:
    return value if math.isfinite(value) else scalars.float_text(value)


def _timestamp_writer(shape: Shape) -> Convert:
    if (shape.timestamp_format or scalars.UNIX) == scalars.UNIX:
        return scalars.unix
    return scalars.timestamp_text(shape, scalars.UNIX)


decoders = JsonDecoders()
encoders = JsonEncoders()
