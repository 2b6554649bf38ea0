"""The two values that travel through the gateway: a request and a response, free of any server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came in.

    `path` and `query` are raw: still percent-encoded, exactly as on the request line (the query
    without its `?`). `headers` has lower-case names; repeated headers are joined with `,`.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str, default: str = "") -> str:
        """The header `name` (lower case), or `default`."""
        return self.headers.get(name, default)


@dataclass(slots=True)
class Response:
    """One HTTP response. `body` is the whole body, or its pieces as they come (streaming)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""
