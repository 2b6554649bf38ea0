"""A small HTTP/1.1 client that can also misbehave: what a scripted runtime speaks to the Runtime API with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

RUNTIME = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Reply:
    """An answer of the Runtime API. headers: lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One keep-alive connection to `address` (`host:port`), opened when it is first needed."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        """One request with a Content-Length and its answer."""
        await self.send(request(method, path, headers, body))
        return await self.reply()

    async def send(self, data: bytes) -> None:
        """Write raw bytes."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self) -> Reply:
        """Read one answer."""
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("utf-8").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(head[0].split()[1]), headers, body)

    async def closed_by_peer(self) -> bool:
        """Wait for the end of the connection; whether nothing more came before it."""
        assert self._reader is not None
        return await self._reader.read() == b""

    def hang_up(self) -> None:
        """Break the connection; the next call opens another."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: runtime"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(
    path: str, pieces: list[bytes], headers: Mapping[str, str] | None = None, trailers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a POST with a chunked body."""
    lines = [f"POST {path} HTTP/1.1", "Host: runtime", "Transfer-Encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if trailers:
        lines.append(f"Trailer: {', '.join(trailers)}")
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    end = "".join(f"{name}: {value}\r\n" for name, value in (trailers or {}).items()).encode()
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body + b"0\r\n" + end + b"\r\n"
