"""
Real extensions, in Python and in Go, in a layer of a real function.

They know nothing but the documented protocol (sources: `extensions/`). Each writes down what it is told; the function
returns that, since it shares `/tmp` with them. What they hear at the end goes to a server of the test, which only
functions without a network of their own can reach: those tests run with `--isolation process`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import factory_in
from tests.e2e.functions import create, invoke
from tests.e2e.toolchains import CACHE
from tests.packages import python, zipped
from tools.running_platform import RunningPlatform

# A cold build of the Go extension is waited for.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SOURCES = Path(__file__).parent / "extensions"
ACCOUNT = "000000000000"
READS = python(
    """
    import os
    def handler(event, context):
        print("hello from the function")
        folder, lines = os.environ.get("TMPDIR", "/tmp"), []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".jsonl"):
                with open(os.path.join(folder, name)) as record:
                    lines += record.read().splitlines()
        if event == "die":
            os._exit(3)
        return {"id": context.aws_request_id, "lines": lines}
    """
)


class Sink:
    """Takes what extensions post until they have gone."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self._more = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with sink._more:
                    sink.notes.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                    sink._more.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ends(self) -> list[str]:
        """The reasons of the SHUTDOWN events that have come."""
        events = [note["value"] for note in self.notes if note["kind"] == "event"]
        return [event["shutdownReason"] for event in events if event["eventType"] == "SHUTDOWN"]

    def ended(self, times: int) -> list[str]:
        """The same, once there are so many."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.ends()) == times, timeout=30), "no SHUTDOWN"
        return self.ends()


def _python() -> dict[str, bytes]:
    source = (SOURCES / "python" / "python-watcher").read_bytes()
    # Found on the PATH that functions have, which in namespaces begins with the runtime's own interpreter.
    return {"extensions/python-watcher": b"#!/usr/bin/env python3\n" + source}


def _go() -> dict[str, bytes]:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go on this machine")
    sources = sorted((SOURCES / "go").iterdir())
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    built = CACHE / f"extension-go-{digest}"
    if not built.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            made = Path(folder) / "go-watcher"
            variables = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
            arguments = [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(made), "."]
            done = subprocess.run(
                arguments, cwd=SOURCES / "go", env=variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            made.rename(built)
    return {"extensions/go-watcher": built.read_bytes()}


BUILDERS: dict[str, Callable[[], dict[str, bytes]]] = {"python-watcher": _python, "go-watcher": _go}


@pytest.fixture(scope="module", params=["auto", "process"])
def isolated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform with the machine's best isolation, and one without any."""
    for start in factory_in(tmp_path_factory.mktemp("extensions")):
        yield start("--isolation", request.param)


@pytest.fixture(scope="module")
def unconfined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    for start in factory_in(tmp_path_factory.mktemp("unconfined")):
        yield start("--isolation", "process")


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.server.shutdown()
    sink.server.server_close()


def deploy(client: Any, extensions: dict[str, bytes], name: str, **variables: str) -> None:
    layer = client.publish_layer_version(LayerName=f"{name}-layer", Content={"ZipFile": zipped(dict(extensions))})
    settings = {"Environment": {"Variables": variables}} if variables else {}
    create(client, name, READS, Layers=[layer["LayerVersionArn"]], MemorySize=512, Timeout=10, **settings)


def until(found: Callable[[], Any], what: str) -> Any:
    """Ask the platform again and again: telemetry comes when it comes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if value := found():
            return value
    raise AssertionError(what)


@pytest.mark.parametrize("name", BUILDERS)
def test_an_extension_hears_of_everything(isolated: RunningPlatform, name: str) -> None:
    client = isolated.client("lambda")
    deploy(client, BUILDERS[name](), name)
    first = invoke(client, name, {})
    assert (first.status, first.error) == (200, ""), first.text

    def complete() -> Any:
        notes = [json.loads(line) for line in invoke(client, name, {}).value["lines"]]
        telemetry = [note["value"] for note in notes if note["kind"] == "telemetry"]
        reported = {event["record"]["requestId"] for event in telemetry if event["type"] == "platform.report"}
        return (notes, telemetry) if first.value["id"] in reported else None

    notes, telemetry = until(complete, "no platform.report of the first invocation")
    assert notes[0] == {
        "by": name,
        "kind": "registered",
        "value": {
            "functionName": name,
            "functionVersion": "$LATEST",
            "handler": "app.handler",
            "accountId": ACCOUNT,
        },
    }
    events = [note["value"] for note in notes if note["kind"] == "event"]
    assert events[0]["eventType"] == "INVOKE"
    assert events[0]["requestId"] == first.value["id"]
    assert events[0]["invokedFunctionArn"].endswith(f":function:{name}")
    assert events[0]["deadlineMs"] > time.time() * 1000 - 60_000
    assert events[0]["tracing"]["type"] == "X-Amzn-Trace-Id"
    types = [event["type"] for event in telemetry]
    assert types[0] == "platform.initStart"
    for each in ("platform.telemetrySubscription", "platform.initRuntimeDone", "platform.extension"):
        assert each in types
    own = [event for event in telemetry if isinstance(event["record"], dict)]
    of_first = [e["type"] for e in own if e["record"].get("requestId") == first.value["id"]]
    assert of_first == ["platform.start", "platform.runtimeDone", "platform.report"]
    printed = [event["record"] for event in telemetry if event["type"] == "function"]
    assert "hello from the function\n" in printed
    assert [event["record"] for event in telemetry if event["type"] == "extension"] == ["watching\n"]
    lines = logged(isolated, name)
    assert f"EXTENSION\tName: {name}\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in lines
    assert f"TELEMETRY\tName: {name}\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in lines
    assert "watching\n" in lines
    order = [line.split()[0] for line in lines[: lines.index("watching\n") + 1]]
    assert order[:2] == ["INIT_START", "TELEMETRY"]


def logged(platform: RunningPlatform, name: str) -> list[str]:
    """The function's log, once its first invocation is in it."""
    logs = platform.client("logs")

    def lines() -> Any:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        messages = [event["message"] for event in found]
        return messages if any(message.startswith("REPORT") for message in messages) else None

    found: list[str] = until(lines, "no REPORT in the log")
    return found


@pytest.mark.parametrize("name", BUILDERS)
def test_an_extension_hears_of_the_end(unconfined: RunningPlatform, sink: Sink, name: str) -> None:
    client = unconfined.client("lambda")
    deploy(client, BUILDERS[name](), name, SINK=sink.url)
    assert invoke(client, name, {}).error == ""
    died = invoke(client, name, "die")
    assert died.value["errorType"] == "Runtime.ExitError"
    assert sink.ends() == ["FAILURE"]
    assert invoke(client, name, {}).error == "", "both were started again"
    client.delete_function(FunctionName=name)
    assert sink.ended(2) == ["FAILURE", "SPINDOWN"]


def test_both_together(isolated: RunningPlatform) -> None:
    client = isolated.client("lambda")
    deploy(client, {**_python(), **_go()}, "together")
    for _ in range(3):
        assert invoke(client, "together", {}).error == ""
    notes = [json.loads(line) for line in invoke(client, "together", {}).value["lines"]]
    for name in BUILDERS:
        assert len([note for note in notes if note["by"] == name and note["kind"] == "event"]) >= 3
