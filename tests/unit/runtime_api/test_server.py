"""The listener: bytes in any pieces, several connections, both event loops, and no bytes that break it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sessions import new_session

from tatami.domain.invocation import Invocation
from tatami.environments.session import Answer, Event, RuntimeSession
from tatami.runtime_api.server import RuntimeApi, RuntimeDoor

RUNTIME = b"/2018-06-01/runtime"
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


async def opened() -> tuple[RuntimeDoor, RuntimeSession]:
    """A door and the session behind it."""
    session = new_session()
    return await RuntimeApi().open(lambda: session), session


async def connect(door: RuntimeDoor) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = door.address.partition(":")
    return await asyncio.open_connection(host, int(port))


async def status(reader: asyncio.StreamReader) -> int:
    """The status of the next answer, whose body is read too."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split()[1])


@pytest.mark.parametrize("loop", LOOPS)
def test_a_whole_conversation(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def test() -> None:
        door, session = await opened()
        reader, writer = await connect(door)
        writer.write(b"GET " + RUNTIME + b"/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        await session.initialised
        answered, _ = session.assign(Event(Invocation("r-1", b"{}", "arn"), 5, "a-1"))
        assert await status(reader) == 200
        writer.write(b"POST " + RUNTIME + b"/invocation/r-1/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n42")
        assert await answered == Answer(b"42")
        assert await status(reader) == 202
        assert "connections=1" in repr(door)
        await door.close()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await connect(door)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(test())


@given(st.lists(st.integers(1, 400), max_size=10))
@settings(max_examples=25, deadline=None)
def test_requests_may_come_in_any_pieces(cuts: list[int]) -> None:
    body = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    data = (
        b"GET /ping HTTP/1.1\r\n\r\nPOST " + RUNTIME + b"/init/error HTTP/1.1\r\n" + body + b"GET /x HTTP/1.1\r\n\r\n"
    )

    async def test() -> None:
        door, session = await opened()
        reader, writer = await connect(door)
        places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
        for start, end in itertools.pairwise(places):
            writer.write(data[start:end])
            await asyncio.sleep(0)
        assert [await status(reader) for _ in range(3)] == [200, 202, 404]
        assert session.init_failure is not None
        assert session.init_failure.payload == b"abcde"
        writer.close()
        await door.close()

    asyncio.run(test())


@given(st.binary(min_size=1, max_size=100))
@settings(max_examples=50, deadline=None)
def test_no_bytes_break_the_listener(data: bytes) -> None:
    async def test() -> None:
        door, _ = await opened()
        _, bad = await connect(door)
        bad.write(data)
        reader, writer = await connect(door)
        writer.write(b"GET /ping HTTP/1.1\r\n\r\n")
        assert await status(reader) == 200
        bad.close()
        writer.close()
        await door.close()

    asyncio.run(test())


def test_two_doors_are_two_rooms() -> None:
    async def test() -> None:
        (one, first), (two, second) = await opened(), await opened()
        assert one.address != two.address
        _, writer = await connect(two)
        writer.write(b"GET " + RUNTIME + b"/invocation/next HTTP/1.1\r\n\r\n")
        await second.initialised
        assert not first.initialised.done()
        writer.close()
        await one.close()
        await two.close()

    asyncio.run(test())
