"""The older API's words for the newer one's events."""

from __future__ import annotations

from typing import Any

import pytest

from tatami.domain.invocation import FunctionVersion
from tatami.environments import platform_events as events
from tatami.environments.logs_api import translated
from tatami.environments.platform_events import PlatformEvent

FUNCTION = FunctionVersion("0" * 12, "us-east-1", "f", "$LATEST", "g", "arn", "python3.12", "app.handler", "")
TRACE = events.tracing_of("Root=1")
OLD, NEW = "2020-08-15", "2021-03-18"


def words(event: PlatformEvent, version: str = OLD) -> list[tuple[str, Any]]:
    made = translated(event.item(0), version)
    assert {one["time"] for one in made} <= {"1970-01-01T00:00:00.000Z"}
    return [(one["type"], one["record"]) for one in made]


@pytest.mark.parametrize(
    "event",
    [
        events.init_start(FUNCTION),
        events.init_runtime_done("success"),
        events.init_report(1, "success"),
        events.telemetry_subscription("one", "Subscribed", ["platform"]),
    ],
)
def test_events_that_it_does_not_know(event: PlatformEvent) -> None:
    assert words(event) == words(event, NEW) == []


def test_members_that_it_knows() -> None:
    assert words(events.start("r", "1", TRACE)) == [("platform.start", {"requestId": "r", "version": "1"})]
    (report,) = words(
        events.report("r", "success", duration_ms=1, init_ms=None, memory_mb=128, max_memory_mb=2, tracing=TRACE)
    )
    assert set(report[1]) == {"requestId", "metrics", "tracing"}
    assert words(events.extension("e", "Ready", ["INVOKE"], "X")) == [
        ("platform.extension", {"name": "e", "state": "Ready", "events": ["INVOKE"]})
    ]
    subscription = events.logs_subscription("e", "Subscribed", ["platform"])
    assert words(subscription) == [(subscription.type, subscription.record)]


@pytest.mark.parametrize(
    ("status", "error_type", "told", "fault"),
    [
        ("success", "", "success", False),
        ("timeout", "Sandbox.Timedout", "timeout", False),
        ("error", "Runtime.ExitError", "failure", True),
        ("error", "Extension.Crash", "failure", True),
        ("error", "ValueError", "failure", False),
    ],
)
def test_the_end_of_an_invocation(status: str, error_type: str, told: str, fault: bool) -> None:
    done = events.runtime_done("r", status, 1, error_type=error_type)
    faults = [("platform.fault", "RequestId: r Process exited before completing request")] if fault else []
    assert words(done) == [*faults, ("platform.end", {"requestId": "r"})]
    assert words(done, NEW) == [
        *faults,
        ("platform.runtimeDone", {"requestId": "r", "status": told}),
        ("platform.end", {"requestId": "r"}),
    ]


def test_lines_are_lines() -> None:
    line = {"time": "T", "type": "function", "record": "hello\n"}
    assert translated(line, OLD) == [line]
