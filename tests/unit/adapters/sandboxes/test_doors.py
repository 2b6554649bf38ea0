"""The platform's side of a sandbox's doors, with sockets of this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from tatami.adapters.sandboxes import doors
from tatami.adapters.sandboxes.doors import Doors, may_leave_for, original_destination, resolvers


def listening() -> socket.socket:
    door = socket.create_server(("127.0.0.1", 0))
    door.setblocking(False)
    return door


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that sends back what comes, and ends when its client does; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write(b"the end")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def test_bytes_go_both_ways_and_ends_are_passed_on() -> None:
    async def test() -> None:
        async with echo() as port:
            opened, door = Doors(), listening()
            address = door.getsockname()
            await opened.lead(door, lambda _: ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(*address)
            sent = bytes(range(256)) * 20_000
            writer.write(sent)
            received = await reader.readexactly(len(sent))
            assert received == sent
            writer.write_eof()
            assert await reader.read() == b"the end"
            writer.close()
            opened.close()

    asyncio.run(test())


def test_a_refused_connection_is_closed() -> None:
    async def test() -> None:
        opened, door = Doors(), listening()
        address = door.getsockname()
        await opened.lead(door, lambda _: None)
        reader, writer = await asyncio.open_connection(*address)
        with pytest.raises(ConnectionResetError):
            assert await reader.read() == b""
            raise ConnectionResetError
        writer.close()
        opened.close()

    asyncio.run(test())


def test_a_target_that_is_not_there_closes_the_connection() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        opened, door = Doors(), listening()
        address = door.getsockname()
        await opened.lead(door, lambda _: ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(*address)
        with pytest.raises(ConnectionResetError):
            assert await reader.read() == b""
            raise ConnectionResetError
        writer.close()
        opened.close()

    asyncio.run(test())


def test_close_ends_connections() -> None:
    async def test() -> None:
        async with echo() as port:
            opened, door = Doors(), listening()
            address = door.getsockname()
            await opened.lead(door, lambda _: ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            opened.close()
            with pytest.raises(ConnectionResetError):
                assert await reader.read() == b""
                raise ConnectionResetError
            writer.close()
            with pytest.raises(OSError):
                await asyncio.open_connection(*address)

    asyncio.run(test())


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("198.51.100.7", True),
        ("10.0.0.1", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("0.1.2.3", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
    ],
)
def test_where_a_function_may_go(address: str, may: bool) -> None:
    assert may_leave_for(ipaddress.IPv4Address(address)) is may


def test_a_connection_that_was_not_redirected_has_no_destination() -> None:
    with listening() as door, socket.create_connection(door.getsockname()):
        accepted, _ = door.accept()
        with accepted:
            assert original_destination(accepted) is None


def test_name_servers_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("# x\nsearch a.b\nnameserver 10.0.0.1\nnameserver 10.0.0.2 # y\noptions x\n")
    assert resolvers(tmp_path / "resolv.conf") == ["10.0.0.1", "10.0.0.2"]
    assert resolvers(tmp_path / "missing") == []


def test_queries_go_to_the_first_server_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            self.transport.sendto(b"answer to " + data, address)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
        monkeypatch.setattr(doors, "DNS_PORT", transport.get_extra_info("sockname")[1])
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.bind(("127.0.0.1", 0))
        address = door.getsockname()
        door.setblocking(False)
        opened = Doors()
        await opened.resolve(door, ["127.0.0.2", "127.0.0.1"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            await loop.sock_sendto(client, b"question", address)
            assert await loop.sock_recv(client, 100) == b"answer to question"
        opened.close()
        transport.close()

    asyncio.run(test())
