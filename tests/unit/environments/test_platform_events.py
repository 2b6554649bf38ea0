"""Every event of the platform: its record, its line of text and its level."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tatami.domain.invocation import FunctionVersion
from tatami.environments import platform_events as events
from tatami.environments.platform_events import PlatformEvent, Span

ID = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"
FUNCTION = FunctionVersion(
    "000000000000", "us-east-1", "fn", "$LATEST", "g", "arn:fn", "python3.12", "h", "c", memory_mb=256
)
VERSION = ("python:3.12.1", "arn:runtime")
USAGE: dict[str, Any] = {"duration_ms": 3.01, "init_ms": None, "memory_mb": 128, "max_memory_mb": 36}

CASES: list[tuple[PlatformEvent, str, str, str]] = [
    (events.init_start(FUNCTION, *VERSION), "platform.initStart", "INFO", "INIT_START Runtime Version: python:3.12.1"),
    (events.init_start(FUNCTION), "platform.initStart", "DEBUG", ""),
    (events.init_start(FUNCTION, *VERSION, phase="invoke"), "platform.initStart", "INFO", ""),
    (events.init_runtime_done("success"), "platform.initRuntimeDone", "DEBUG", ""),
    (events.init_runtime_done("error", error_type="X"), "platform.initRuntimeDone", "WARN", ""),
    (events.init_report(5, "success"), "platform.initReport", "DEBUG", ""),
    (
        events.init_report(5, "success", initialization_type="provisioned-concurrency"),
        "platform.initReport",
        "INFO",
        "INIT_REPORT Init Duration: 5.00 ms\tPhase: init\n",
    ),
    (
        events.init_report(5, "timeout"),
        "platform.initReport",
        "WARN",
        "INIT_REPORT Init Duration: 5.00 ms\tPhase: init\tStatus: timeout\n",
    ),
    (
        events.init_report(5, "error", phase="invoke"),
        "platform.initReport",
        "WARN",
        "INIT_REPORT Init Duration: 5.00 ms\tPhase: invoke\tStatus: error\n",
    ),
    (events.start(ID, "7"), "platform.start", "INFO", f"START RequestId: {ID} Version: 7\n"),
    (events.runtime_done(ID, "success", 1), "platform.runtimeDone", "DEBUG", f"END RequestId: {ID}\n"),
    (events.runtime_done(ID, "timeout", 1), "platform.runtimeDone", "WARN", f"END RequestId: {ID}\n"),
    (events.report(ID, "success", **USAGE), "platform.report", "INFO", f"REPORT RequestId: {ID}\tDuration: 3.01 ms"),
    (events.report(ID, "error", **USAGE), "platform.report", "WARN", f"REPORT RequestId: {ID}\t"),
    (
        events.extension("agent", "Ready", ["INVOKE", "SHUTDOWN"]),
        "platform.extension",
        "INFO",
        "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
    ),
    (
        events.extension("agent", "LaunchError", [], "Extension.LaunchError"),
        "platform.extension",
        "WARN",
        "EXTENSION\tName: agent\tState: LaunchError\tEvents: []\tError Type: Extension.LaunchError\n",
    ),
    (
        events.telemetry_subscription("agent", "Subscribed", ["platform", "function"]),
        "platform.telemetrySubscription",
        "INFO",
        "TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Function]\n",
    ),
    (
        events.logs_subscription("agent", "Subscribed", ["function"]),
        "platform.logsSubscription",
        "INFO",
        "LOGS\tName: agent\tState: Subscribed\tTypes: [Function]\n",
    ),
    (events.logs_dropped("slow", 3, 900), "platform.logsDropped", "WARN", ""),
]


@pytest.mark.parametrize(("event", "kind", "level", "text"), CASES)
def test_types_levels_and_lines(event: PlatformEvent, kind: str, level: str, text: str) -> None:
    """Levels: Lambda guide, monitoring-cloudwatchlogs-log-level."""
    assert (event.type, event.level) == (kind, level)
    assert event.text.startswith(text) if text else event.text == ""


def test_a_record_has_the_members_of_the_schema() -> None:
    report = events.report(
        ID, "error", duration_ms=1.23456, init_ms=100.5, memory_mb=512, max_memory_mb=33,
        error_type="Runtime.ExitError", spans=[Span("responseLatency", 1_700_000_000_123, 9.87654)],
        tracing=events.tracing_of("Root=1", "abc"),
    )  # fmt: skip
    assert report.record == {
        "requestId": ID,
        "status": "error",
        "metrics": {
            "durationMs": 1.235,
            "billedDurationMs": 102,
            "memorySizeMB": 512,
            "maxMemoryUsedMB": 33,
            "initDurationMs": 100.5,
        },
        "errorType": "Runtime.ExitError",
        "spans": [{"name": "responseLatency", "start": "2023-11-14T22:13:20.123Z", "durationMs": 9.877}],
        "tracing": {"spanId": "abc", "type": "X-Amzn-Trace-Id", "value": "Root=1"},
    }
    started = events.init_start(FUNCTION, *VERSION, instance="i-1")
    assert started.record == {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": "python:3.12.1",
        "runtimeVersionArn": "arn:runtime",
        "functionName": "fn",
        "functionVersion": "$LATEST",
        "instanceId": "i-1",
        "instanceMaxMemory": 256,
    }
    assert events.runtime_done(ID, "success", 2, produced_bytes=0).record["metrics"] == {
        "durationMs": 2,
        "producedBytes": 0,
    }


def test_what_the_handler_raised_is_in_the_record_but_not_in_the_text() -> None:
    raised = events.report(ID, "error", **USAGE, error_type="ValueError", error_in_text=False)
    assert "Status" not in raised.text
    assert raised.record["errorType"] == "ValueError"
    crashed = events.report(ID, "failure", **USAGE, error_type="Runtime.ExitError")
    assert crashed.text.endswith("\tStatus: error\tError Type: Runtime.ExitError\t\n")


def test_a_line_of_json() -> None:
    line = events.start(ID, "$LATEST").json_line(1_700_000_000_007)
    assert line.endswith("}\n")
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.007Z",
        "type": "platform.start",
        "record": {"requestId": ID, "version": "$LATEST"},
    }


@pytest.mark.parametrize(
    ("level", "reached"), [("DEBUG", [True, True, True]), ("INFO", [False, True, True]), ("WARN", [False, False, True])]
)
def test_levels_are_ordered(level: str, reached: list[bool]) -> None:
    made = [PlatformEvent("platform.x", {}, "", own) for own in ("DEBUG", "INFO", "WARN")]
    assert [event.reaches(level) for event in made] == reached
