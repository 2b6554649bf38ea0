"""Logs of format JSON, as a user reads them: with boto3 and with `aws logs`."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from typing import Any

import pytest
from tests.e2e.functions import create, invoke
from tests.packages import python
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e

SPEAKS = python(
    """
    import json, logging
    def handler(event, context):
        logger = logging.getLogger("mine")
        logger.debug("fine detail")
        logger.info("as usual")
        logger.error("went wrong")
        print("plain")
        print(json.dumps({"timestamp": "2026-01-01T00:00:00Z", "level": "error", "message": "own JSON"}))
    """
)


@pytest.fixture
def client(platform: RunningPlatform) -> Any:
    return platform.client("lambda")


def tail(client: Any, name: str) -> list[str]:
    """The lines of an invocation's log."""
    return base64.b64decode(invoke(client, name, LogType="Tail").raw["LogResult"]).decode().splitlines()


def parsed(lines: list[str]) -> list[Any]:
    return [json.loads(line) if line.startswith("{") else line for line in lines]


def test_json_lines_of_the_platform_and_of_the_function(client: Any) -> None:
    create(client, "json", SPEAKS, LoggingConfig={"LogFormat": "JSON"})
    start, usual, wrong, plain, own, report = parsed(tail(client, "json"))
    assert start["type"] == "platform.start"
    assert start["record"]["version"] == "$LATEST"
    assert (usual["level"], usual["message"], usual["requestId"]) == (
        "INFO", "as usual", start["record"]["requestId"],
    )  # fmt: skip
    assert (wrong["level"], wrong["message"], plain, own["message"]) == ("ERROR", "went wrong", "plain", "own JSON")
    assert report["type"] == "platform.report"
    assert report["record"]["status"] == "success"
    assert report["record"]["metrics"]["memorySizeMB"] == 128
    assert report["record"]["metrics"]["initDurationMs"] > 0


def test_levels_filter_the_functions_lines_and_the_platforms(client: Any) -> None:
    quiet = {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN"}
    create(client, "quiet", SPEAKS, LoggingConfig=quiet)
    assert [line["message"] for line in parsed(tail(client, "quiet"))] == ["went wrong", "own JSON"]
    loud = {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "DEBUG"}
    create(client, "loud", SPEAKS, LoggingConfig=loud)
    lines = parsed(tail(client, "loud"))
    types = [line["type"].removeprefix("platform.") for line in lines if "type" in line]
    assert types == ["initRuntimeDone", "initReport", "start", "runtimeDone", "report"]
    assert lines[3]["message"] == "fine detail"


def test_aws_logs_shows_json_in_the_group_that_was_asked_for(client: Any, platform: RunningPlatform) -> None:
    create(client, "grouped", SPEAKS, LoggingConfig={"LogFormat": "JSON", "LogGroup": "shared-group"})
    invoke(client, "grouped")
    command = [sys.executable, "-m", "awscli", "logs", "filter-log-events", "--log-group-name", "shared-group"]
    variables = {**platform.variables(), "AWS_PAGER": "", "AWS_CONFIG_FILE": "/dev/null"}
    deadline = time.monotonic() + 20
    types: list[str] = []
    while "platform.report" not in types and time.monotonic() < deadline:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=50, check=False)
        events = json.loads(done.stdout)["events"] if done.returncode == 0 else []
        types = [parsed([event["message"]])[0].get("type") for event in events if event["message"].startswith("{")]
    assert types[0] == "platform.initStart"
    assert [name for name in types if name] == ["platform.initStart", "platform.start", "platform.report"]
