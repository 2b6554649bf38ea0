"""Responses that come in pieces: while the function runs, no faster than they are read, and whatever ends them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.scenarios.scripted_runtime import Runtime
from tests.scenarios.scripted_wire import Reply
from tests.scenarios.stage import Stage, played, said

from tatami.dispatch.dispatcher import Dispatcher
from tatami.dispatch.streams import StreamedOutcome
from tatami.kit.clock import settle
from tatami.runtime_api import intake as intakes
from tatami.runtime_api import invocation as responses

STREAMING = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "text/plain"}


async def begin(runtime: Runtime, headers: dict[str, str] | None = None, trailer: str = "") -> None:
    """The head of a chunked response."""
    lines = [f"POST {runtime.path('response')} HTTP/1.1", "Host: runtime", "Transfer-Encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in (STREAMING if headers is None else headers).items()]
    if trailer:
        lines.append(f"Trailer: {trailer}")
    await runtime.wire.send("\r\n".join(lines).encode() + b"\r\n\r\n")


async def piece(runtime: Runtime, data: bytes) -> None:
    await runtime.wire.send(b"%x\r\n%b\r\n" % (len(data), data))


async def end(runtime: Runtime, trailers: dict[str, str] | None = None) -> Reply:
    """The last chunk, with trailers, and the Runtime API's answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (trailers or {}).items())
    await runtime.wire.send(b"0\r\n" + lines.encode() + b"\r\n")
    return await runtime.wire.reply()


@contextlib.asynccontextmanager
async def dispatching(stage: Stage, *, shaped: bool = False) -> AsyncIterator[Dispatcher]:
    """The stage with a dispatcher over its engine."""
    dispatcher = Dispatcher(stage.engine, stage.clock, stage.tasks, 10, 60.0, shaped=shaped)
    async with stage:
        yield dispatcher


async def stream(dispatcher: Dispatcher, stage: Stage, *, tail: bool = False) -> StreamedOutcome:
    return await dispatcher.stream(stage.function, stage.invocation(b"{}", tail))


async def whole(streamed: StreamedOutcome) -> bytes:
    return b"".join([data async for data in streamed.pieces()])


@played
async def test_a_piece_arrives_while_the_function_runs(tmp_path: Path) -> None:
    seen = asyncio.Event()
    replies: list[Reply] = []

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        await piece(runtime, b"first ")
        await seen.wait()
        await piece(runtime, b"second")
        replies.append(await end(runtime))
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        assert streamed.content_type == "text/plain"
        pieces = streamed.pieces()
        assert await anext(pieces) == b"first "
        assert not streamed.result.done(), "the function still runs"
        seen.set()
        assert b"".join([data async for data in pieces]) == b"second"
        outcome = await streamed.outcome()
        assert (outcome.payload, outcome.error_type, outcome.executed_version) == (b"", "", "$LATEST")
        assert [reply.status for reply in replies] == [202]


@played
async def test_a_caller_who_wants_the_whole_gets_it_collected(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        await piece(runtime, b"first ")
        await piece(runtime, b"second")
        await end(runtime)
        await runtime.ask_next()

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start())).payload == b"first second"


@played
async def test_a_runtime_that_does_not_stream_answers_as_a_whole(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    async with dispatching(stage) as dispatcher:
        streamed = await dispatcher.stream(stage.function, stage.invocation(b'"whole"'))
        assert streamed.content_type is None
        assert await whole(streamed) == b""
        assert (await streamed.outcome()).payload == b'"whole"'


@played
async def test_an_error_before_the_first_byte_is_an_ordinary_error(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.fail(b'{"errorMessage":"no"}')
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        assert streamed.content_type is None
        outcome = await streamed.outcome()
        assert (outcome.error_type, outcome.payload) == ("Runtime.Boom", b'{"errorMessage":"no"}')


@played
async def test_an_error_in_the_trailers_ends_the_stream(tmp_path: Path) -> None:
    body = b'{"errorType":"Late","errorMessage":"gone wrong"}'

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        names = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
        await begin(runtime, trailer=names)
        await piece(runtime, b"half")
        trailers = {
            "Lambda-Runtime-Function-Error-Type": "Late",
            "Lambda-Runtime-Function-Error-Body": base64.b64encode(body).decode(),
        }
        assert (await end(runtime, trailers)).status == 202
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        assert await whole(streamed) == b"half"
        outcome = await streamed.outcome()
        assert (outcome.error_type, outcome.payload, outcome.function_error) == ("Late", body, "Unhandled")


@played
async def test_a_timeout_in_the_middle_ends_the_stream(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        await piece(runtime, b"half")
        await runtime.hang()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        reading = asyncio.ensure_future(whole(streamed))
        await stage.hung()
        await stage.clock.advance(3)
        assert await reading == b"half"
        outcome = await streamed.outcome()
        assert outcome.error_type == "Sandbox.Timedout"
        assert said(outcome)["errorMessage"] == "RequestId: r-1 Error: Task timed out after 3.00 seconds"


@played
async def test_a_crash_in_the_middle_is_told_as_one(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        await piece(runtime, b"half")
        runtime.exit(3)

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        assert await whole(streamed) == b"half"
        outcome = await streamed.outcome()
        assert outcome.error_type == "Runtime.ExitError"
        assert said(outcome)["errorMessage"] == "RequestId: r-1 Error: Runtime exited with error: exit status 3"


@played
async def test_a_connection_that_breaks_in_the_middle_truncates(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        await piece(runtime, b"half")
        runtime.wire.hang_up()
        await runtime.hang()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        assert b"half".startswith(await whole(streamed)), "what was on its way when the connection broke may be lost"
        assert (await streamed.outcome()).error_type == "Runtime.TruncatedResponse"
        await stage.clock.advance(3)


@played
async def test_a_slow_reader_stops_the_function_until_it_reads(tmp_path: Path) -> None:
    sent = 0
    block = b"x" * 65536
    blocks = 200

    async def script(runtime: Runtime) -> None:
        nonlocal sent
        await runtime.ask_next()
        await begin(runtime)
        for _ in range(blocks):
            await piece(runtime, block)
            sent += 1
        await end(runtime)
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        await until(Stuck(lambda: sent))
        assert 0 < sent < blocks, "the runtime's socket takes no more"
        received = await whole(streamed)
        assert len(received) == blocks * len(block)
        assert (await streamed.outcome()).error_type == ""


@played
async def test_a_caller_who_goes_away_does_not_stop_the_function(tmp_path: Path) -> None:
    done = asyncio.Event()

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        for _ in range(100):
            await piece(runtime, b"x" * 65536)
        assert (await end(runtime)).status == 202
        done.set()
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        pieces = streamed.pieces()
        await anext(pieces)
        await pieces.aclose()
        await done.wait()
        assert (await streamed.outcome()).error_type == ""


@played
async def test_a_stream_is_slowed_after_its_burst(tmp_path: Path) -> None:
    block = b"x" * 65536
    megabytes = 8

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        for _ in range(megabytes * 16):
            await piece(runtime, block)
        await end(runtime)
        await runtime.ask_next()

    stage = Stage(tmp_path, script, timeout=60)
    async with dispatching(stage, shaped=True) as dispatcher:
        streamed = await stream(dispatcher, stage)
        reading = asyncio.ensure_future(whole(streamed))
        began = stage.clock.monotonic()
        while not reading.done():
            await settle()
            if not reading.done():
                await asyncio.sleep(0)
                await stage.clock.advance(0.01)
        assert len(reading.result()) == megabytes * 1024 * 1024
        elapsed = stage.clock.monotonic() - began
        assert elapsed >= 1.0, "8 MB are 6 at once and 2 at 2 MB a second"


@played
async def test_too_much_ends_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intakes, "MAX_STREAMED_RESPONSE", 1000)
    monkeypatch.setattr(responses, "MAX_STREAMED_RESPONSE", 1000)
    replies: list[Reply] = []

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await begin(runtime)
        await piece(runtime, b"x" * 1000)
        await piece(runtime, b"y" * 1000)
        replies.append(await end(runtime))
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage)
        assert await whole(streamed) == b"x" * 1000
        outcome = await streamed.outcome()
        assert outcome.error_type == "Function.ResponseSizeTooLarge"
        assert "(1000 bytes)" in said(outcome)["errorMessage"]
        await until(lambda: bool(replies))
        assert replies[0].status == 413


@played
async def test_the_end_of_the_log_comes_with_the_outcome(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.print("said\n")
        await begin(runtime)
        await piece(runtime, b"all")
        await end(runtime)
        await runtime.ask_next()

    stage = Stage(tmp_path, script)
    async with dispatching(stage) as dispatcher:
        streamed = await stream(dispatcher, stage, tail=True)
        assert await whole(streamed) == b"all"
        assert b"said" in (await streamed.outcome()).log_tail


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop turns until `condition` holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


class Stuck:
    """Whether a number has not moved for many turns of the loop."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._seen = -1
        self._turns = 0

    def __call__(self) -> bool:
        if self._count() != self._seen:
            self._seen, self._turns = self._count(), 0
        self._turns += 1
        return self._turns > 2000
