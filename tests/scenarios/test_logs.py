"""What a function's log holds, and the accounting line at its end."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from tests.scenarios.scripted_runtime import Runtime, Script, echo
from tests.scenarios.stage import Stage, played

from tatami.environments.log_collector import MAX_EVENT_BYTES, TAIL_BYTES


def prints(*texts: str | bytes) -> Script:
    async def script(runtime: Runtime) -> None:
        while True:
            event = await runtime.ask_next()
            for text in texts:
                await runtime.print(text)
            await runtime.respond(event.body)

    return script


@played
async def test_the_order_of_a_log(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.print("in init\n")
        while True:
            event = await runtime.ask_next()
            await runtime.print("one\ntw")
            await runtime.print("o\nunfinished")
            await runtime.respond(event.body)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        first = await stage.invoke(environment, tail=True)
        second = await stage.invoke(environment, tail=True)
        shapes = [re.sub(r"\d+\.\d\d(?= ms)|RequestId: r-\d|ARN: .*", "_", message) for message in stage.logs.messages]
        report = "REPORT _\tDuration: _ ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 26 MB\t"
        call = ["START _ Version: $LATEST\n", "one\n", "two\n", "unfinished", "END _\n"]
        assert shapes == [
            "INIT_START Runtime Version: python:3.12.1\tRuntime Version _\n",
            "in init\n",
            *call,
            f"{report}Init Duration: _ ms\t\n",
            *call,
            f"{report}\n",
        ]
        assert first.log_tail.startswith(b"in init\nSTART RequestId: r-1")
        assert second.log_tail.decode() == "".join(stage.logs.messages[-6:])
        assert {group for group, _, _ in stage.logs.events} == {"/aws/lambda/scripted"}


@played
async def test_the_tail_is_the_last_four_kilobytes(tmp_path: Path) -> None:
    async with Stage(tmp_path, prints("".join(f"{number:07}\n" for number in range(2000)))) as stage:
        environment = await stage.start()
        tail = (await stage.invoke(environment, tail=True)).log_tail
        assert len(tail) == TAIL_BYTES
        assert "".join(stage.logs.messages).encode().endswith(tail)
        assert tail.endswith(b"\t\n")
        assert (await stage.invoke(environment)).log_tail == b"", "only for who asks"


@played
async def test_ten_megabytes_arrive_whole(tmp_path: Path) -> None:
    text = ("x" * 1023 + "\n") * 10_240
    async with Stage(tmp_path, prints(text)) as stage:
        await stage.invoke(await stage.start())
        printed = [message for message in stage.logs.messages if message.startswith("x")]
        assert len(printed) == 10_240
        assert "".join(printed) == text


@played
async def test_a_line_without_end_is_cut_and_arrives_whole(tmp_path: Path) -> None:
    text = "é" * (2 * MAX_EVENT_BYTES)
    async with Stage(tmp_path, prints(text)) as stage:
        await stage.invoke(await stage.start())
        printed = [message for message in stage.logs.messages if message.startswith("é")]
        assert "".join(printed) == text
        assert max(len(message.encode()) for message in printed) <= MAX_EVENT_BYTES


@played
async def test_bytes_that_are_no_utf8_are_shown_as_such(tmp_path: Path) -> None:
    async with Stage(tmp_path, prints(b"a\xff\xfeb\n", b"\x00\n", b"ok \xe2\x82\xac\n")) as stage:
        outcome = await stage.invoke(await stage.start(), tail=True)
        assert stage.logs.messages[2:5] == ["a\ufffd\ufffdb\n", "\x00\n", "ok €\n"]
        assert "a\ufffd\ufffdb\n" in outcome.log_tail.decode()


@played
async def test_frames_keep_their_newlines_and_their_time(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        while True:
            event = await runtime.ask_next()
            now = int(runtime.clock.now() * 1e6)
            await runtime.frame("[ERROR] X: y\nTraceback\n  line", now - 5_000_000)
            await runtime.frame("from the past", 1)
            await runtime.frame("")
            await runtime.frame("zażółć\n")
            await runtime.respond(event.body)

    async with Stage(tmp_path, script) as stage:
        await stage.invoke(await stage.start())
        events = [event for _, _, event in stage.logs.events][2:-2]
        assert [event.message for event in events] == ["[ERROR] X: y\nTraceback\n  line", "from the past", "zażółć\n"]
        now = int(stage.clock.now() * 1000)
        assert [event.timestamp_ms for event in events] == [now - 5000, now, now]


@played
async def test_frames_and_lines_of_one_invocation_are_between_its_start_and_end(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        while True:
            event = await runtime.ask_next()
            for number in range(50):
                await runtime.frame(f"{event.request_id} frame {number}\n")
                await runtime.print(f"{event.request_id} line {number}\n")
            await runtime.respond(event.body)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        for _ in range(3):
            await stage.invoke(environment)
        messages = stage.logs.messages
        for name in ("r-1", "r-2", "r-3"):
            start = messages.index(f"START RequestId: {name} Version: $LATEST\n")
            mine = messages[start + 1 : messages.index(f"END RequestId: {name}\n")]
            assert len(mine) == 100
            assert all(message.startswith(name) for message in mine)
            frames = [message for message in mine if "frame" in message]
            assert frames == [f"{name} frame {number}\n" for number in range(50)]


@played
async def test_a_process_that_prints_for_ever_does_not_hold_up_the_answer(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        async def chatter() -> None:
            while True:
                await runtime.print("blah " * 100 + "\n")

        talking = asyncio.ensure_future(chatter())
        try:
            await echo(runtime)
        finally:
            talking.cancel()
            await asyncio.wait([talking])

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        assert (await stage.invoke(environment, b"1")).payload == b"1"


@pytest.mark.parametrize(
    ("init", "handler", "billed", "printed"),
    [
        (0.24826, 0.00301, 252, "Duration: 3.01 ms\tBilled Duration: 252 ms"),
        (0.1, 0.2, 300, "Duration: 200.00 ms\tBilled Duration: 300 ms"),
        (0.0, 0.0, 1, "Duration: 0.00 ms\tBilled Duration: 1 ms"),
        (0.0, 1.0001, 1001, "Duration: 1000.10 ms\tBilled Duration: 1001 ms"),
    ],
)
@played
async def test_the_arithmetic_of_report(tmp_path: Path, init: float, handler: float, billed: int, printed: str) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.passes(init)
        while True:
            event = await runtime.ask_next()
            await runtime.passes(handler)
            await runtime.respond(event.body)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        cold = await stage.invoke(environment)
        report = stage.line("REPORT")
        assert cold.billed_ms == billed
        assert (
            f"{printed}\tMemory Size: 128 MB\tMax Memory Used: 26 MB\tInit Duration: {init * 1000:.2f} ms\t" in report
        )
        warm = await stage.invoke(environment)
        assert "Init Duration" not in stage.line("REPORT")
        assert warm.billed_ms == max(1, -(-round(handler * 1_000_000) // 1000))
