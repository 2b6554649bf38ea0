"""The AWS CLI, unmodified, with only AWS_ENDPOINT_URL (and credentials, which it demands) set."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.packages import PYTHON, ROLE, python
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e


class Cli:
    """Runs `aws` in a folder, against a platform."""

    def __init__(self, platform: RunningPlatform, folder: Path) -> None:
        self.folder = folder
        self.variables = {**platform.variables(), "AWS_PAGER": "", "AWS_CONFIG_FILE": "/dev/null"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "awscli", *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def cli(platform: RunningPlatform, tmp_path: Path) -> Cli:
    (tmp_path / "one.zip").write_bytes(python("def handler(event, context): print('saw', event); return {'n': 1}"))
    (tmp_path / "two.zip").write_bytes(python("def handler(event, context): return {'n': 2}"))
    return Cli(platform, tmp_path)


def test_create_wait_invoke_update_tail_delete(cli: Cli) -> None:
    name = ("--function-name", "by-cli")
    made = cli.json(
        "lambda", "create-function", *name, "--runtime", PYTHON, "--handler", "app.handler", "--role", ROLE,
        "--zip-file", "fileb://one.zip",
    )  # fmt: skip
    assert made["State"] == "Pending"
    assert cli.run("lambda", "wait", "function-active-v2", *name).returncode == 0
    answer = cli.json("lambda", "invoke", *name, "--payload", '{"a": "b"}', "out.json")
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads((cli.folder / "out.json").read_text()) == {"n": 1}
    lines = _tail(cli, "/aws/lambda/by-cli", until="REPORT RequestId: ")
    assert "saw {'a': 'b'}\n" in lines
    cli.json("lambda", "update-function-code", *name, "--zip-file", "fileb://two.zip")
    assert cli.run("lambda", "wait", "function-updated-v2", *name).returncode == 0
    cli.json("lambda", "invoke", *name, "out.json")
    assert json.loads((cli.folder / "out.json").read_text()) == {"n": 2}
    cli.json("lambda", "delete-function", *name)
    gone = cli.run("lambda", "get-function", *name)
    assert gone.returncode != 0
    assert "ResourceNotFoundException" in gone.stderr
    assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:by-cli" in gone.stderr


def _tail(cli: Cli, group: str, until: str) -> list[str]:
    """What `aws logs tail --follow` does, which version 1 of the CLI lacks: FilterLogEvents from the last time on."""
    seen: dict[str, str] = {}
    since = 0
    for _ in range(20):
        arguments = ["--log-group-name", group, "--start-time", str(since), "--interleaved"]
        for event in cli.json("logs", "filter-log-events", *arguments)["events"]:
            seen.setdefault(event["eventId"], event["message"])
            since = max(since, event["timestamp"])
        if any(message.startswith(until) for message in seen.values()):
            return list(seen.values())
    raise AssertionError(f"no line begins with {until!r}: {list(seen.values())}")


def test_new_events_appear_to_a_follower(platform: RunningPlatform, cli: Cli) -> None:
    logs = platform.client("logs")
    logs.create_log_group(logGroupName="followed")
    logs.create_log_stream(logGroupName="followed", logStreamName="s")
    _put(logs, "before")
    assert _tail(cli, "followed", until="before") == ["before"]
    _put(logs, "after")
    assert _tail(cli, "followed", until="after") == ["before", "after"]


def _put(logs: Any, message: str) -> None:
    event = {"timestamp": int(time.time() * 1000), "message": message}
    logs.put_log_events(logGroupName="followed", logStreamName="s", logEvents=[event])


def test_who_am_i(cli: Cli) -> None:
    assert cli.json("sts", "get-caller-identity") == {
        "UserId": "000000000000",
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
    }


def test_an_error_is_shown_as_the_cli_shows_errors(cli: Cli) -> None:
    done = cli.run("kinesis", "list-streams")
    assert done.returncode != 0
    assert "NotImplemented" in done.stderr
    assert "kinesis:ListStreams" in done.stderr
