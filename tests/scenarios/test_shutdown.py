"""SHUTDOWN and the ends that come before it: order, limits, reasons; frozen in between, thawed before."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.scripted_extension import Extension, external, follower
from tests.scenarios.scripted_runtime import Runtime, Script, echo
from tests.scenarios.stage import Stage, played

from tatami.kit.clock import settle
from tatami.ports.engine import EnvironmentLost

TERM, KILL = signal.SIGTERM, signal.SIGKILL


async def stubborn(runtime: Runtime) -> None:
    """A runtime that does not listen to SIGTERM."""
    runtime.process.ignored.add(TERM)
    await echo(runtime)


def deaf(events: list[dict[str, Any]]) -> Script:
    """An extension that hears of SHUTDOWN and stays."""

    async def script(extension: Extension) -> None:
        await extension.register()
        while True:
            events.append(await extension.next())

    return external(script)


async def inside(runtime: Runtime) -> None:
    """A runtime with an internal extension; it does not listen to SIGTERM."""
    runtime.process.ignored.add(TERM)
    extension = Extension(runtime, "inside")
    await extension.register([])
    asking = asyncio.create_task(extension.ask())
    runtime.at_end.append(asking.cancel)
    await echo(runtime)


@played
async def test_a_runtime_without_extensions_is_killed_at_once(tmp_path: Path) -> None:
    async with Stage(tmp_path, stubborn) as stage:
        await stage.engine.stop(await stage.start())
        assert stage.sandbox.processes[0].signals == []
        assert stage.clock.monotonic() == 0
        assert stage.sandbox.removed


@played
async def test_the_order_of_a_good_end(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    async with Stage(tmp_path, extensions={"one": follower(events)}) as stage:
        environment = await stage.start()
        await stage.invoke(environment)
        assert stage.sandbox.frozen
        await stage.engine.stop(environment)
        assert not stage.sandbox.frozen, "who is to work must be thawed"
        extension, runtime = stage.sandbox.processes
        assert runtime.signals[0] == TERM
        assert extension.signals == [], "it went by itself"
        assert events[-1] == {
            "eventType": "SHUTDOWN",
            "shutdownReason": "SPINDOWN",
            "deadlineMs": int((stage.clock.now() + 2) * 1000),
        }
        assert stage.clock.monotonic() == 0


@played
async def test_a_runtime_that_ignores_sigterm_has_thirty_percent_of_two_seconds(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    async with Stage(tmp_path, stubborn, extensions={"one": follower(events)}) as stage:
        stopping = asyncio.create_task(stage.engine.stop(await stage.start()))
        await settle(100)
        assert stage.sandbox.processes[1].signals == [TERM]
        await stage.clock.advance(0.59)
        assert events == []
        await stage.clock.advance(0.01)
        await stopping
        assert stage.sandbox.processes[1].signals == [TERM, KILL]
        assert events[0]["deadlineMs"] == int((stage.clock.now() + 1.4) * 1000)


@played
async def test_an_extension_that_ignores_shutdown_is_killed_after_two_seconds(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    async with Stage(tmp_path, extensions={"deaf": deaf(events), "good": follower([])}) as stage:
        environment = await stage.start()
        stopping = asyncio.create_task(stage.engine.stop(environment))
        await settle(100)
        await stage.clock.advance(1.99)
        assert not stopping.done()
        assert [event["eventType"] for event in events] == ["SHUTDOWN"]
        await stage.clock.advance(0.01)
        await stopping
        assert stage.sandbox.removed


@played
async def test_who_did_not_ask_for_shutdown_is_killed(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    async with Stage(tmp_path, extensions={"one": follower(events, ["INVOKE"])}) as stage:
        await stage.engine.stop(await stage.start())
        assert stage.sandbox.processes[0].signals == [KILL]
        assert events == []
        assert stage.clock.monotonic() == 0


@played
async def test_with_an_internal_extension_there_are_500_ms_of_which_the_runtime_has_150(tmp_path: Path) -> None:
    async with Stage(tmp_path, inside) as stage:
        stopping = asyncio.create_task(stage.engine.stop(await stage.start()))
        await settle(100)
        await stage.clock.advance(0.149)
        assert stage.sandbox.processes[0].signals == [TERM]
        await stage.clock.advance(0.001)
        await stopping
        assert stage.sandbox.processes[0].signals == [TERM, KILL]


async def hangs(runtime: Runtime) -> None:
    await runtime.ask_next()
    await runtime.hang()


async def dies(runtime: Runtime) -> None:
    await runtime.ask_next()
    runtime.exit(1)


@pytest.mark.parametrize(("script", "reason"), [(hangs, "TIMEOUT"), (dies, "FAILURE")])
@played
async def test_a_reset_tells_its_reason_and_starts_everything_again(
    tmp_path: Path, script: Script, reason: str
) -> None:
    first: list[dict[str, Any]] = []
    second: list[dict[str, Any]] = []
    programs: dict[str, Any] = {"one": [follower(first), follower(second)]}
    async with Stage(tmp_path, script, echo, extensions=programs) as stage:
        environment = await stage.start()
        running = stage.invoking(environment)
        if script is hangs:
            await stage.hung(process=1)
            await stage.clock.advance(3)
        await running
        assert [event["eventType"] for event in first] == ["INVOKE", "SHUTDOWN"]
        assert first[1]["shutdownReason"] == reason
        assert not stage.sandbox.removed
        outcome = await stage.invoke(environment, b"5")
        assert (outcome.payload, outcome.init_ms) == (b"5", None), "a suppressed init"
        assert [event["eventType"] for event in second] == ["INVOKE"]
        assert len(stage.sandbox.processes) == 4
        extension_lines = [line for line in stage.logs.messages if line.startswith("EXTENSION")]
        assert len(extension_lines) == 2


@played
async def test_a_runtime_that_fails_in_init_ends_the_extensions_too(tmp_path: Path) -> None:
    async def fails(runtime: Runtime) -> None:
        await runtime.fail_init(b'{"errorType":"X"}', "Runtime.ImportModuleError")
        runtime.exit(1)

    first: list[dict[str, Any]] = []
    async with Stage(tmp_path, fails, echo, extensions={"one": [follower(first), follower([])]}) as stage:
        environment = await stage.start()
        assert [(event["eventType"], event["shutdownReason"]) for event in first] == [("SHUTDOWN", "FAILURE")]
        assert (await stage.invoke(environment)).error_type == "Runtime.ImportModuleError"
        assert "Status: error\tError Type: Runtime.ImportModuleError" in stage.line("REPORT")
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_frozen_between_invocations(tmp_path: Path) -> None:
    frozen: list[bool] = []

    async with Stage(tmp_path) as stage:

        async def looks(runtime: Runtime) -> None:
            frozen.append(stage.sandbox.frozen)
            while True:
                event = await runtime.ask_next()
                frozen.append(stage.sandbox.frozen)
                await runtime.respond(event.body)

        stage.sandboxes._scripts[:] = [looks]
        environment = await stage.start()
        assert stage.sandbox.frozen
        await stage.invoke(environment)
        assert stage.sandbox.frozen
        await stage.invoke(environment)
        assert frozen == [False] * 3


@played
async def test_stopping_a_busy_environment_gives_extensions_their_time(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    may_end = asyncio.Event()

    async def careful(extension: Extension) -> None:
        await extension.register()
        while not events or events[-1]["eventType"] != "SHUTDOWN":
            events.append(await extension.next())
        await may_end.wait()

    async with Stage(tmp_path, hangs, extensions={"one": external(careful)}) as stage:
        environment = await stage.start()
        running = stage.invoking(environment)
        await stage.hung(process=1)
        stopping = asyncio.create_task(stage.engine.stop(environment))
        while len(events) < 2 or events[-1]["eventType"] != "SHUTDOWN":
            await asyncio.sleep(0)
        await settle(100)
        assert stage.sandbox.processes[0].signals == [], "nobody kills it while it saves what it has"
        assert not stopping.done()
        may_end.set()
        await stopping
        with pytest.raises(EnvironmentLost):
            await running
        assert [event["eventType"] for event in events] == ["INVOKE", "SHUTDOWN"]


@played
async def test_an_extension_that_dies_while_idle_does_not_fail_the_next_invocation(tmp_path: Path) -> None:
    dead = asyncio.Event()

    async def brief(extension: Extension) -> None:
        await extension.register()
        asking = asyncio.create_task(extension.ask())
        await dead.wait()
        asking.cancel()
        extension.runtime.exit(1)

    async with Stage(tmp_path, extensions={"one": [external(brief), follower([])]}) as stage:
        environment = await stage.start()
        dead.set()
        await settle(100)
        assert (await stage.invoke(environment, b"2")).payload == b"2"
        assert len(stage.sandbox.processes) == 4


@played
async def test_stopping_in_a_suppressed_init_starts_nothing_more(tmp_path: Path) -> None:
    async def mute(extension: Extension) -> None:
        await extension.runtime.hang()

    async with Stage(tmp_path, dies, echo, extensions={"one": [follower([]), external(mute)]}) as stage:
        environment = await stage.start()
        await stage.invoke(environment)
        running = stage.invoking(environment)
        await stage.hung(process=2)
        await stage.engine.stop(environment)
        with pytest.raises(EnvironmentLost):
            await running
        assert len(stage.sandbox.processes) == 3
