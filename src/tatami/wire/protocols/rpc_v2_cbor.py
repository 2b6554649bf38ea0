"""Smithy RPC v2 CBOR: `POST /service/<target>/operation/<name>`, one CBOR map each way (CloudWatch, CodeDeploy ...)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import cbor2

from tatami.wire.eventstream import CONTENT_TYPE as EVENT_STREAM
from tatami.wire.http import Request, Response
from tatami.wire.models import OperationModel, ServiceModel, Shape
from tatami.wire.protocols import events, scalars
from tatami.wire.protocols.codec import (
    Codec,
    Decoder,
    Encoder,
    UnknownMember,
    Values,
    answer_headers,
    error_members,
    query_error_header,
    shape_and_name,
)
from tatami.wire.protocols.scalars import NotConvertible

Convert = Callable[[Any], Any]
_CONTENT_TYPE = "application/cbor"
_EPOCH_TAG = 1


def loads(body: bytes) -> Any:
    """The CBOR item in `body`. Raises NotConvertible."""
    try:
        return cbor2.loads(body)
    except Exception as error:  # tags make cbor2 build objects of many kinds, which fail in as many ways
        raise NotConvertible("Could not parse request body into CBOR") from error


def _is_absent(value: Any) -> bool:
    return value is None or value is cbor2.undefined


class CborReaders:
    """CBOR items to model values."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Convert] = {}

    def reader(self, shape: Shape) -> Convert:
        """The function that checks and turns a CBOR item into a value of `shape`. It raises NotConvertible."""
        if shape.type in _SCALARS:
            return _SCALARS[shape.type]
        key = (shape.service, shape.name)
        if key not in self._compiled:
            getattr(self, f"_{shape.type}")(shape, key)
        return self._compiled[key]

    def _structure(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, tuple[str, Convert]] = {}

        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise NotConvertible("A structure is expected")
            found: dict[str, Any] = {}
            for wire, item in value.items():
                entry = table.get(wire) if type(wire) is str else None
                if entry is not None and not _is_absent(item):
                    found[entry[0]] = entry[1](item)
            return found

        self._compiled[key] = read
        for name, member in shape.members.items():
            # Smithy sends the member's name; botocore sends the locationName, where there is one.
            table[name] = table[member.wire_name or name] = (name, self.reader(member))

    def _list(self, shape: Shape, key: tuple[str, str]) -> None:
        def read(value: Any) -> list[Any]:
            if not isinstance(value, list):
                raise NotConvertible("A list is expected")
            return [None if _is_absent(item) else convert(item) for item in value]

        self._compiled[key] = read
        convert = self.reader(shape.member)

    def _map(self, shape: Shape, key: tuple[str, str]) -> None:
        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict or not all(type(name) is str for name in value):
                raise NotConvertible("A map is expected")
            return {name: None if _is_absent(item) else convert(item) for name, item in value.items()}

        self._compiled[key] = read
        convert = self.reader(shape.value)


class CborWriters:
    """Model values to what cbor2 writes."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Convert] = {}

    def writer(self, shape: Shape) -> Convert | None:
        """The function that prepares a value of `shape`, or None when it would change nothing."""
        if shape.type == "timestamp":
            return lambda value: cbor2.CBORTag(_EPOCH_TAG, scalars.unix(value))
        if shape.type in ("float", "double"):
            return float
        if shape.type == "blob":
            return lambda value: value.encode() if isinstance(value, str) else bytes(value)
        if shape.type in _SCALARS:
            return None
        key = (shape.service, shape.name)
        if key not in self._compiled:
            getattr(self, f"_{shape.type}")(shape, key)
        return self._compiled[key]

    def _structure(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, Convert | None] = {}
        owner = shape.name

        def write(value: dict[str, Any]) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for name, item in value.items():
                if item is None:
                    continue
                if name not in table:
                    raise UnknownMember(owner, name)
                convert = table[name]
                found[name] = item if convert is None else convert(item)
            return found

        self._compiled[key] = write
        for name, member in shape.members.items():
            table[name] = self.writer(member)

    def _list(self, shape: Shape, key: tuple[str, str]) -> None:
        self._compiled[key] = lambda value: [
            item if convert is None or item is None else convert(item) for item in value
        ]
        convert = self.writer(shape.member)

    def _map(self, shape: Shape, key: tuple[str, str]) -> None:
        self._compiled[key] = lambda value: {
            name: item if convert is None or item is None else convert(item) for name, item in value.items()
        }
        convert = self.writer(shape.value)


def _exactly(*types: type) -> Convert:
    def check(value: Any) -> Any:
        if type(value) in types:
            return value
        raise NotConvertible(f"{scalars.kind(value)} can not be converted")

    return check


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise NotConvertible(f"{scalars.kind(value)} can not be converted to an Integer")


def _timestamp(value: Any) -> datetime:
    if type(value) in (int, float) or isinstance(value, datetime):
        return scalars.parse_timestamp(value)
    raise NotConvertible(f"{scalars.kind(value)} can not be converted to a Timestamp")


_SCALARS: dict[str, Convert] = {
    "string": _exactly(str),
    "character": _exactly(str),
    "integer": _integer,
    "long": _integer,
    "float": scalars.parse_float,
    "double": scalars.parse_float,
    "boolean": _exactly(bool),
    "timestamp": _timestamp,
    "blob": _exactly(bytes),
}
_readers = CborReaders()
_writers = CborWriters()


def _write(shape: Shape, name: str, value: Any) -> bytes:
    convert = _writers.writer(shape)
    return cbor2.dumps(value if convert is None else convert(value))


class CborCodec(Codec):
    """The protocol `smithy-rpc-v2-cbor`."""

    def _compile_decoder(self, operation: OperationModel) -> Decoder:
        convert = _readers.reader(operation.input) if operation.input is not None else None

        def decode(request: Request, path_values: Mapping[str, str]) -> Values:
            if convert is None or not request.body:
                return {}
            found: Values = convert(loads(request.body))
            return found

        return decode

    def _compile_encoder(self, operation: OperationModel) -> Encoder:
        service, shape = operation.service, operation.output
        if shape is not None and shape.event_stream_member is not None:
            return _event_encoder(service, shape, shape.event_stream_member)
        convert = _writers.writer(shape) if shape is not None else None

        def encode(values: Values, request_id: str) -> Response:
            headers = _headers(service, request_id)
            if convert is None:
                return Response(200, headers)
            headers["Content-Type"] = _CONTENT_TYPE
            return Response(200, headers, cbor2.dumps(convert(values)))

        return encode

    def encode_error(
        self,
        operation: OperationModel | None,
        service: ServiceModel,
        code: str,
        message: str,
        status: int,
        sender_fault: bool,
        fields: Mapping[str, Any],
        request_id: str,
    ) -> Response:
        """`{"__type": ..., "message": ...}` as CBOR."""
        shape, name = shape_and_name(service, code)
        body: Values = {"__type": name}
        for member, value in error_members(shape, message, sender_fault, fields).items():
            inner = shape.members.get(member) if shape is not None else None
            convert = _writers.writer(inner) if inner is not None else None
            body[member] = value if convert is None or value is None else convert(value)
        headers = _headers(service, request_id) | query_error_header(service, code, sender_fault)
        headers["Content-Type"] = _CONTENT_TYPE
        return Response(status, headers, cbor2.dumps(body))


def _headers(service: ServiceModel, request_id: str) -> dict[str, str]:
    return {**answer_headers(service, request_id), "smithy-protocol": "rpc-v2-cbor"}


def _event_encoder(service: ServiceModel, shape: Shape, member: str) -> Encoder:
    def encode(values: Values, request_id: str) -> Response:
        first = _write(shape, "", {name: value for name, value in values.items() if name != member})
        body = events.frames(shape.members[member], values[member], _write, _CONTENT_TYPE, first)
        return Response(200, {**_headers(service, request_id), "Content-Type": EVENT_STREAM}, body)

    return encode
