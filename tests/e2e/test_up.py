"""`tatami up`: how it starts, what it refuses, and what it leaves behind when it ends."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from tests.e2e.conftest import PlatformFactory
from tests.e2e.functions import create, invoke
from tests.e2e.marks import ends
from tests.packages import python
from tools.running_platform import TATAMI, RunningPlatform, clean_environment

pytestmark = pytest.mark.e2e

STREAM = python("def handler(event, context): return context.log_stream_name")
"""A function that tells which environment it runs in."""
STUBBORN = python(
    """
    import os, signal, socket, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    def handler(event, context):
        if event is None:
            return context.log_stream_name
        socket.create_connection(("127.0.0.1", event)).close()
        time.sleep(300)
    """
)


def _refused(folder: Path, *arguments: str, **variables: str) -> str:
    """The one line that a `tatami up` which cannot start prints."""
    done = subprocess.run(
        [*TATAMI, "up", "--port", "0", "--data-dir", str(folder / "data"), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        env={**clean_environment(), **variables},
        cwd=folder,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    return done.stderr


def _health(platform: RunningPlatform) -> dict[str, Any]:
    with urllib.request.urlopen(f"{platform.endpoint}/_tatami/health") as answer:
        health: dict[str, Any] = json.load(answer)
    return health


def test_it_is_ready_within_a_second(platform_factory: PlatformFactory) -> None:
    took: list[float] = []
    while len(took) < 5 and min(took, default=1.0) >= 1.0:  # the first may be cold, and others use this machine too
        begun = time.monotonic()
        platform = platform_factory()
        took.append(time.monotonic() - begun)
        platform.stop()
        assert platform.more_output == "", "one line, and no more"
    assert min(took) < 1.0, took


def test_health_says_what_is_in_force(platform: RunningPlatform, platform_factory: PlatformFactory) -> None:
    health = _health(platform)
    assert health["status"] == "ok"
    assert health["version"]
    assert health["uptime_seconds"] >= 0
    assert health["access"] == "open"
    assert health["isolation"]["kind"] in {"namespaces", "process"}
    assert _health(platform_factory("--isolation", "process"))["isolation"]["memory_limit"] is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_the_middle_of_invocations(platform_factory: PlatformFactory, number: signal.Signals) -> None:
    # As plain processes, functions reach the test's listener.
    platform = platform_factory("--isolation", "process")
    client = platform.client("lambda")
    create(client, "stubborn", STUBBORN, Timeout=300)
    stream = invoke(client, "stubborn").value
    with socket.create_server(("127.0.0.1", 0)) as listener, concurrent.futures.ThreadPoolExecutor() as pool:
        calls = [pool.submit(invoke, client, "stubborn", listener.getsockname()[1]) for _ in range(2)]
        listener.settimeout(20)
        for _ in calls:
            listener.accept()[0].close()
        platform.stop(number)
        for call in calls:
            assert isinstance(call.exception(20), BotoCoreError)
    assert ends(stream, 0)
    assert not list((platform.data_dir / "run").glob("*")), "temporary folders stay behind"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", platform.port), timeout=5)


def test_after_a_kill_everything_is_there_and_the_rest_is_swept(platform_factory: PlatformFactory) -> None:
    killed = platform_factory()
    create(killed.client("lambda"), "kept", STREAM, Description="as it was")
    stream = invoke(killed.client("lambda"), "kept").value
    killed.kill()
    again = platform_factory(data_dir=killed.data_dir)
    assert ends(stream), "an environment of the killed platform still runs"
    client = again.client("lambda")
    assert client.get_function_configuration(FunctionName="kept")["Description"] == "as it was"
    assert invoke(client, "kept").value != stream


def test_an_idle_environment_is_stopped(platform_factory: PlatformFactory) -> None:
    platform = platform_factory("--idle-seconds", "0.5")
    create(platform.client("lambda"), "idle", STREAM)
    stream = invoke(platform.client("lambda"), "idle").value
    assert ends(stream)
    assert invoke(platform.client("lambda"), "idle").value != stream


def test_many_cold_invocations_at_once(platform_factory: PlatformFactory) -> None:
    platform = platform_factory()
    client = platform.client("lambda", config=Config(max_pool_connections=30, retries={"total_max_attempts": 1}))
    create(client, "many", STREAM, Timeout=60)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: invoke(client, "many"), range(30)))
    assert {answer.error for answer in answers} == {""}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--host", "0.0.0.0", "--access", "open"], "'open' is not allowed on 0.0.0.0"),
        (["--host", "0.0.0.0"], "needs at least one access key"),
        (["--access", "enforce"], "needs at least one access key"),
        (["--port", "65536"], "--port: expected a number from 0 to 65535, got 65536"),
        (["--account", "12"], "--account: expected 12 digits, got '12'"),
        (["--idle-seconds", "0"], "--idle-seconds: expected seconds, more than 0"),
        (["--isolation", "magic"], "--isolation: expected one of auto, namespaces, process, got 'magic'"),
        (["--egress", "none", "--isolation", "process"], "egress: 'none' needs isolation 'namespaces'"),
        (["--config", "/no/such.toml"], "there is no file /no/such.toml"),
        (["--prot", "1"], "No such option: --prot"),
    ],
)
def test_a_flag_it_cannot_use(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    assert complaint in _refused(tmp_path, *arguments)
    assert not (tmp_path / "data").exists(), "a refused start makes nothing"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("TATAMI_PROT", "1", "unknown variable TATAMI_PROT"),
        ("TATAMI_IDLE_SECONDS", "soon", "TATAMI_IDLE_SECONDS: "),
        ("TATAMI_KEYS", "no-pair", "TATAMI_KEYS: expected name=value pairs"),
    ],
)
def test_a_variable_it_cannot_use(tmp_path: Path, variable: str, value: str, complaint: str) -> None:
    assert complaint in _refused(tmp_path, **{variable: value})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot = 1", "unknown setting 'prot'"),
        ('region = "nowhere at all"', "region: expected a region"),
        ('[runtimes]\n"python3.12" = "/no/such"', "/no/such, is not an executable file"),
        ("x = [", "is not valid TOML"),
    ],
)
def test_a_file_it_cannot_use(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "tatami.toml").write_text(text)
    said = _refused(tmp_path)
    assert complaint in said
    assert "tatami.toml" in said


def test_flags_win_over_variables_and_variables_over_the_file(
    platform_factory: PlatformFactory, tmp_path: Path
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('account = "111111111111"\nregion = "eu-west-1"\nlog_level = "error"\n')
    platform = platform_factory(
        "--config",
        str(config),
        "--region",
        "eu-north-1",
        environment={"TATAMI_ACCOUNT": "222222222222", "TATAMI_REGION": "eu-south-1"},
    )
    health = _health(platform)
    assert (health["account"], health["region"]) == ("222222222222", "eu-north-1")


def test_a_data_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tatami.db").write_text("no database " * 1000)
    said = _refused(tmp_path)
    assert str(tmp_path / "data") in said
    assert "report this as a bug" not in said


def test_open_to_other_machines_it_demands_known_keys(platform_factory: PlatformFactory) -> None:
    platform = platform_factory("--host", "0.0.0.0", environment={"TATAMI_KEYS": "AKIDEXAMPLE=a-long-secret"})
    endpoint = f"http://127.0.0.1:{platform.port}"
    assert _health(platform)["access"] == "enforce"
    stranger = platform.client("lambda", endpoint_url=endpoint)
    with pytest.raises(stranger.exceptions.ClientError, match="UnrecognizedClientException"):
        stranger.list_functions()
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "a-long-secret"}
    assert platform.client("lambda", endpoint_url=endpoint, **keys).list_functions()["Functions"] == []
