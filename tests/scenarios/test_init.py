"""INIT that fails: exits, errors, the ten second limit, programs that cannot be started."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.scenarios.scripted_runtime import Runtime, Script, echo
from tests.scenarios.stage import Stage, played, said

from tatami.domain.invocation import UNHANDLED
from tatami.ports.engine import EnvironmentLost


def exits(code: int) -> Script:
    async def script(runtime: Runtime) -> None:
        await runtime.passes(0.05)
        runtime.exit(code)

    return script


def dies(signal: int) -> Script:
    async def script(runtime: Runtime) -> None:
        runtime.die(signal)

    return script


async def hangs(runtime: Runtime) -> None:
    await runtime.print("loading\n")
    await runtime.hang()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (exits(0), "Runtime exited without providing a reason"),
        (exits(1), "Runtime exited with error: exit status 1"),
        (exits(127), "Runtime exited with error: exit status 127"),
        (dies(9), "Runtime exited with error: signal: killed"),
        (dies(11), "Runtime exited with error: signal: segmentation fault"),
    ],
)
@played
async def test_a_runtime_that_exits_in_init_fails_the_first_invocation(
    tmp_path: Path, script: Script, text: str
) -> None:
    async with Stage(tmp_path, script, echo) as stage:
        environment = await stage.start()
        assert "Phase: init\tStatus: error\tError Type: Runtime.ExitError\n" in stage.line("INIT_REPORT")
        failed = await stage.invoke(environment)
        assert said(failed) == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: r-1 Error: {text}"}
        assert failed.function_error == UNHANDLED
        assert "Status: error\tError Type: Runtime.ExitError" in stage.line("REPORT")
        again = await stage.invoke(environment, b"2")
        assert (again.payload, again.init_ms) == (b"2", None), "the next one starts the runtime again"
        assert len(stage.sandbox.processes) == 2


@played
async def test_an_init_error_is_the_first_answer(tmp_path: Path) -> None:
    body = b'{"errorMessage":"Runtime startup fails","errorType":"Exception","requestId":"","stackTrace":[]}'

    async def script(runtime: Runtime) -> None:
        await runtime.passes(0.5)
        reply = await runtime.fail_init(body, "Runtime.ImportModuleError")
        assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
        assert (await runtime.fail_init(body)).status == 403, "once"
        runtime.exit(1)

    async with Stage(tmp_path, script, echo) as stage:
        environment = await stage.start()
        assert stage.line("INIT_REPORT") == (
            "INIT_REPORT Init Duration: 500.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n"
        )
        failed = await stage.invoke(environment)
        assert failed.payload == body
        assert (failed.function_error, failed.error_type) == (UNHANDLED, "Runtime.ImportModuleError")
        assert (await stage.invoke(environment, b"3")).payload == b"3"


@pytest.mark.parametrize(
    ("given", "filed"),
    [
        ("Exception", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
        ("Function.nope", "Function.Unknown"),
        ("Runtime.Bad Name", "Runtime.Unknown"),
        ("Function.ValueError", "Function.ValueError"),
    ],
)
@played
async def test_free_error_types_are_filed(tmp_path: Path, given: str, filed: str) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.fail_init(b"{}", given)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start())).error_type == filed


@played
async def test_init_over_ten_seconds_is_retried_under_the_function_timeout(tmp_path: Path) -> None:
    async def slow(runtime: Runtime) -> None:
        await runtime.passes(11)
        await echo(runtime)

    async with Stage(tmp_path, hangs, slow, timeout=20) as stage:
        starting = stage.tasks.spawn("start", stage.start())
        await stage.hung()
        await stage.clock.advance(9.99)
        assert not starting.done()
        await stage.clock.advance(0.01)
        environment = await starting
        assert stage.line("INIT_REPORT") == "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"
        outcome = await stage.invoke(environment, b"5")
        assert (outcome.payload, outcome.init_ms) == (b"5", None)
        assert outcome.duration_ms == pytest.approx(11_000)
        assert "Init Duration" not in stage.line("REPORT")


@played
async def test_a_retried_init_that_is_still_too_slow_is_a_timeout(tmp_path: Path) -> None:
    async with Stage(tmp_path, hangs, hangs, echo, timeout=3) as stage:
        starting = stage.tasks.spawn("start", stage.start())
        await stage.hung()
        await stage.clock.advance(10)
        running = stage.invoking(await starting)
        await stage.hung(process=1)
        await stage.clock.advance(3)
        outcome = await running
        assert said(outcome) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r-1 Error: Task timed out after 3.00 seconds",
        }
        assert outcome.billed_ms == 3000
        assert (await stage.invoke(outcome.environment, b"6")).payload == b"6"


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.ENOEXEC])
@played
async def test_a_program_that_cannot_be_executed_is_an_invalid_entrypoint(tmp_path: Path, code: int) -> None:
    async with Stage(tmp_path, OSError(code, os.strerror(code)), runtime="provided.al2023") as stage:
        failed = await stage.invoke(await stage.start())
        text = f"RequestId: r-1 Error: fork/exec /var/task/bootstrap: {os.strerror(code).lower()}"
        assert said(failed) == {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text}
        assert "Error Type: Runtime.InvalidEntrypoint" in stage.line("REPORT")


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
@played
async def test_a_machine_without_room_is_not_the_functions_fault(tmp_path: Path, code: int) -> None:
    async with Stage(tmp_path, OSError(code, os.strerror(code)), echo, runtime="provided.al2023") as stage:
        with pytest.raises(EnvironmentLost):
            await stage.start()
        assert stage.sandbox.removed


@played
async def test_init_start_is_written_for_managed_runtimes_only(tmp_path: Path) -> None:
    async with Stage(tmp_path / "managed") as stage:
        await stage.start()
        assert stage.logs.messages[0].startswith(
            "INIT_START Runtime Version: python:3.12.1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:"
        )
        assert stage.sandbox.processes[0].spec.framed
    async with Stage(tmp_path / "provided", runtime="provided.al2023") as stage:
        await stage.start()
        assert stage.logs.messages == []
        assert stage.sandbox.processes[0].spec.argv == ["/var/task/bootstrap"]
        assert not stage.sandbox.processes[0].spec.framed
