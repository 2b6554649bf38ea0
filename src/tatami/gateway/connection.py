"""
One client connection: uvicorn's httptools protocol, with the limits that it does not have.

* A connection on which nothing comes while the client is due to send is closed after the idle limit. uvicorn
  has such a limit only between two requests, not before the first nor within one.
* A head (request line and headers) must be complete within the idle limit of its first byte, or a client could hold a
  connection for ever by sending a byte now and then. It must not be larger than `HEAD_LIMIT`.
* Garbage behind a request that is still being answered ends the connection after that answer, not before.
* An offer to upgrade (Java's HTTP client offers h2c) is passed over. The parser takes such a request to be over after
  its head and drops its body, so the head is fed once more without the offer.

One timer per connection looks after all of it and is set again only when it has rung: traffic costs an attribute.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_OFFER = frozenset({b"connection", b"upgrade", b"http2-settings"})

HEAD_LIMIT = 1024 * 1024
"""Bytes of request line and headers (AWS Lambda: 1 MB for both together)."""


class Connection(HttpToolsProtocol):
    """The protocol of one connection. idle_limit: seconds."""

    def __init__(
        self, config: Config, server_state: ServerState, *, idle_limit: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self._idle_limit = idle_limit
        self._watch: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._head_since: float | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch the connection."""
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._watch = self.loop.call_later(self._idle_limit, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; a request that was cut off is told by `http.disconnect`."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser and hold the limit of the head."""
        self._heard = self.loop.time()
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_since = self._heard
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_since = None
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP, behind the answer that is still due on this connection, if any."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            self.pipeline.clear()
            self.flow.pause_reading()
            return
        super().send_400_response(msg)

    def abort(self) -> None:
        """Drop the connection now, whatever is in its buffers."""
        self.transport.abort()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over_upgrade(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _pass_over_upgrade(self, rest: bytes) -> None:
        """Feed a new parser the head that ended the old one, without its offer, and what came after it."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.send_400_response("Invalid HTTP request received.")
            return
        kept = [name + b": " + value for name, value in self.headers if name not in _OFFER]
        head = b"\r\n".join([method + b" " + self.url + b" HTTP/1.1", *kept, b"", b""])
        self.parser = httptools.HttpRequestParser(self)
        self._feed(head + rest)

    def _refuse_head(self) -> None:
        self._head_since = None
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()

    def _look(self) -> None:
        """Close the connection if its client is silent; otherwise look again when it could be."""
        now = self.loop.time()
        since = self._heard if self._head_since is None else self._head_since
        if not self._client_is_due():
            since = now
        if now - since >= self._idle_limit:
            self._watch = None
            self.transport.close()
            return
        self._watch = self.loop.call_later(since + self._idle_limit - now, self._look)

    def _client_is_due(self) -> bool:
        """Whether the next bytes must come from the client: no request in work, or one whose body is not whole."""
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete or (cycle.more_body and not self.flow.read_paused)
