"""
Sites: what answers web requests that are no calls of AWS's API, such as the address of a function.

The gateway asks each site whether a request is for it, before it looks for a service; a site decides itself who
may come in, for which it can have the request's signature verified.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from tatami.frame.operation import Context
from tatami.wire.http import Request, Response


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a site.

    client: the peer's address, "" when unknown. protocol: `HTTP/1.1`. signer: verifies the signature and gives who
    made it, None when there is none; raises wire.sigv4.SignatureError.
    """

    request: Request
    request_id: str
    client: str
    protocol: str
    signer: Callable[[], Awaitable[Context | None]]


@dataclass(slots=True)
class Page(Response):
    """A response that may set cookies. cookies: each a whole Set-Cookie value."""

    cookies: tuple[str, ...] = field(default=())


class Truncated(Exception):
    """Raised by a body that ends before it is whole: the connection is cut, which is how the client learns of it."""


class Site(Protocol):
    """Something with addresses of its own."""

    @property
    def body_limit(self) -> int:
        """Bytes that a request's body may have."""
        ...

    def serves(self, head: Request) -> bool:
        """Whether a request is for this site; called for every request, so it must be quick."""
        ...

    def too_large(self, request_id: str) -> Response:
        """The answer to a body of more than `body_limit` bytes."""
        ...

    async def answer(self, visit: Visit) -> Response:
        """Answer. Raises AwsError and SignatureError for what shall be told in AWS's error shape."""
        ...
