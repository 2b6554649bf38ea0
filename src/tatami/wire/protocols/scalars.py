"""
Scalar values as text and numbers: timestamps in their three formats, booleans, floats, base64.

Formats by place, unless the model's `timestampFormat` says otherwise: JSON and CBOR bodies count seconds since
the epoch, XML and form bodies and query strings use ISO 8601, headers RFC 822 (Smithy, "timestampFormat trait").
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from tatami.wire.models import Shape

ISO8601 = "iso8601"
RFC822 = "rfc822"
UNIX = "unixTimestamp"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class NotConvertible(ValueError):
    """A text or value is not of the type that the model asks for; the message is for the client."""


def aware(moment: datetime) -> datetime:
    """`moment` in UTC; a naive datetime is taken as UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def unix(moment: datetime) -> int | float:
    """Seconds since the epoch: an int when whole, else a float with microseconds."""
    elapsed = aware(moment) - _EPOCH
    if not elapsed.microseconds:
        return elapsed // _SECOND
    return ((elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) / 1_000_000


def iso8601(moment: datetime, *, always_millis: bool = False) -> str:
    """`2025-01-31T12:00:00Z`, with milli- or microseconds when there are any (or always, as S3 writes it)."""
    moment = aware(moment)
    text = moment.strftime(f"{moment.year:04d}-%m-%dT%H:%M:%S")
    if not moment.microsecond:
        return text + (".000Z" if always_millis else "Z")
    if moment.microsecond % 1000:
        return f"{text}.{moment.microsecond:06d}Z"
    return f"{text}.{moment.microsecond // 1000:03d}Z"


def rfc822(moment: datetime) -> str:
    """`Fri, 31 Jan 2025 12:00:00 GMT`; the format has no fractions."""
    return format_datetime(aware(moment), usegmt=True)


def timestamp_text(shape: Shape, default: str, *, always_millis: bool = False) -> Callable[[datetime], str]:
    """How timestamps of `shape` are written as text, where `default` is the place's format."""
    wanted = shape.timestamp_format or default
    if wanted == RFC822:
        return rfc822
    if wanted == UNIX:
        return lambda moment: str(unix(moment))
    return lambda moment: iso8601(moment, always_millis=always_millis)


def parse_timestamp(value: Any) -> datetime:
    """A timestamp in any of the formats (AWS takes what it can read). Raises NotConvertible."""
    try:
        if type(value) is int or type(value) is float:
            return _EPOCH + timedelta(seconds=value)
        if isinstance(value, datetime):
            return aware(value)
        return _parse_timestamp_text(value.strip())
    except (ValueError, OverflowError, AttributeError, TypeError, IndexError) as error:
        raise NotConvertible("Unable to parse timestamp") from error


def _parse_timestamp_text(text: str) -> datetime:
    if "T" in text and text[:4].isdigit():
        return aware(datetime.fromisoformat(text))
    if "," in text:
        return aware(parsedate_to_datetime(text))
    try:
        return _EPOCH + timedelta(seconds=float(text))
    except ValueError:
        return aware(datetime.fromisoformat(text))


def float_text(value: float) -> str:
    """A float as JSON and XML bodies spell it, `NaN` and the infinities by name."""
    if math.isfinite(value):
        return str(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def parse_float(value: Any) -> float:
    """A float from a number or a text. Raises NotConvertible."""
    if type(value) is float or type(value) is int:
        return float(value)
    if type(value) is str and value in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[value]
    raise NotConvertible(f"{kind(value)} can not be converted to a Double")


def _float_from_text(text: str) -> float:
    found = _SPECIAL_FLOATS.get(text)
    if found is not None:
        return found
    try:
        return float(text)
    except ValueError as error:
        raise NotConvertible("STRING_VALUE can not be converted to a Double") from error


def _integer_from_text(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise NotConvertible("STRING_VALUE can not be converted to an Integer") from error


def _boolean_from_text(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("true", "1"):
        return True
    if lowered in ("false", "0"):
        return False
    raise NotConvertible("STRING_VALUE can not be converted to a Boolean")


def parse_base64(value: Any) -> bytes:
    """Bytes from base64 text. Raises NotConvertible."""
    if type(value) is not str:
        raise NotConvertible(f"{kind(value)} can not be converted to a Blob")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return _tolerant_base64(value)


def _tolerant_base64(value: str) -> bytes:
    # Line breaks inside base64 come from command line tools and are accepted by AWS.
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotConvertible("Unable to parse base64") from error


def base64_text(value: bytes | bytearray | memoryview | str) -> str:
    """Base64 of a blob; text is taken as UTF-8."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode("ascii")


def kind(value: Any) -> str:
    """A JSON value's kind, as AWS's serialisation errors name it."""
    if value is None:
        return "NULL_VALUE"
    if value is True or value is False:
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, str | bytes):
        return "STRING_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    return "DECIMAL_VALUE" if isinstance(value, float) else "START_OF_STRUCTURE"


def text_parser(shape: Shape) -> Callable[[str], Any]:
    """From text (header, query string, label, form field, XML element) to the value of a scalar `shape`."""
    parsers: dict[str, Callable[[str], Any]] = {
        "integer": _integer_from_text,
        "long": _integer_from_text,
        "float": _float_from_text,
        "double": _float_from_text,
        "boolean": _boolean_from_text,
        "timestamp": parse_timestamp,
        "blob": parse_base64,
    }
    return parsers.get(shape.type, str)


def text_writer(shape: Shape, timestamp_format: str, *, always_millis: bool = False) -> Callable[[Any], str]:
    """From the value of a scalar `shape` to its text."""
    if shape.type == "timestamp":
        return timestamp_text(shape, timestamp_format, always_millis=always_millis)
    writers: dict[str, Callable[[Any], str]] = {
        "float": float_text,
        "double": float_text,
        "boolean": lambda value: "true" if value else "false",
        "blob": base64_text,
    }
    return writers.get(shape.type, str)
