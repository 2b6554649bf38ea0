"""
The binary framing of event streams (`application/vnd.amazon.eventstream`).

A message is: total length (4 bytes), length of the headers (4), CRC-32 of those eight bytes, headers, payload,
CRC-32 of all before it; integers are big-endian. A header is: length of its name (1), name, type (1), value.
Source: "Amazon Event Stream Specification" of Smithy.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = 12
_OVERHEAD = 16
_LARGEST = 24 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIZES = {2: 1, 3: 2, 4: 4, 5: 8}

HeaderValue = bool | int | bytes | str | datetime | UUID


class BrokenFrame(ValueError):
    """Bytes that are no event stream message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: headers by name (`:event-type`, `:content-type` ...) and the payload."""

    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    payload: bytes = b""


def encode_message(headers: Mapping[str, HeaderValue], payload: bytes = b"") -> bytes:
    """The bytes of one message. Integers are written as 32 bits when they fit, else 64."""
    packed = b"".join(_encode_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", len(packed) + len(payload) + _OVERHEAD, len(packed))
    message = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return message + struct.pack(">I", crc32(message))


def event(name: str, payload: bytes, content_type: str = "", extra: Mapping[str, HeaderValue] | None = None) -> bytes:
    """An event message. extra: members of the event that travel as headers."""
    headers: dict[str, HeaderValue] = {":message-type": "event", ":event-type": name}
    if content_type:
        headers[":content-type"] = content_type
    return encode_message({**headers, **(extra or {})}, payload)


def exception(name: str, payload: bytes, content_type: str) -> bytes:
    """An error that the model lists among the stream's events."""
    return encode_message(
        {":message-type": "exception", ":exception-type": name, ":content-type": content_type}, payload
    )


def error(code: str, message: str) -> bytes:
    """An error that the model does not list."""
    return encode_message({":message-type": "error", ":error-code": code, ":error-message": message})


def decode_messages(buffer: bytes) -> tuple[list[Message], bytes]:
    """The whole messages at the head of `buffer`, and what remains. Raises BrokenFrame."""
    messages: list[Message] = []
    while len(buffer) >= _PRELUDE:
        total, header_length, prelude_crc = struct.unpack_from(">III", buffer)
        if crc32(buffer[:8]) != prelude_crc:
            raise BrokenFrame("prelude checksum mismatch")
        if not _OVERHEAD + header_length <= total <= _LARGEST:
            raise BrokenFrame("impossible length")
        if len(buffer) < total:
            break
        messages.append(_decode_one(buffer[:total], header_length))
        buffer = buffer[total:]
    return messages, buffer


def _decode_one(frame: bytes, header_length: int) -> Message:
    (expected,) = struct.unpack_from(">I", frame, len(frame) - 4)
    if crc32(frame[:-4]) != expected:
        raise BrokenFrame("message checksum mismatch")
    end = _PRELUDE + header_length
    try:
        headers = dict(_decode_headers(frame[_PRELUDE:end]))
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError, ValueError) as cause:
        raise BrokenFrame("broken header") from cause
    return Message(headers, frame[end:-4])


def _encode_header(name: str, value: HeaderValue) -> bytes:
    raw = name.encode()
    return bytes([len(raw)]) + raw + _encode_value(value)


def _encode_value(value: HeaderValue) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int():
            return struct.pack(">bi", 4, value) if -(2**31) <= value < 2**31 else struct.pack(">bq", 5, value)
        case bytes():
            return struct.pack(">bH", 6, len(value)) + value
        case str():
            raw = value.encode()
            return struct.pack(">bH", 7, len(raw)) + raw
        case datetime():
            return struct.pack(">bq", 8, (value - _EPOCH) // timedelta(milliseconds=1))
        case UUID():
            return b"\x09" + value.bytes


def _decode_headers(data: bytes) -> Iterator[tuple[str, HeaderValue]]:
    position = 0
    while position < len(data):
        length = data[position]
        name = data[position + 1 : position + 1 + length].decode()
        position += 1 + length
        value, size = _decode_value(data[position], data[position + 1 :])
        position += 1 + size
        yield name, value


def _decode_value(kind: int, data: bytes) -> tuple[HeaderValue, int]:
    """A header's value and how many bytes it took."""
    if kind in (0, 1):
        return kind == 0, 0
    if kind in _SIZES:
        size = _SIZES[kind]
        return int.from_bytes(_take(data, size), "big", signed=True), size
    if kind in (6, 7):
        (length,) = struct.unpack_from(">H", data)
        raw = _take(data[2:], length)
        return (raw if kind == 6 else raw.decode()), length + 2
    if kind == 8:
        return _EPOCH + timedelta(milliseconds=int.from_bytes(_take(data, 8), "big", signed=True)), 8
    if kind == 9:
        return UUID(bytes=_take(data, 16)), 16
    raise BrokenFrame(f"unknown header type {kind}")


def _take(data: bytes, size: int) -> bytes:
    taken: Any = data[:size]
    if len(taken) != size:
        raise BrokenFrame("header is cut off")
    return bytes(taken)
