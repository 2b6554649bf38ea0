"""The HTTP server over real sockets: honest clients, slow ones, silent ones, broken ones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from tests.unit.gateway.scripts import LIMIT, LOOPS, Scene, chosen_loop, play

from tatami.gateway.asgi import Application
from tatami.gateway.connection import HEAD_LIMIT
from tatami.gateway.server import serve
from tatami.kit.clock import VirtualClock


@pytest.fixture(params=LOOPS, autouse=True)
def _loop(request: pytest.FixtureRequest) -> None:
    """Every test runs on both loops."""
    chosen_loop[0] = request.param


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_a_request_arrives_as_it_was_sent() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(
            b"PUT /a%2Fb//../%7e?x=%20&y HTTP/1.1\r\nHost: h\r\nX-Two:  1 \r\nx-two: 2\r\nContent-Length: 2\r\n\r\nhi"
        )
        status, headers, body = await client.answer()

        request = scene.echo.seen[0]
        assert (request.method, request.path, request.query) == ("PUT", "/a%2Fb//../%7e", "x=%20&y")
        assert request.headers == {"host": "h", "x-two": "1,2", "content-length": "2"}
        assert (status, body) == (200, b"hi")
        assert headers["date"] == "tue, 14 nov 2023 22:13:20 gmt"
        assert "server" not in headers

    play(script)


def test_keep_alive_and_pipelining() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        for number in range(3):
            client.send(post(f"/{number}", b"%d" % number))
            assert (await client.answer())[2] == b"%d" % number
        client.send(b"".join(post(f"/p{number}", b"%d" % number) for number in range(5)))
        for number in range(5):
            _, headers, body = await client.answer()
            assert (headers["x-path"], body) == (f"/p{number}", b"%d" % number)
        assert scene.server.connections == 1

    play(script)


def test_http_1_0_and_connection_close() -> None:
    async def script(scene: Scene) -> None:
        for request in (b"GET /a HTTP/1.0\r\n\r\n", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"):
            client = await scene.client()
            client.send(request)
            status, headers, body = await client.answer()
            assert (status, body, headers["connection"]) == (200, b"empty", "close")
            assert await client.ended() == b""

    play(script)


def test_a_chunked_request_body() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.send(b"6;extension=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n")
        assert (await client.answer())[2] == b"hello world"

    play(script)


def test_an_offer_to_upgrade_is_passed_over() -> None:
    """Java's HTTP client offers h2c with its first request."""

    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/1", b"hi", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAM"))
        assert (await client.answer())[2] == b"hi"
        client.send(post("/2", b"ho"))
        assert (await client.answer())[2] == b"ho"

    play(script)


def test_expect_100_continue() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/", b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 5"))
        assert (await client.head())[0] == 100
        client.send(b"hello")
        assert (await client.answer())[2] == b"hello"

    play(script)


def test_a_declared_body_that_is_too_large_is_refused_before_it_is_sent() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/", b"").replace(b"Content-Length: 0", b"Content-Length: %d" % (LIMIT + 1)))
        status, headers, body = await client.answer()

        assert (status, body) == (413, b'{"message":"too large"}')
        assert headers["connection"] == "close"
        assert scene.echo.seen == []
        assert await client.ended() == b""

    play(script)


def test_a_client_that_asks_first_is_refused_and_hung_up_on() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(
            post("/", b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: %d" % (LIMIT + 1))
        )
        assert (await client.answer())[0] == 413
        assert await client.ended() == b""

    play(script)


def test_a_client_that_sends_too_much_all_the_same_can_read_the_answer() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/", b"x" * (8 * LIMIT)))
        await client.writer.drain()
        assert (await client.answer())[0] == 413
        assert await client.ended() == b""

    play(script)


def test_a_chunked_body_that_becomes_too_large() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        client.send(b"0\r\n\r\n")
        assert (await client.answer())[0] == 413
        assert scene.echo.seen == []

    play(script)


def test_a_body_of_exactly_the_limit() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/", b"x" * LIMIT))
        assert len((await client.answer())[2]) == LIMIT

    play(script)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: two\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\n: nameless\r\n\r\n",
        b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
def test_garbage(garbage: bytes) -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(garbage)
        assert (await client.ended()).startswith(b"HTTP/1.1 400 ")
        await until(lambda: scene.server.connections == 0)
        assert scene.echo.seen == []

    play(script)


def test_garbage_in_a_chunked_body() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello")
        assert (await client.ended()).startswith(b"HTTP/1.1 400 ")
        await until(lambda: scene.server.requests == 0)
        assert scene.echo.seen == []

    play(script)


def test_more_bytes_than_declared_do_not_harm_the_request_before() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/wait", b"hi") + b"\x00 and more")
        await scene.echo.entered.wait()
        scene.echo.gate.set()
        assert (await client.answer())[2] == b"hi"
        assert await client.ended() == b""

    play(script)


def test_fewer_bytes_than_declared_leave_nothing_behind() -> None:
    async def script(scene: Scene) -> None:
        for cut in (b"POST", b"POST / HTTP/1.1\r\nHost:", post("/", b"hello")[:-1]):
            client = await scene.client()
            client.send(cut)
            client.writer.write_eof()
            assert await client.ended() == b""
        await until(lambda: scene.server.connections == scene.server.requests == 0)
        assert scene.echo.seen == []

    play(script)


def test_a_call_goes_on_when_its_client_leaves() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/wait", b"hi"))
        await scene.echo.entered.wait()
        await client.close()
        await until(lambda: scene.server.connections == 0)
        assert scene.server.requests == 1
        scene.echo.gate.set()
        await until(lambda: scene.server.requests == 0)
        assert scene.echo.finished == 1

    play(script)


def test_a_stream_comes_in_pieces() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers = await client.head()
        assert (status, headers["transfer-encoding"]) == (200, "chunked")
        assert await client.reader.readexactly(9) == b"4\r\none,\r\n"
        scene.echo.gate.set()
        assert await client.chunks() == b"two"
        client.send(post("/again", b"kept alive"))
        assert (await client.answer())[2] == b"kept alive"

    play(script)


def test_a_stream_ends_when_its_client_leaves() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        await scene.echo.entered.wait()
        await client.close()
        await scene.echo.closed.wait()
        await until(lambda: scene.server.requests == 0)

    play(script)


def test_a_broken_stream_is_cut_off() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"GET /broken-stream HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await client.ended()).endswith(b"3\r\none\r\n")

    play(script)


def test_a_stream_to_an_old_client_and_to_head() -> None:
    async def script(scene: Scene) -> None:
        scene.echo.gate.set()
        client = await scene.client()
        client.send(b"GET /stream HTTP/1.0\r\n\r\n")
        assert (await client.answer())[2] == b"one,two"
        client = await scene.client()
        client.send(b"HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n" + post("/next", b"next"))
        assert (await client.head())[0] == 200
        assert (await client.answer())[2] == b"next"

    play(script)


def test_silent_connections_disturb_nobody_and_are_closed() -> None:
    async def script(scene: Scene) -> None:
        silent = [await scene.client() for _ in range(200)]
        talking = await scene.client()
        talking.send(post("/", b"hi"))
        assert (await talking.answer())[2] == b"hi"
        assert await asyncio.gather(*(client.ended() for client in silent)) == [b""] * 200
        await until(lambda: scene.server.connections == 0)

    play(script, idle_limit=0.3)


@pytest.mark.parametrize("start", [b"POST / HT", b"POST / HTTP/1.1\r\nHost: h\r\n", post("/", b"hello")[:-1]])
def test_a_request_that_stops_in_the_middle_is_closed(start: bytes) -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(start)
        assert await client.ended() == b""
        await until(lambda: scene.server.connections == scene.server.requests == 0)
        assert scene.echo.seen == []

    play(script, idle_limit=0.1)


def test_a_head_that_trickles_is_closed() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"GET / HTTP/1.1\r\n")

        async def trickle() -> None:
            while True:
                client.send(b"a: b\r\n")
                await asyncio.sleep(0.01)  # paces

        trickling = asyncio.create_task(trickle())
        assert await client.ended() == b""
        trickling.cancel()

    play(script, idle_limit=0.2)


def test_a_long_call_is_not_taken_for_silence() -> None:
    async def script(scene: Scene) -> None:
        busy, silent = await scene.client(), await scene.client()
        busy.send(post("/wait", b"hi"))
        await scene.echo.entered.wait()
        assert await silent.ended() == b""
        assert scene.server.connections == 1
        scene.echo.gate.set()
        assert (await busy.answer())[2] == b"hi"

    play(script, idle_limit=0.1)


@pytest.mark.parametrize("endless", [b"x: " + b"a" * 200_000, b"a: b\r\n" * 30_000])
def test_a_head_that_is_too_large(endless: bytes) -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(b"GET / HTTP/1.1\r\n")
        for _ in range(HEAD_LIMIT // len(endless) + 1):
            client.send(endless)
        assert re.match(rb"HTTP/1.1 431 ", await client.reader.readline())
        assert scene.echo.seen == []

    play(script)


def test_stop_ends_silent_and_busy_connections() -> None:
    async def script(scene: Scene) -> None:
        silent = [await scene.client() for _ in range(200)]
        busy, cut = await scene.client(), await scene.client()
        busy.send(post("/wait", b"hi"))
        cut.send(post("/", b"hello")[:-1])
        await scene.echo.entered.wait()
        async with asyncio.timeout(2):
            await scene.server.stop()
        assert scene.server.connections == scene.server.requests == 0
        for client in [*silent, busy, cut]:
            assert await client.ended() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", scene.port)

    play(script, grace=0.1)


def test_stop_lets_a_request_in_work_end() -> None:
    async def script(scene: Scene) -> None:
        client = await scene.client()
        client.send(post("/wait", b"hi"))
        await scene.echo.entered.wait()
        stopping = asyncio.create_task(scene.server.stop())
        await asyncio.sleep(0)
        scene.echo.gate.set()
        assert (await client.answer())[2] == b"hi"
        await stopping

    play(script)


def test_a_taken_port_is_an_error_and_a_server_starts_once() -> None:
    async def script(scene: Scene) -> None:
        with pytest.raises(OSError):
            await serve(Application(scene.echo, VirtualClock()), port=scene.port).start()
        with pytest.raises(RuntimeError):
            await scene.server.start()
        assert repr(scene.server) == f"<Server 127.0.0.1:{scene.port} connections=0 requests=0>"

    play(script)
