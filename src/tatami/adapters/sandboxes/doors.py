"""
The platform's side of a sandbox's doors: what is accepted there is answered by the platform or taken on.

The endpoint's door leads to the platform's own address, whatever the sandbox asked for. The egress door leads to where
the connection was going, unless that is the machine itself: loopback, link-local and the machine's own addresses
are refused, so that what listens on this machine is out of a function's reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import cast

log = logging.getLogger(__name__)

Target = Callable[[socket.socket], tuple[str, int] | None]
"""Where a connection that was accepted leads; None refuses it."""

DNS_PORT = 53
_SO_ORIGINAL_DST = 80
_HIGH_WATER = 256 * 1024
_CONNECT_SECONDS = 30.0
_QUERIES = 64
_QUERY_SECONDS = 5.0


class Doors:
    """The doors of one sandbox, until `close`."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._pipes: set[_Pipe] = set()
        self._resolver: asyncio.DatagramTransport | None = None

    def __repr__(self) -> str:
        return f"<Doors {len(self._servers)} open, {len(self._pipes)} connections>"

    async def lead(self, door: socket.socket, target: Target) -> None:
        """Take every connection at `door` on to its target."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: _Pipe(target, self._pipes), sock=door))

    async def resolve(self, door: socket.socket, servers: list[str]) -> None:
        """Answer DNS queries by UDP from the machine's own resolvers."""
        loop = asyncio.get_running_loop()
        self._resolver, _ = await loop.create_datagram_endpoint(lambda: _Resolver(servers), sock=door)

    def close(self) -> None:
        """Listen no more and end every connection."""
        for server in self._servers:
            server.close()
        if self._resolver is not None:
            self._resolver.close()
        for pipe in list(self._pipes):
            pipe.abort()


def original_destination(connection: socket.socket) -> tuple[str, int] | None:
    """Where a redirected connection was going, if a function may go there."""
    try:
        data = connection.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
    except OSError:
        return None  # it was not redirected: somebody connected to the door itself
    port, packed = struct.unpack_from("!2xH4s", data)
    address = ipaddress.IPv4Address(packed)
    if not may_leave_for(address) or _is_own(str(address)):
        return None
    return str(address), port


def may_leave_for(address: ipaddress.IPv4Address) -> bool:
    """Whether an address is one of another machine at all."""
    return not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
                or address in ipaddress.IPv4Network("0.0.0.0/8") or int(address) == 0xFFFF_FFFF)  # fmt: skip


def _is_own(address: str) -> bool:
    """Whether the machine itself has the address: only then can a socket be bound to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


def resolvers(path: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The machine's name servers."""
    with contextlib.suppress(OSError):
        lines = [line.split() for line in path.read_text().splitlines()]
        return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return []


class _Pipe(asyncio.Protocol):
    """One connection from a sandbox, and the connection it leads to. Bytes, in both directions, with back pressure."""

    def __init__(self, target: Target, pipes: set[_Pipe]) -> None:
        self._target = target
        self._pipes = pipes
        self._near: asyncio.Transport | None = None
        self._far: _Far | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._early = bytearray()
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._near = cast(asyncio.Transport, transport)
        self._near.set_write_buffer_limits(high=_HIGH_WATER)
        self._pipes.add(self)
        self._connecting = asyncio.get_running_loop().create_task(self._connect(self._near))

    async def _connect(self, near: asyncio.Transport) -> None:
        target = self._target(near.get_extra_info("socket"))
        if target is None:
            near.abort()
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, self._far = await loop.create_connection(lambda: _Far(near), *target)
        except (OSError, TimeoutError):
            near.abort()
            return
        self._send_early(near)

    def _send_early(self, near: asyncio.Transport) -> None:
        """What came while the other end was not connected yet goes first."""
        early, self._early = bytes(self._early), bytearray()
        if self._far is not None and self._far.transport is not None:
            self._far.transport.write(early)
            if self._ended and self._far.transport.can_write_eof():
                self._far.transport.write_eof()
        if len(early) > _HIGH_WATER:
            near.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._far is not None and self._far.transport is not None:
            self._far.transport.write(data)
            return
        # Reading cannot be paused before it has begun, which it has not in connection_made (uvloop).
        held = len(self._early)
        self._early += data
        if held <= _HIGH_WATER < len(self._early) and self._near is not None:
            self._near.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        if self._far is not None and self._far.transport is not None and self._far.transport.can_write_eof():
            self._far.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self._far is not None and self._far.transport is not None:
            self._far.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._far is not None and self._far.transport is not None:
            self._far.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._pipes.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._far is not None and self._far.transport is not None:
            self._far.transport.close()

    def abort(self) -> None:
        """End both connections."""
        if self._near is not None:
            self._near.abort()


class _Far(asyncio.Protocol):
    """The other end of a pipe."""

    def __init__(self, near: asyncio.Transport) -> None:
        self._near = near
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        self._near.write(data)

    def eof_received(self) -> bool:
        if self._near.can_write_eof():
            self._near.write_eof()
        return True

    def pause_writing(self) -> None:
        self._near.pause_reading()

    def resume_writing(self) -> None:
        self._near.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._near.close()


class _Resolver(asyncio.DatagramProtocol):
    """Takes each query to the first of the machine's name servers that answers."""

    def __init__(self, servers: list[str]) -> None:
        self._servers = servers
        self._transport: asyncio.DatagramTransport | None = None
        self._asking: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if len(self._asking) < _QUERIES:
            task = asyncio.get_running_loop().create_task(self._ask(data, address))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, query: bytes, address: tuple[str, int]) -> None:
        for server in self._servers:
            reply = await _exchange(server, query)
            if reply is not None:
                if self._transport is not None:
                    self._transport.sendto(reply, address)
                return

    def connection_lost(self, error: Exception | None) -> None:
        for task in self._asking:
            task.cancel()


class _Question(asyncio.DatagramProtocol):
    def __init__(self, reply: asyncio.Future[bytes]) -> None:
        self._reply = reply

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if not self._reply.done():
            self._reply.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(error)


async def _exchange(server: str, query: bytes) -> bytes | None:
    """One question to one name server; None when it does not answer in time."""
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bytes] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: _Question(reply), remote_addr=(server, DNS_PORT))
    except OSError:
        return None
    try:
        transport.sendto(query)
        async with asyncio.timeout(_QUERY_SECONDS):
            return await reply
    except (OSError, TimeoutError):
        return None
    finally:
        transport.close()
