"""
What a function's answer means as an HTTP response.

Buffered: an object with `statusCode` says status, headers, cookies and body itself; any other JSON is the body, with
status 200 and type application/json, a text without its quotes (recorded). Streamed: a response of the content type
HTTP_INTEGRATION begins with status, headers and cookies as JSON, then eight NUL bytes, then the body
(aws-lambda-nodejs-runtime-interface-client, HttpResponseStream); any other is the body as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"
JSON = "application/json"

END_OF_PRELUDE = b"\0" * 8
LARGEST_PRELUDE = 16 * 1024
"""Bytes within which the prelude must end (API Gateway guide, response-transfer-mode-lambda)."""

_KEPT_BY_US = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
"""Headers of the connection; a function's own ones are shown under another name, as AWS does."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class NoAnswer(Exception):
    """What the function returned is no HTTP response; the text says why."""


@dataclass(frozen=True)
class Head:
    """Status, headers (names in lower case) and cookies (each a whole Set-Cookie value)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


def buffered(payload: bytes) -> tuple[Head, bytes]:
    """The response that a whole answer means. payload: JSON text. Raises NoAnswer."""
    try:
        answer = msgspec.json.decode(payload) if payload else None
    except ValueError as error:
        raise NoAnswer("the function did not return JSON") from error
    if isinstance(answer, dict) and "statusCode" in answer:
        head = head_of(answer)
        head.headers.setdefault("content-type", JSON)
        return head, _body(answer.get("body"), answer.get("isBase64Encoded"))
    if isinstance(answer, str):
        return Head(200, {"content-type": JSON}), answer.encode()
    return Head(200, {"content-type": JSON}), msgspec.json.format(payload, indent=-1) if payload else b""


def head_of(answer: Mapping[str, Any]) -> Head:
    """Status, headers and cookies of an answer or a prelude; the status is 200 when none is given. Raises NoAnswer."""
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list) or not all(isinstance(cookie, str) for cookie in cookies):
        raise NoAnswer("cookies must be a list of texts")
    return Head(
        _status(answer.get("statusCode", 200)),
        _headers(answer.get("headers") or {}),
        tuple(_value(cookie) for cookie in cookies),
    )


def prelude(begin: bytes) -> tuple[Head, bytes] | None:
    """The head that a stream begins with and what follows it; None when more bytes are needed. Raises NoAnswer."""
    text, end, rest = begin.partition(END_OF_PRELUDE)
    if not end:
        if len(begin) > LARGEST_PRELUDE:
            raise NoAnswer("the prelude does not end within 16 KB")
        return None
    try:
        answer = msgspec.json.decode(text, type=dict[str, Any])
    except ValueError as error:
        raise NoAnswer("the prelude is not a JSON object") from error
    head = head_of(answer)
    head.headers.setdefault("content-type", "application/octet-stream")
    return head, rest


def _status(given: Any) -> int:
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given)
    # 1xx would not end the exchange, so it cannot be an answer.
    if not isinstance(given, int) or isinstance(given, bool) or not 200 <= given <= 599:
        raise NoAnswer("statusCode must be a number from 200 to 599")
    return given


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise NoAnswer("headers must be an object")
    headers: dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        if not _NAME.fullmatch(name):
            raise NoAnswer("a header has an impossible name")
        lower = name.lower()
        headers[f"x-amzn-remapped-{lower}" if lower in _KEPT_BY_US else lower] = _value(_text(value))
    return headers


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise NoAnswer("a header's value must be a text")


def _value(text: str) -> str:
    if any(character in text for character in "\r\n\0"):
        raise NoAnswer("a header's value has a line break")
    return text


def _body(body: Any, encoded: Any) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        return msgspec.json.encode(body)  # recorded: an object as body arrives as its JSON
    if encoded is not True:
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoAnswer("body is not base64, as isBase64Encoded says") from error
