"""The `tatami` command against a running platform."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import PlatformFactory
from tools.running_platform import TATAMI, PlatformError, RunningPlatform, clean_environment

pytestmark = pytest.mark.e2e

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
CODE = """
import json, os

def handler(event, context):
    print("greeting", json.dumps(event))
    if event.get("fail"):
        raise ValueError("asked to fail")
    return {"hello": event.get("name", "nobody"), "word": os.environ.get("WORD"), "memory": context.memory_limit_in_mb}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A deployable folder named after the test's own temporary folder, so that tests share a platform."""
    here = tmp_path / "greet"
    here.mkdir()
    (here / "app.py").write_text(CODE)
    (here / "function.toml").write_text(
        f'name = "greet-{os.getpid()}-{tmp_path.name}"\nruntime = "{RUNTIME}"\nhandler = "app.handler"\n'
        '[environment]\nWORD = "one"\n'
    )
    return here


def deployed(platform: RunningPlatform, folder: Path, *flags: str) -> str:
    """Deploy `folder`; the name of its function."""
    done = platform.tatami("deploy", str(folder), *flags)
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["version"] == "$LATEST"
    assert lines["state"] == "Active"
    assert lines["size"].endswith(" bytes")
    return lines["name"]


def test_deploy_invoke_change_and_look(platform: RunningPlatform, folder: Path) -> None:
    name = deployed(platform, folder)
    done = platform.tatami("invoke", name, "--payload", '{"name": "Ada"}', "--log")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"hello": "Ada", "word": "one", "memory": "128"})
    assert 'greeting {"name": "Ada"}' in done.stderr
    assert "REPORT RequestId: " in done.stderr

    (folder / "app.py").write_text(CODE.replace("nobody", "somebody"))
    assert deployed(platform, folder, "--memory", "256", "--env", "WORD=two") == name
    done = platform.tatami("invoke", name, "--payload", "-", text="{}")
    assert json.loads(done.stdout) == {"hello": "somebody", "word": "two", "memory": "256"}

    status = platform.tatami("status")
    assert status.returncode == 0
    assert any(line.startswith("isolation") for line in status.stdout.splitlines())
    assert any(line.split()[:2] == [name, RUNTIME] for line in status.stdout.splitlines())


def test_a_failing_function_fails_the_command(platform: RunningPlatform, folder: Path) -> None:
    name = deployed(platform, folder)
    done = platform.tatami("invoke", name, "--payload", '{"fail": true}')
    assert (done.returncode, json.loads(done.stdout)["errorType"]) == (1, "ValueError")
    assert done.stderr == f"tatami: {name} failed: ValueError: asked to fail (Unhandled)\n"


def test_an_unknown_runtime_is_refused_in_one_line(platform: RunningPlatform, folder: Path) -> None:
    done = platform.tatami("deploy", str(folder), "--runtime", "cobol85")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "cobol85" in done.stderr


def test_logs_shows_and_follows(platform: RunningPlatform, folder: Path) -> None:
    name = deployed(platform, folder)
    platform.tatami("invoke", name, "--payload", '{"name": "first"}')
    with subprocess.Popen(
        [*TATAMI, "logs", name, "--follow"], stdout=subprocess.PIPE, text=True, env=platform.variables()
    ) as follower:
        assert follower.stdout is not None
        while '"first"' not in follower.stdout.readline():
            pass
        platform.tatami("invoke", name, "--payload", '{"name": "second"}')
        while '"second"' not in follower.stdout.readline():
            pass
        follower.send_signal(signal.SIGINT)
        assert follower.wait(10) == 130
    shown = platform.tatami("logs", name, "--since", "10m")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [line.split(" ", 1)[1] for line in shown.stdout.splitlines()]
    assert [line.split()[0] for line in lines if line.startswith(("START", "END", "REPORT", "greeting"))] == [
        word for _ in range(2) for word in ("START", "greeting", "END", "REPORT")
    ]


def test_env_points_the_aws_cli_here(platform: RunningPlatform) -> None:
    script = f'eval "$({" ".join(TATAMI)} env)"; {sys.executable} -m awscli sts get-caller-identity --query Account'
    variables = {**clean_environment(), "TATAMI_ENDPOINT": platform.endpoint}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=variables, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, "000000000000")


def test_up_prints_one_line_and_keeps_its_state(platform_factory: PlatformFactory, folder: Path) -> None:
    first = platform_factory()
    name = deployed(first, folder)
    assert first.tatami("invoke", name).returncode == 0
    first.stop(signal.SIGINT)
    assert first.more_output == ""
    second = platform_factory(data_dir=first.data_dir)
    assert json.loads(second.tatami("invoke", name).stdout)["hello"] == "nobody"


def test_enforce_takes_only_requests_of_known_keys(platform_factory: PlatformFactory) -> None:
    platform = platform_factory("--access", "enforce", environment={"TATAMI_KEYS": "AKIDKNOWN=its-secret"})

    def status(access_key: str, secret_key: str) -> subprocess.CompletedProcess[str]:
        keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
        command = [*TATAMI, "status"]
        variables = {**platform.variables(), **keys}
        return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)

    assert status("AKIDKNOWN", "its-secret").returncode == 0
    for refused in (status("AKIDKNOWN", "another"), status("test", "test")):
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)


def test_up_in_memory_leaves_no_file(platform_factory: PlatformFactory, folder: Path, tmp_path: Path) -> None:
    working = tmp_path / "working"
    platform = platform_factory("--data-dir", ":memory:", data_dir=working / "unused")
    deployed(platform, folder)
    platform.stop()
    assert [path.name for path in working.iterdir()] == [platform.log.name]


def test_a_data_folder_serves_one_platform_at_a_time(platform_factory: PlatformFactory) -> None:
    first = platform_factory()
    with pytest.raises(PlatformError) as caught:
        RunningPlatform(first.data_dir)
    last = str(caught.value).splitlines()[-1]
    assert last.startswith("tatami: ")
    assert str(first.data_dir) in last


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*TATAMI, "up", "--port", str(port), "--data-dir", ":memory:", "--log-level", "error"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(), cwd=tmp_path, check=False
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"tatami: cannot serve on 127.0.0.1:{port}: ")


def test_help_starts_fast(tmp_path: Path) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        subprocess.run([*TATAMI, "--help"], stdout=subprocess.DEVNULL, cwd=tmp_path, check=True)
        return time.perf_counter() - started

    # The best of several: other tests run at the same time, and what is promised is the work of the command itself.
    assert min(seconds() for _ in range(5)) < 0.4
