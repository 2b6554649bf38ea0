"""An environment's ordinary life: cold start, warm calls, what the runtime is told, the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.scenarios.scripted_runtime import Event, Runtime, echo
from tests.scenarios.stage import ARN, Stage, played

from tatami.domain.invocation import Invocation, Outcome
from tatami.kit.clock import settle
from tatami.ports.engine import EnvironmentLost, PackageUnusable


@played
async def test_a_cold_and_a_warm_invocation_share_one_process(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.passes(0.25)
        while True:
            event = await runtime.ask_next()
            await runtime.passes(0.1)
            await runtime.respond(event.body)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        cold = await stage.invoke(environment, b'{"n":1}')
        warm = await stage.invoke(environment, b'{"n":2}')
        assert (cold.payload, warm.payload) == (b'{"n":1}', b'{"n":2}')
        assert (cold.function_error, cold.error_type, cold.executed_version) == ("", "", "$LATEST")
        assert cold.init_ms == pytest.approx(250)
        assert warm.init_ms is None
        assert (cold.billed_ms, warm.billed_ms) == (350, 100)
        assert cold.max_memory_mb == 26
        assert len(stage.sandbox.processes) == 1


@played
async def test_the_event_comes_with_its_headers(tmp_path: Path) -> None:
    events: list[Event] = []

    async def script(runtime: Runtime) -> None:
        while True:
            events.append(await runtime.ask_next())
            await runtime.respond(b"1")

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        context = '{\n  "custom": {"city": "Żółć"}\r\n}'
        for request_id, client_context in (("a-1", context), ("a-2", "")):
            call = Invocation(
                request_id, b"[]", f"{ARN}:live", client_context, trace_id=trace if client_context else ""
            )
            await stage.engine.invoke(environment, call, lambda outcome: None)
        first, second = (event.headers for event in events)
        assert first["lambda-runtime-aws-request-id"] == "a-1"
        assert first["lambda-runtime-invoked-function-arn"] == f"{ARN}:live"
        assert first["lambda-runtime-trace-id"].startswith(trace)
        assert first["lambda-runtime-deadline-ms"] == str(int((stage.clock.now() + 3) * 1000))
        assert first["content-type"] == "application/json"
        assert first["lambda-runtime-client-context"].split() == context.split(), "one header line, whatever is in it"
        assert first["lambda-runtime-invocation-id"] != second["lambda-runtime-invocation-id"]
        assert "lambda-runtime-client-context" not in second
        assert "lambda-runtime-cognito-identity" not in second


@played
async def test_the_client_is_answered_before_the_environment_is_idle(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        event = await runtime.ask_next()
        await runtime.respond(event.body)
        await runtime.hang()

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        running = asyncio.get_running_loop().create_task(
            stage.engine.invoke(environment, stage.invocation(b"7"), answered.set_result)
        )
        assert (await answered).payload == b"7"
        assert not running.done()
        await stage.hung()
        await stage.clock.advance(3)
        await running
        assert "Status: timeout" in stage.line("REPORT"), "the answer stands, the environment is reset"


@played
async def test_who_wants_the_log_is_answered_when_the_runtime_is_done(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        event = await runtime.ask_next()
        await runtime.respond(event.body)
        await runtime.print("after the answer\n")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        outcome = await stage.invoke(await stage.start(), tail=True)
        assert b"after the answer\nEND RequestId: r-1\nREPORT" in outcome.log_tail


@played
async def test_environments_know_nothing_of_each_other(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        name = runtime.process.spec.variables["AWS_LAMBDA_LOG_STREAM_NAME"]
        while True:
            event = await runtime.ask_next()
            for number in range(20):
                await runtime.print(f"{name} {event.request_id} {number}\n")
            await runtime.respond(event.body)

    async with Stage(tmp_path, script) as stage:
        environments = await asyncio.gather(*(stage.start() for _ in range(6)))
        calls = [stage.invoke(environment, b"%d" % n) for n, environment in enumerate(environments)]
        outcomes = await asyncio.gather(*calls)
        assert [outcome.payload for outcome in outcomes] == [b"%d" % n for n in range(6)]
        assert [outcome.environment for outcome in outcomes] == environments
        streams = {stream for _, stream, _ in stage.logs.events}
        assert len(streams) == 6
        for stream in streams:
            lines = [event.message for _, of, event in stage.logs.events if of == stream]
            printed = lines[2:-2]
            assert len(printed) == 20
            assert all(line.startswith(f"{stream} ") for line in printed)
            assert stream.startswith("2023/11/14/[$LATEST]")


@played
async def test_stopping_a_busy_environment_is_not_the_functions_error(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.hang()

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        running = stage.invoking(environment)
        await stage.hung()
        await stage.engine.stop(environment)
        with pytest.raises(EnvironmentLost):
            await running
        await stage.engine.stop(environment)
        with pytest.raises(EnvironmentLost):
            await stage.invoke(environment)
        assert stage.sandbox.removed
        assert len(stage.sandbox.processes) == 1


@played
async def test_stopping_after_the_answer_does_not_disturb_it(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.respond(b"1")
        await runtime.hang()

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        running = stage.invoking(environment)
        await stage.hung()
        await stage.engine.stop(environment)
        assert (await running).payload == b"1"


@played
async def test_an_idle_environment_is_removed(tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        environment = await stage.start()
        await stage.invoke(environment)
        await stage.engine.stop(environment)
        assert stage.sandbox.removed
        assert "environments=0" in repr(stage.engine)


@played
async def test_a_start_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.hang()

    async with Stage(tmp_path, script) as stage:
        starting = asyncio.get_running_loop().create_task(stage.start())
        await stage.hung()
        starting.cancel()
        await settle()
        assert starting.cancelled()
        assert stage.sandbox.removed


@played
async def test_a_start_that_ends_after_the_engine_was_closed_leaves_nothing(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.hang()

    async with Stage(tmp_path, script) as stage:
        starting = asyncio.get_running_loop().create_task(stage.start())
        await stage.hung()
        await stage.engine.close()
        await stage.clock.advance(10)
        with pytest.raises(EnvironmentLost):
            await starting
        assert stage.sandbox.removed


@played
async def test_what_the_platform_cannot_do_is_said_so(tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        stage.function = replace(stage.function, runtime="ruby3.4")
        with pytest.raises(EnvironmentLost, match=r"ruby3\.4"):
            await stage.start()
        stage.function = replace(stage.function, runtime="python3.12", code="0" * 64)
        with pytest.raises(PackageUnusable):
            await stage.start()
        with pytest.raises(PackageUnusable):
            await stage.engine.prepare(stage.function)


@played
async def test_credentials_that_cannot_be_issued_leave_nothing_behind(tmp_path: Path) -> None:
    class NoCredentials:
        def issue(self, function: object) -> None:
            raise LookupError("no such role")

        def revoke(self, credentials: object) -> None:
            raise AssertionError("nothing was issued")

    async with Stage(tmp_path) as stage:
        stage.engine._node = replace(stage.node, credentials=NoCredentials())  # type: ignore[arg-type]
        with pytest.raises(LookupError):
            await stage.start()
        assert stage.sandbox.removed
