"""Invocations that fail: errors, timeouts, exits, and what the environment does after them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.scenarios.scripted_runtime import Runtime, echo
from tests.scenarios.stage import Stage, played, said

from tatami.domain.invocation import UNHANDLED
from tatami.kit.clock import settle


@played
async def test_a_handler_error_leaves_the_process_alone(tmp_path: Path) -> None:
    body = b'{"errorMessage":"bad","errorType":"ValueError","requestId":"r-1","stackTrace":[]}'

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        reply = await runtime.fail(body, "ValueError")
        assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        failed = await stage.invoke(environment)
        assert (failed.payload, failed.function_error) == (body, UNHANDLED)
        assert "Status" not in stage.line("REPORT"), "REPORT tells what the platform found, not what a handler raised"
        assert (await stage.invoke(environment, b"1")).payload == b"1"
        assert len(stage.sandbox.processes) == 1


@played
async def test_a_timeout_resets_the_environment_and_keeps_its_temporary_folder(tmp_path: Path) -> None:
    async def stuck(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.print("working")
        await runtime.hang()

    async def slow_start(runtime: Runtime) -> None:
        await runtime.passes(0.7)
        await echo(runtime)

    async with Stage(tmp_path, stuck, slow_start, timeout=2) as stage:
        environment = await stage.start()
        running = stage.invoking(environment, tail=True)
        await stage.hung()
        await stage.clock.advance(1.99)
        assert not running.done()
        await stage.clock.advance(0.01)
        outcome = await running
        assert said(outcome) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r-1 Error: Task timed out after 2.00 seconds",
        }
        assert (outcome.function_error, outcome.error_type) == (UNHANDLED, "Sandbox.Timedout")
        report = "REPORT RequestId: r-1\tDuration: 2000.00 ms\tBilled Duration: 2000 ms\tMemory Size: 128 MB\t"
        assert stage.line("REPORT") == f"{report}Max Memory Used: 26 MB\tInit Duration: 0.00 ms\tStatus: timeout\t\n"
        assert b"working" in outcome.log_tail
        inits = [message for message in stage.logs.messages if message.startswith("INIT")]
        again = await stage.invoke(environment, b"1")
        assert (again.payload, again.init_ms) == (b"1", None)
        assert again.duration_ms == pytest.approx(700), "a suppressed init counts into the duration"
        assert [message for message in stage.logs.messages if message.startswith("INIT")] == inits
        first, second = stage.sandbox.processes
        assert first.spec.variables["TMPDIR"] == second.spec.variables["TMPDIR"] == stage.sandbox.temporary
        assert await first.wait()
        assert not stage.sandbox.removed


@pytest.mark.parametrize(
    ("code", "signal", "text"),
    [
        (0, 0, "Runtime exited without providing a reason"),
        (3, 0, "Runtime exited with error: exit status 3"),
        (255, 0, "Runtime exited with error: exit status 255"),
        (None, 9, "Runtime exited with error: signal: killed"),
        (None, 11, "Runtime exited with error: signal: segmentation fault"),
        (None, 6, "Runtime exited with error: signal: aborted"),
        (None, 40, "Runtime exited with error: signal: 40"),
    ],
)
@played
async def test_a_runtime_that_ends_without_an_answer(tmp_path: Path, code: int | None, signal: int, text: str) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.print("last words")
        if code is None:
            runtime.die(signal)
        runtime.exit(code)

    async with Stage(tmp_path, script, echo) as stage:
        environment = await stage.start()
        failed = await stage.invoke(environment, tail=True)
        assert said(failed) == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: r-1 Error: {text}"}
        assert "Status: error\tError Type: Runtime.ExitError\t\n" in stage.line("REPORT")
        assert b"last words" in failed.log_tail
        assert (await stage.invoke(environment, b"9")).payload == b"9"
        assert len(stage.sandbox.processes) == 2


@played
async def test_a_runtime_that_ended_while_idle_is_started_again(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.respond(b"1")
        await runtime.print("good bye")
        waiting = asyncio.ensure_future(runtime.ask_next())
        await asyncio.wait([waiting], timeout=0.05)
        waiting.cancel()
        runtime.exit(1)

    async with Stage(tmp_path, script, echo) as stage:
        environment = await stage.start()
        assert (await stage.invoke(environment)).payload == b"1"
        await stage.sandbox.processes[0].wait()
        await settle()
        again = await stage.invoke(environment, b"2")
        assert (again.payload, again.function_error, again.init_ms) == (b"2", "", None)
        messages = stage.logs.messages
        assert messages.index("good bye") < messages.index("START RequestId: r-2 Version: $LATEST\n")


@played
async def test_a_runtime_that_ended_after_its_answer_has_answered(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        event = await runtime.ask_next()
        await runtime.respond(event.body)
        runtime.exit(4)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        for tail in (False, True):
            outcome = await stage.invoke(environment, b"8", tail)
            assert (outcome.payload, outcome.function_error) == (b"8", "")
        assert len(stage.sandbox.processes) == 2


@played
async def test_errors_of_the_platform_do_not_outlive_their_invocation(tmp_path: Path) -> None:
    async def stuck(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.hang()

    async with Stage(tmp_path, stuck, timeout=1) as stage:
        environment = await stage.start()
        for number in range(3):
            running = stage.invoking(environment)
            await stage.hung(process=number)
            await stage.clock.advance(1)
            assert f"RequestId: r-{number + 1} " in said(await running)["errorMessage"]
        assert len(stage.sandbox.processes) == 3
