"""The values of the Runtime API: a call as it came in and the reply that goes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request of a runtime. headers: lower-case names. size: bytes sent, of which `body` may keep fewer.

    streamed: whether the body went to the invocation's caller as it came; then `body` is empty.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    size: int = 0
    trailers: Mapping[str, str] = field(default_factory=dict)
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response to a runtime."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


ACCEPTED = Reply(202, b'{"status":"OK"}\n')


def refusal(status: int, error_type: str, message: str) -> Reply:
    """An error reply in the Runtime API's own shape."""
    return Reply(status, json.dumps({"errorMessage": message, "errorType": error_type}).encode())
