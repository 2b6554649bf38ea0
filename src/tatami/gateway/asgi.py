"""
The ASGI application: a connection's messages into `wire.http.Request`, and `Response` back.

Three things happen only here. A body that is too large is refused before it is read: the answer goes out at once,
then what the client still sends is thrown away for a moment, because closing a socket with unread bytes resets the
connection and may destroy the answer on its way. A client that leaves in the middle of its request leaves nothing
behind. A client that leaves while a response streams ends the stream.

A call in progress is not cancelled when its client leaves: like at AWS, what was asked for still happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from typing import Any, Protocol

from tatami.frame.site import Page, Truncated
from tatami.gateway.arrival import Arrival
from tatami.kit.clock import Clock
from tatami.wire.http import Request, Response

log = logging.getLogger(__name__)

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LINGER_SECONDS = 5.0
"""How long the rest of a refused body is read and thrown away."""

LINGER_SILENCE = 0.5
"""Seconds without a byte after which no rest is expected any more."""


class Front(Protocol):
    """What the application needs from the gateway."""

    def body_limit(self, head: Request, declared: int | None) -> int:
        """How many bytes the body of this request may have. declared: its Content-Length, None when chunked."""
        ...

    def too_large(self, head: Request, limit: int) -> Response:
        """The answer to a body of more than `limit` bytes."""
        ...

    async def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""
        ...


class ClientGone(Exception):
    """The client closed its connection before its request was complete."""


class TooLarge(Exception):
    """The body has more bytes than allowed."""


class Application:
    """The ASGI callable around a gateway."""

    def __init__(self, front: Front, clock: Clock) -> None:
        self._front = front
        self._clock = clock
        self._date = (0, b"")

    def __repr__(self) -> str:
        return f"<Application {self._front!r}>"

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one HTTP request. Other scopes (lifespan, websocket) are refused."""
        if scope["type"] != "http":
            raise RuntimeError(f"this server speaks HTTP only, not {scope['type']}")
        try:
            await self._serve(scope, receive, send)
        except asyncio.CancelledError:
            # Only the server's stop cancels, after it has dropped the connection: nobody is left to be told, and
            # uvicorn would report it as a failure of the application.
            log.info("%s %s was cancelled by the end of the server", scope["method"], scope["path"])
        except Truncated as cut:
            # Returning without the end of the body makes the server drop the connection.
            log.info("%s %s was cut off: %s", scope["method"], scope["path"], cut)

    async def _serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        head = _head(scope)
        declared = _declared_length(head)
        limit = self._front.body_limit(head, declared)
        try:
            if declared is not None and declared > limit:
                raise TooLarge
            body = await _body(receive, limit)
        except ClientGone:
            return
        except TooLarge:
            waits = head.header("expect").lower() == "100-continue"
            await self._refuse_body(self._front.too_large(head, limit), receive, send, waits=waits)
            return
        request = replace(head, body=body) if body else head
        await self._respond(await self._front.handle(request), scope, receive, send)

    async def _respond(self, response: Response, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        body = response.body
        if isinstance(body, bytes):
            await self._start(response, send, len(body))
            await send({"type": "http.response.body", "body": body, "more_body": False})
        elif scope["method"] == "HEAD":
            await self._start(response, send, None)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif scope.get("http_version") == "1.0":
            # HTTP/1.0 knows no chunks, so a stream is collected first.
            whole = Response(response.status, response.headers, b"".join([piece async for piece in body]))
            await self._respond(whole, scope, receive, send)
        else:
            await self._start(response, send, None)
            await _stream(body, receive, send)

    async def _refuse_body(self, response: Response, receive: Receive, send: Send, *, waits: bool) -> None:
        """Answer, then swallow what is still coming until the client has read the answer and left.

        waits: the client sends its body only when it is asked to (`Expect: 100-continue`), so nothing is coming.
        """
        body = response.body if isinstance(response.body, bytes) else b""
        response.headers["connection"] = "close"
        await self._start(response, send, len(body))
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if not waits:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while await _more(receive):
                        pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, response: Response, send: Send, length: int | None) -> None:
        headers = [(name.lower().encode(), _bytes(value)) for name, value in response.headers.items()]
        if isinstance(response, Page):
            headers += [(b"set-cookie", _bytes(cookie)) for cookie in response.cookies]
        names = {name for name, _ in headers}
        if b"date" not in names:
            headers.append((b"date", self._http_date()))
        if length is not None and b"content-length" not in names and response.status not in (204, 304):
            headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})

    def _http_date(self) -> bytes:
        """SDKs correct their clocks by the `Date` header, so it is our clock's; one text serves a whole second."""
        second = int(self._clock.now())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]


def _head(scope: Mapping[str, Any]) -> Arrival:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query: bytes = scope["query_string"]
    peer = scope.get("client")
    return Arrival(
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        query.decode("latin-1"),
        headers,
        client=peer[0] if peer else "",
        protocol=f"HTTP/{scope.get('http_version', '1.1')}",
    )


def _declared_length(head: Request) -> int | None:
    text = head.headers.get("content-length")
    if text is not None:
        return int(text)
    return None if "transfer-encoding" in head.headers else 0


async def _body(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(first) > limit:
            raise TooLarge
        return first
    pieces, size = [first], len(first)
    while message.get("more_body"):
        if size > limit:
            raise TooLarge
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    if size > limit:
        raise TooLarge
    return b"".join(pieces)


async def _more(receive: Receive) -> bool:
    async with asyncio.timeout(LINGER_SILENCE):
        return bool((await receive()).get("more_body"))


async def _stream(pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send pieces as they come, until they end or the client leaves.

    An error of the source is raised after the head was sent: the server then closes the connection, which is the only
    way to tell the client that the body is not whole.
    """
    gone = asyncio.ensure_future(_until_gone(receive))
    source = aiter(pieces)
    try:
        while True:
            coming = asyncio.ensure_future(_next(source))
            try:
                await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                coming.cancel()
                raise
            if gone.done():
                coming.cancel()
                await asyncio.wait({coming})
                return
            piece = coming.result()
            if piece is None:
                break
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _next(source: AsyncIterator[bytes]) -> bytes | None:
    return await anext(source, None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
