"""
The Runtime API's listeners: one for each environment, on a port of its own, so that the address says who asks.

A raw asyncio protocol on httptools: this is the hot path of every invocation (one GET and one POST). A connection
serves one call after the other. It goes on reading while `/next` blocks: a runtime which hangs up is noticed and
its question withdrawn: an event is never given to a connection that is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import httptools

from tatami.domain.invocation import MAX_RESPONSE_PAYLOAD
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.session import RuntimeSession
from tatami.runtime_api.calls import Call, Reply, refusal
from tatami.runtime_api.intake import Intake, open_intake
from tatami.runtime_api.invocation import truncated
from tatami.runtime_api.router import invocation_of, route

HOST = "127.0.0.1"

LAST_WORDS_SECONDS = 0.1
"""A broken stream waits that long for the exit of its process, which would explain it better."""

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class RuntimeApi:
    """Opens doors for environments."""

    async def open(
        self, session: Callable[[], RuntimeSession], inside: tuple[socket.socket, str] | None = None
    ) -> RuntimeDoor:
        """Listen; `session` gives the runtime session that is current when a call comes.

        inside: a listening socket in the sandbox's own network and its address there, which becomes the door's; without
        one the door is at a free port of the machine's loopback.
        """
        connections: set[_Connection] = set()
        loop = asyncio.get_running_loop()
        if inside is not None:
            listener, address = inside
            server = await loop.create_server(lambda: _Connection(session, connections), sock=listener, backlog=16)
            return RuntimeDoor(server, connections, address)
        server = await loop.create_server(lambda: _Connection(session, connections), HOST, 0, backlog=16)
        return RuntimeDoor(server, connections, f"{HOST}:{server.sockets[0].getsockname()[1]}")


class RuntimeDoor:
    """The listener of one environment."""

    def __init__(self, server: asyncio.Server, connections: set[_Connection], address: str) -> None:
        self._server = server
        self._connections = connections
        self.address = address

    def __repr__(self) -> str:
        return f"<RuntimeDoor {self.address} connections={len(self._connections)}>"

    async def close(self) -> None:
        """Listen no more and end every connection."""
        self._server.close()
        for connection in list(self._connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    """One connection of a runtime process."""

    def __init__(self, session: Callable[[], RuntimeSession], connections: set[_Connection]) -> None:
        self._session = session
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._serving: asyncio.Task[None] | None = None
        self._calls: deque[tuple[Call, bool]] = deque()
        self._reset()

    def _reset(self) -> None:
        self._path = ""
        self._headers: dict[str, str] = {}
        self._trailers: dict[str, str] = {}
        self._in_body = False
        self._body: list[bytes] = []
        self._size = 0
        self._intake: Intake | None = None

    def abort(self) -> None:
        """Close at once."""
        if self._transport:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No isinstance: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        if self._serving:
            self._serving.cancel()
        request_id, action = invocation_of(self._path)
        if self._intake is not None:
            asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, self._intake.broken)
        elif action == "response" and self._in_body:
            with contextlib.suppress(RuntimeApiRefusal):
                truncated(self._session(), request_id)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._write(refusal(400, "InvalidRequestFormat", "Malformed HTTP request"), keep=False)

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._reset()

    def on_url(self, url: bytes) -> None:
        self._path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        target = self._trailers if self._in_body else self._headers
        target[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._in_body = True
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request_id, action = invocation_of(self._path)
        if action == "response":
            self._intake = open_intake(self._session(), request_id, self._headers)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._intake is not None:
            if not self._intake.feed(body):
                self._wait_for_room(self._intake)
        elif self._size <= MAX_RESPONSE_PAYLOAD:
            self._body.append(body)  # beyond the limit it is only counted: the call will be refused

    def on_message_complete(self) -> None:
        self._in_body = False
        method = self._parser.get_method().decode("latin-1")
        streamed, self._intake = self._intake is not None, None
        call = Call(method, self._path, self._headers, b"".join(self._body), self._size, self._trailers, streamed)
        self._calls.append((call, self._parser.should_keep_alive()))
        if self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve())

    def _wait_for_room(self, intake: Intake) -> None:
        if self._transport is not None and not self._transport.is_closing() and self._transport.is_reading():
            self._transport.pause_reading()
            intake.on_room(self._read_on)

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def _serve(self) -> None:
        while self._calls:
            call, keep = self._calls.popleft()
            self._write(await route(self._session(), call), keep)
        self._serving = None

    def _write(self, reply: Reply, keep: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        lines = [b"HTTP/1.1 %d %s" % (reply.status, _REASONS.get(reply.status, b"Unknown"))]
        lines += [f"{name}: {value}".encode() for name, value in reply.headers.items()]
        lines.append(b"Content-Type: application/json")
        lines.append(b"Content-Length: %d" % len(reply.body))
        if not keep:
            lines.append(b"Connection: close")
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + reply.body)
        if not keep:
            self._transport.close()
