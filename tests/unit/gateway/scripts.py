"""Scripts against a running server: a front that echoes, raw clients, and the loop they run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvloop

from tatami.gateway.asgi import Application
from tatami.gateway.server import Server
from tatami.kit.clock import VirtualClock
from tatami.wire.http import Request, Response

LIMIT = 1_000_000


class Echo:
    """A front that answers with what it was asked. Paths choose other behaviour; `gate` opens for `/wait`."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.closed = asyncio.Event()
        self.finished = 0

    def body_limit(self, head: Request, declared: int | None) -> int:
        return LIMIT

    def too_large(self, head: Request, limit: int) -> Response:
        return Response(413, {"content-type": "application/json"}, b'{"message":"too large"}')

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        if request.path == "/wait":
            self.entered.set()
            await self.gate.wait()
            self.finished += 1
        if request.path == "/stream":
            return Response(200, {}, self._pieces())
        if request.path == "/broken-stream":
            return Response(200, {}, self._broken())
        return Response(200, {"x-path": request.path}, request.body or b"empty")

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            yield b"one,"
            self.entered.set()
            await self.gate.wait()
            yield b""
            yield b"two"
        finally:
            self.closed.set()

    async def _broken(self) -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("the source broke")


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), headers

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, await self.chunks()
        return status, headers, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def chunks(self) -> bytes:
        whole = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            whole += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return whole

    async def ended(self) -> bytes:
        """What still comes until the server closes."""
        with suppress(ConnectionResetError):
            return await self.reader.read()
        return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Scene:
    """A running server and its clients."""

    def __init__(self, echo: Echo, server: Server, port: int) -> None:
        self.echo, self.server, self.port = echo, server, port
        self.clients: list[Client] = []

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Scene]:
    echo = Echo()
    server = Server(Application(echo, VirtualClock()), **options)
    scene = Scene(echo, server, await server.start())
    try:
        yield scene
    finally:
        await server.stop()
        for client in scene.clients:
            await client.close()


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
chosen_loop = ["asyncio"]


def play(script: Callable[[Scene], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), running(**options) as scene:
            await script(scene)

    with asyncio.Runner(loop_factory=LOOPS[chosen_loop[0]]) as runner:
        runner.run(main())
