"""Identifiers: the one place that draws randomness for names."""

from __future__ import annotations

import secrets
import uuid


def request_id() -> str:
    """A UUID as AWS prints request ids: lower case, with hyphens."""
    return str(uuid.uuid4())


def hex_id(length: int = 32) -> str:
    """`length` random lower-case hexadecimal digits."""
    return secrets.token_hex((length + 1) // 2)[:length]
