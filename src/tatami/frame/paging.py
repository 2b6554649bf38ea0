"""Opaque page tokens: where the next page begins, wrapped so that only the operation that gave a token takes it."""

from __future__ import annotations

import base64
import binascii
import json
import zlib

Position = list[int | str]


class InvalidToken(ValueError):
    """The text is no token of this kind; each service has its own error for that."""


def encode_token(kind: str, *position: int | str) -> str:
    """A token for `position`, of URL-safe letters.

    kind: whose token it is (`logs:DescribeLogGroups`), with what must not change between the pages.
    """
    payload = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_checksum(kind, payload) + payload).decode().rstrip("=")


def decode_token(kind: str, token: str) -> Position:
    """The position that `encode_token` was given for the same kind. Raises InvalidToken."""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken(token) from error
    if len(content) < 6 or content[:4] != _checksum(kind, content[4:]):
        raise InvalidToken(token)
    try:
        position = json.loads(content[4:])
    except ValueError as error:
        raise InvalidToken(token) from error
    if not isinstance(position, list):
        raise InvalidToken(token)
    return position


def _checksum(kind: str, payload: bytes) -> bytes:
    return zlib.crc32(kind.encode() + b"\0" + payload).to_bytes(4)
