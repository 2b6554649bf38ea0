"""The Telemetry API and the Logs API: what is sent to whom, when, and in whose words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.scripted_extension import ALL, LOGS, Extension, Listener, external
from tests.scenarios.scripted_runtime import Runtime, Script, echo
from tests.scenarios.stage import Stage, played

from tatami.kit.clock import settle


def watcher(listener: Listener, **wish: Any) -> Script:
    """An extension that subscribes its listener and follows the events to the end."""

    async def script(extension: Extension) -> None:
        await listener.open(extension.runtime)
        await extension.register()
        reply = await extension.subscribe(listener.wish(**wish))
        assert (reply.status, reply.body) == (200, b'"OK"')
        while (await extension.next())["eventType"] != "SHUTDOWN":
            pass

    return external(script)


def chatty(*lines: str) -> Script:
    """A runtime that prints in INIT and in each invocation."""

    async def script(runtime: Runtime) -> None:
        await runtime.print("loading\n")
        while True:
            event = await runtime.ask_next()
            for line in lines:
                await runtime.print(line)
            await runtime.clock.sleep(0.1)
            await runtime.respond(event.body)

    return script


async def turn(stage: Stage, running: asyncio.Task[Any], seconds: float = 0.1) -> None:
    """Let an invocation have its time."""
    while not running.done():
        await settle(50)
        await stage.clock.advance(seconds)
    await running


@played
async def test_every_event_of_a_good_life(tmp_path: Path) -> None:
    listener = Listener()
    async with Stage(tmp_path, chatty("hello\n"), extensions={"one": watcher(listener)}) as stage:
        environment = await stage.start()
        await turn(stage, stage.invoking(environment, b"[1]"))
        await stage.clock.advance(1)
        await listener.until(lambda it: "platform.report" in it.types)
        assert listener.types == [
            "platform.initStart",
            "platform.telemetrySubscription",
            "function",
            "platform.initRuntimeDone",
            "platform.extension",
            "platform.initReport",
            "platform.start",
            "function",
            "platform.runtimeDone",
            "platform.report",
        ], "events from before the subscription are sent too"
        assert set(listener.paths) == {"/here?x=1"}
        (start,) = listener.of("platform.initStart")
        assert {key: start[key] for key in ("initializationType", "phase", "functionName", "functionVersion")} == {
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": "scripted",
            "functionVersion": "$LATEST",
        }
        assert start["runtimeVersion"] == "python:3.12.1"
        assert listener.of("platform.telemetrySubscription") == [
            {"name": "one", "state": "Subscribed", "types": list(ALL)}
        ]
        assert "TELEMETRY\tName: one\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in (
            stage.logs.messages
        )
        assert listener.of("platform.initRuntimeDone")[0]["status"] == "success"
        assert listener.of("platform.extension") == [
            {"name": "one", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
        ]
        assert listener.of("platform.initReport")[0]["metrics"] == {"durationMs": 0}
        assert listener.of("function") == ["loading\n", "hello\n"]


@played
async def test_the_records_of_an_invocation(tmp_path: Path) -> None:
    listener = Listener()
    async with Stage(tmp_path, chatty("hello\n"), extensions={"one": watcher(listener)}) as stage:
        environment = await stage.start()
        await turn(stage, stage.invoking(environment, b"[1]"))
        await stage.clock.advance(1)
        await listener.until(lambda it: "platform.report" in it.types)
        (start,) = listener.of("platform.start")
        assert (start["requestId"], start["version"]) == ("r-1", "$LATEST")
        assert start["tracing"]["type"] == "X-Amzn-Trace-Id"
        assert start["tracing"]["value"].startswith("Root=1-")
        (done,) = listener.of("platform.runtimeDone")
        assert (done["requestId"], done["status"]) == ("r-1", "success")
        assert done["metrics"] == {"durationMs": 100, "producedBytes": 3}
        assert [(span["name"], span["durationMs"]) for span in done["spans"]] == [
            ("responseLatency", 100),
            ("responseDuration", 0),
            ("runtimeOverhead", 0),
        ]
        assert done["spans"][0]["start"] == "2023-11-14T22:13:20.000Z"
        (report,) = listener.of("platform.report")
        assert report["metrics"] == {
            "durationMs": 100,
            "billedDurationMs": 100,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 26,
            "initDurationMs": 0,
        }
        assert (report["status"], report["tracing"]) == ("success", start["tracing"])
        assert [(span["name"], span["durationMs"]) for span in report["spans"]] == [("extensionOverhead", 0)]
        assert {event["time"][-1] for event in listener.events} == {"Z"}


@played
async def test_extension_lines_and_chosen_types(tmp_path: Path) -> None:
    everything, some = Listener(), Listener()

    async def talks(extension: Extension) -> None:
        await everything.open(extension.runtime)
        await extension.register(["INVOKE"])
        await extension.subscribe(everything.wish())
        await extension.runtime.print("from the extension\n")
        while True:
            await extension.next()

    programs = {"a": external(talks), "b": watcher(some, types=["function"])}
    async with Stage(tmp_path, chatty("hello\n"), extensions=programs) as stage:
        environment = await stage.start()
        await turn(stage, stage.invoking(environment))
        await stage.clock.advance(1)
        await some.until(lambda it: len(it.events) == 2)
        await everything.until(lambda it: "platform.report" in it.types)
        assert some.of("function") == ["loading\n", "hello\n"], "several subscribers get what each has chosen"
        assert everything.of("extension") == ["from the extension\n"]
        assert "from the extension\n" in stage.logs.messages


@played
async def test_tcp_gets_a_line_an_event(tmp_path: Path) -> None:
    listener = Listener()

    async def script(extension: Extension) -> None:
        await listener.open(extension.runtime, "TCP")
        await extension.register(["INVOKE"])
        wish = listener.wish(types=["function"])
        reply = await extension.subscribe({**wish, "destination": {"protocol": "TCP", "port": listener.port}})
        assert reply.status == 200
        while True:
            await extension.next()

    async with Stage(tmp_path, chatty("a\n", "b\n"), extensions={"one": external(script)}) as stage:
        await turn(stage, stage.invoking(await stage.start()))
        await stage.clock.advance(1)
        await listener.until(lambda it: len(it.events) == 3)
        assert listener.of("function") == ["loading\n", "a\n", "b\n"]


@played
async def test_batches_by_time_and_by_number(tmp_path: Path) -> None:
    listener = Listener()
    lines = chatty(*[f"{number}\n" for number in range(1_500)])
    wish = {"types": ["function"], "maxItems": 1_000, "timeoutMs": 5_000}
    async with Stage(tmp_path, lines, timeout=60, extensions={"one": watcher(listener, **wish)}) as stage:
        await turn(stage, stage.invoking(await stage.start()))
        await listener.until(lambda it: it.batches)
        assert [len(batch) for batch in listener.batches] == [1_000], "at once"
        await stage.clock.advance(4.8)
        await settle(200)
        assert len(listener.batches) == 1
        await stage.clock.advance(0.3)
        await listener.until(lambda it: len(it.batches) == 2)
        assert [len(batch) for batch in listener.batches] == [1_000, 501], "the rest when its time has come"
        assert listener.of("function") == ["loading\n", *(f"{number}\n" for number in range(1_500))]


@played
async def test_batches_by_size(tmp_path: Path) -> None:
    listener = Listener()
    lines = chatty(*["x" * 100_000 + "\n"] * 3)
    wish = {"types": ["function"], "maxBytes": 262_144, "timeoutMs": 30_000}
    async with Stage(tmp_path, lines, extensions={"one": watcher(listener, **wish)}) as stage:
        await turn(stage, stage.invoking(await stage.start()))
        await listener.until(lambda it: it.batches)
        assert len(listener.events) == 4


@played
async def test_a_listener_that_refuses_is_told_what_it_lost(tmp_path: Path) -> None:
    listener = Listener(500, 200)
    wish = {"types": ["function", "platform"]}
    async with Stage(tmp_path, chatty("hello\n"), extensions={"one": watcher(listener, **wish)}) as stage:
        environment = await stage.start()
        await stage.clock.advance(0.1)
        async with asyncio.timeout(10):
            while not listener.connections:
                await asyncio.sleep(0)
        await settle(200)
        await turn(stage, stage.invoking(environment))
        await stage.clock.advance(0.1)
        await listener.until(lambda it: "platform.logsDropped" in it.types)
        (loss,) = listener.of("platform.logsDropped")
        assert loss["droppedRecords"] == 6
        assert loss["droppedBytes"] > 500
        assert loss["reason"].startswith("Consumer seems to have fallen behind")


@played
async def test_a_listener_that_keeps_silent_loses_the_oldest_and_costs_no_memory(tmp_path: Path) -> None:
    listener = Listener(0)
    lines = chatty(*["x" * 200_000 + "\n"] * 5)
    async with Stage(tmp_path, lines, extensions={"one": watcher(listener, types=["function"])}) as stage:
        environment = await stage.start()
        for _ in range(3):
            await turn(stage, stage.invoking(environment))
        (subscriber,) = stage.engine._environments[environment].session.telemetry._subscribers.values()
        assert subscriber._size <= 2 * 262_144
        assert subscriber._dropped > 5
        stopping = asyncio.create_task(stage.engine.stop(environment))
        await settle(100)
        await stage.clock.advance(0.6)
        await stopping
        assert stage.clock.monotonic() < 2, "the end does not wait for it any longer"


@played
async def test_what_is_waiting_is_sent_before_shutdown(tmp_path: Path) -> None:
    listener = Listener()
    heard: list[int] = []

    async def script(extension: Extension) -> None:
        await listener.open(extension.runtime)
        await extension.register()
        await extension.subscribe(listener.wish(timeoutMs=30_000))
        while (await extension.next())["eventType"] != "SHUTDOWN":
            pass
        heard.append(len(listener.events))

    async with Stage(tmp_path, chatty("hello\n"), extensions={"one": external(script)}) as stage:
        environment = await stage.start()
        await turn(stage, stage.invoking(environment))
        assert listener.events == []
        await stage.engine.stop(environment)
        assert heard == [10]
        assert listener.types[-1] == "platform.report"


@played
async def test_a_timeout_and_the_suppressed_init_after_it(tmp_path: Path) -> None:
    first, second = Listener(), Listener()

    async def hangs(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.hang()

    async with Stage(tmp_path, hangs, echo, extensions={"one": [watcher(first), watcher(second)]}) as stage:
        environment = await stage.start()
        running = stage.invoking(environment)
        await stage.hung(process=1)
        await stage.clock.advance(3)
        await running
        (done,) = first.of("platform.runtimeDone")
        assert (done["status"], done["errorType"]) == ("timeout", "Sandbox.Timedout")
        await stage.invoke(environment)
        await stage.clock.advance(1)
        await second.until(lambda it: "platform.report" in it.types)
        assert second.of("platform.initStart")[0]["phase"] == "invoke"
        assert second.of("platform.initRuntimeDone")[0]["phase"] == "invoke"
        assert second.of("platform.initReport")[0]["phase"] == "invoke"
        assert second.types.index("platform.initReport") < second.types.index("platform.start")


@played
async def test_subscription_ends_with_init_and_can_be_replaced_until_then(tmp_path: Path) -> None:
    earlier, listener = Listener(), Listener()
    replies = []

    async def script(extension: Extension) -> None:
        await earlier.open(extension.runtime)
        await listener.open(extension.runtime)
        await extension.register(["INVOKE"])
        await extension.subscribe(earlier.wish())
        await extension.subscribe(listener.wish())
        await extension.next()
        replies.append(await extension.subscribe(listener.wish()))
        replies.append(await extension.subscribe(listener.wish(schema="2020-08-15"), LOGS))
        await extension.next()

    async with Stage(tmp_path, extensions={"one": external(script)}) as stage:
        await stage.invoke(await stage.start())
        await stage.clock.advance(1)
        await listener.until(lambda it: "platform.report" in it.types)
        assert earlier.connections == 0
        assert [(reply.status, json.loads(reply.body)["errorType"]) for reply in replies] == [
            (403, "Telemetry.SubscriptionClosed"),
            (403, "Logs.SubscriptionClosed"),
        ]


HTTP: dict[str, Any] = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}
GOOD: dict[str, Any] = {"schemaVersion": "2022-07-01", "types": ["platform"], "destination": HTTP}


@pytest.mark.parametrize(
    "wish",
    [
        b"{",
        b"[]",
        {**GOOD, "schemaVersion": "2020-08-15"},
        {**GOOD, "schemaVersion": []},
        {key: value for key, value in GOOD.items() if key != "schemaVersion"},
        {**GOOD, "types": []},
        {**GOOD, "types": "platform"},
        {**GOOD, "types": ["platform", "other"]},
        {**GOOD, "types": [{}]},
        {key: value for key, value in GOOD.items() if key != "destination"},
        {**GOOD, "destination": {"protocol": "UDP"}},
        {**GOOD, "destination": {**HTTP, "URI": "http://127.0.0.1:8080"}},
        {**GOOD, "destination": {**HTTP, "URI": "https://sandbox.localdomain:8080"}},
        {**GOOD, "destination": {**HTTP, "URI": "http://sandbox.localdomain:80800"}},
        {**GOOD, "destination": {"protocol": "TCP", "port": True}},
        {**GOOD, "destination": {"protocol": "TCP", "port": 65536}},
        {**GOOD, "buffering": [1]},
        {**GOOD, "buffering": {"maxItems": 999}},
        {**GOOD, "buffering": {"maxBytes": 1_048_577}},
        {**GOOD, "buffering": {"timeoutMs": 24}},
        {**GOOD, "buffering": {"timeoutMs": "100"}},
        {**GOOD, "buffering": {"other": 1}},
    ],
    ids=str,
)
@played
async def test_subscriptions_that_are_refused(tmp_path: Path, wish: Any) -> None:
    replies = []

    async def script(extension: Extension) -> None:
        await extension.register()
        replies.append(await extension.subscribe(wish))
        replies.append(await extension.subscribe(wish, LOGS))
        await extension.next()

    async with Stage(tmp_path, extensions={"one": external(script)}) as stage:
        await stage.start()
    assert (replies[0].status, json.loads(replies[0].body)["errorType"]) == (400, "ValidationError")
    if wish not in ({**GOOD, "schemaVersion": "2020-08-15"}, {k: v for k, v in GOOD.items() if k != "schemaVersion"}):
        assert (replies[1].status, json.loads(replies[1].body)["errorType"]) == (400, "Logs.ValidationError")
    else:
        assert replies[1].status == 200, "good for the older API"


@pytest.mark.parametrize(("version", "newer"), [("", False), ("2020-08-15", False), ("2021-03-18", True)])
@played
async def test_the_logs_api_has_its_own_events(tmp_path: Path, version: str, newer: bool) -> None:
    listener = Listener()

    async def script(extension: Extension) -> None:
        await listener.open(extension.runtime)
        await extension.register(["INVOKE"])
        wish = listener.wish(schema=version)
        if not version:
            del wish["schemaVersion"]
        assert (await extension.subscribe(wish, LOGS)).status == 200
        while True:
            await extension.next()

    async with Stage(tmp_path, chatty("hello\n"), extensions={"one": external(script)}) as stage:
        environment = await stage.start()
        await turn(stage, stage.invoking(environment))
        await stage.clock.advance(1)
        await listener.until(lambda it: "platform.report" in it.types)
        assert listener.types == [
            "platform.logsSubscription",
            "function",
            "platform.extension",
            "platform.start",
            "function",
            *(["platform.runtimeDone"] if newer else []),
            "platform.end",
            "platform.report",
        ]
        assert listener.of("platform.end") == [{"requestId": "r-1"}]
        assert listener.of("platform.start") == [{"requestId": "r-1", "version": "$LATEST"}]
        assert set(listener.of("platform.report")[0]) == {"requestId", "metrics", "tracing"}
        if newer:
            assert listener.of("platform.runtimeDone") == [{"requestId": "r-1", "status": "success"}]
        assert "LOGS\tName: one\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in stage.logs.messages


@played
async def test_the_logs_api_tells_of_a_fault(tmp_path: Path) -> None:
    listener = Listener()

    async def dies(runtime: Runtime) -> None:
        await runtime.ask_next()
        runtime.exit(1)

    async def script(extension: Extension) -> None:
        await listener.open(extension.runtime)
        await extension.register()
        await extension.subscribe(listener.wish(schema="2021-03-18"), LOGS)
        while (await extension.next())["eventType"] != "SHUTDOWN":
            pass

    async with Stage(tmp_path, dies, extensions={"one": external(script)}) as stage:
        await stage.invoke(await stage.start())
        assert listener.of("platform.fault") == ["RequestId: r-1 Process exited before completing request"]
        assert listener.of("platform.runtimeDone") == [{"requestId": "r-1", "status": "failure"}]


@pytest.mark.parametrize(
    ("log_format", "schema", "whole"),
    [
        ("JSON", "2022-12-13", True),
        ("JSON", "2025-01-29", True),
        ("JSON", "2022-07-01", False),
        ("Text", "2022-12-13", False),
    ],
)
@played
async def test_a_line_of_json_is_sent_as_an_object(tmp_path: Path, log_format: str, schema: str, whole: bool) -> None:
    listener = Listener()
    line = '{"level":"INFO","message":"hello"}\n'
    runtime = chatty(line, "{no json\n", "[1]\n")
    watch = watcher(listener, types=["function"], schema=schema)
    async with Stage(tmp_path, runtime, extensions={"one": watch}, log_format=log_format) as stage:
        await turn(stage, stage.invoking(await stage.start()))
        await stage.clock.advance(1)
        await listener.until(lambda it: len(it.events) == 4)
        assert listener.of("function")[1:] == [json.loads(line) if whole else line, "{no json\n", "[1]\n"]


@played
async def test_an_internal_extension_can_subscribe(tmp_path: Path) -> None:
    listener = Listener()

    async def script(runtime: Runtime) -> None:
        await listener.open(runtime)
        extension = Extension(runtime, "inside")
        await extension.register(["INVOKE"])
        await extension.subscribe(listener.wish(types=["platform"]))
        serving = asyncio.create_task(echo(runtime))
        runtime.at_end.append(serving.cancel)
        while True:
            await extension.next()

    async with Stage(tmp_path, script) as stage:
        await stage.invoke(await stage.start())
        await stage.clock.advance(1)
        await listener.until(lambda it: "platform.report" in it.types)
