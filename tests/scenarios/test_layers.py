"""What an environment makes of a function's layers and of its log's format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.packages import zipped
from tests.scenarios.scripted_runtime import Runtime
from tests.scenarios.stage import Stage, played

from tatami.ports.engine import PackageUnusable


@played
async def test_layers_are_unpacked_once_and_merged_in_order(tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        first = await stage.blobs.put(zipped({"python/shared.py": "1", "bootstrap": "#!/bin/true\n"}))
        second = await stage.blobs.put(zipped({"python/shared.py": "2"}))
        stage.function = replace(stage.function, layers=(first, second))
        await stage.engine.prepare(stage.function)
        await stage.start()
        root = stage.sandbox.spec.layers_root
        assert root is not None
        assert (root / "python/shared.py").read_text() == "2"
        await stage.start()
        assert stage.sandboxes.made[1].spec.layers_root == root


@played
async def test_a_layer_that_is_gone_is_told_before_anything_starts(tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        stage.function = replace(stage.function, layers=("0" * 64,))
        with pytest.raises(PackageUnusable):
            await stage.engine.prepare(stage.function)
        with pytest.raises(PackageUnusable):
            await stage.start()
        assert not stage.sandboxes.made


@played
async def test_a_custom_runtime_from_a_layer(tmp_path: Path) -> None:
    async with Stage(tmp_path, runtime="provided.al2023") as stage:
        bare = await stage.blobs.put(zipped({"data": "no bootstrap"}))
        layer = await stage.blobs.put(zipped({"bootstrap": "#!/bin/true\n"}))
        stage.function = replace(stage.function, code=bare, layers=(layer,))
        assert (await stage.invoke(await stage.start(), b'"hello"')).payload == b'"hello"'
        assert stage.sandbox.processes[0].spec.argv[0].endswith("/bootstrap")
        assert "/var/task" not in stage.sandbox.processes[0].spec.argv[0]


async def speaks(runtime: Runtime) -> None:
    while True:
        event = await runtime.ask_next()
        await runtime.print("plain\n")
        await runtime.print(
            json.dumps({"timestamp": "2026-01-01T00:00:00Z", "level": "debug", "message": "own"}) + "\n"
        )
        await runtime.respond(event.body)


def parsed(messages: list[str]) -> list[Any]:
    return [json.loads(message) if message.startswith("{") else message for message in messages]


@pytest.mark.parametrize(
    ("application", "system", "expected"),
    [
        ("INFO", "INFO", ["platform.initStart", "platform.start", "plain\n", "platform.report"]),
        ("WARN", "WARN", []),
        (
            "DEBUG",
            "DEBUG",
            [
                "platform.initStart",
                "platform.initRuntimeDone",
                "platform.initReport",
                "platform.start",
                "plain\n",
                "own",
                "platform.runtimeDone",
                "platform.report",
            ],
        ),
    ],
)
def test_a_log_of_format_json(tmp_path: Path, application: str, system: str, expected: list[str]) -> None:
    @played
    async def test() -> None:
        async with Stage(tmp_path, speaks) as stage:
            stage.function = replace(
                stage.function, log_format="JSON", application_level=application, system_level=system
            )
            outcome = await stage.invoke(await stage.start(), tail=True)
            lines = parsed(stage.logs.messages)
            found = [line if isinstance(line, str) else line.get("type") or line["message"] for line in lines]
            assert found == expected
            tail = outcome.log_tail.decode()
            assert "".join(stage.logs.messages).endswith(tail)
            variables = stage.sandbox.processes[0].spec.variables
            assert (variables["AWS_LAMBDA_LOG_FORMAT"], variables["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", application)

    test()


@played
async def test_a_timeout_is_a_warning(tmp_path: Path) -> None:
    async def hangs(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.hang()

    async with Stage(tmp_path, hangs) as stage:
        stage.function = replace(stage.function, log_format="JSON", application_level="INFO", system_level="WARN")
        environment = await stage.start()
        call = stage.invoking(environment)
        await stage.hung()
        await stage.clock.advance(3.0)
        await call
        done, report = parsed(stage.logs.messages)
        assert (done["type"], done["record"]["status"]) == ("platform.runtimeDone", "timeout")
        assert (report["type"], report["record"]["status"]) == ("platform.report", "timeout")
