"""The pipe: what goes in comes out in order, the writer is asked to stop, either end may leave."""

from __future__ import annotations

import asyncio

from tatami.kit.byte_pipe import BytePipe
from tatami.kit.clock import settle


def test_pieces_come_out_in_order_and_then_the_end() -> None:
    async def test() -> None:
        pipe = BytePipe()
        reading = asyncio.ensure_future(pipe.read())
        await settle()
        assert pipe.write(b"one")
        assert await reading == b"one"
        pipe.write(b"two ")
        pipe.write(b"three")
        pipe.close()
        pipe.write(b"too late")
        assert [await pipe.read(), await pipe.read()] == [b"two three", b""]

    asyncio.run(test())


def test_a_full_pipe_asks_its_writer_to_wait_until_it_was_read() -> None:
    async def test() -> None:
        pipe = BytePipe(capacity=4)
        called: list[str] = []
        assert pipe.write(b"123")
        pipe.on_room(lambda: called.append("at once"))
        assert not pipe.write(b"45")
        pipe.on_room(lambda: called.append("when read"))
        assert called == ["at once"]
        assert await pipe.read() == b"12345"
        assert called == ["at once", "when read"]
        assert not pipe.is_full

    asyncio.run(test())


def test_without_a_reader_nothing_waits() -> None:
    async def test() -> None:
        pipe = BytePipe(capacity=4)
        called: list[str] = []
        pipe.write(b"12345")
        pipe.on_room(lambda: called.append("gone"))
        pipe.abandon()
        assert called == ["gone"]
        assert pipe.write(b"123456789")
        assert await pipe.read() == b""
        assert "abandoned" in repr(pipe)

    asyncio.run(test())
