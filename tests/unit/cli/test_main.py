"""The commands as a user types them, against a fake platform."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.client.fake_platform import FakePlatform, reply

from tatami import __version__
from tatami.cli.main import run

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def type_in(
    platform: FakePlatform, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Type:
    """`type_in("status")` runs the command in an empty folder: exit code, stdout, stderr."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TATAMI_ENDPOINT", platform.endpoint)
    monkeypatch.chdir(tmp_path)

    def type_in(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run(arguments)
        output, errors = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, output, errors

    return type_in


def write_function(folder: Path, settings: str = "") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text("def handler(event, context): return event")
    (folder / "function.toml").write_text(
        f'name = "greet"\nruntime = "python3.11"\nhandler = "app.handler"\n{settings}'
    )


def test_version_and_help(type_in: Type) -> None:
    assert type_in("--version") == (0, f"tatami {__version__}\n", "")
    for arguments in ([], ["--help"], ["-h"]):
        code, output, errors = type_in(*arguments)
        assert (code, errors) == (0, "")
        assert all(command in output for command in ("up", "deploy", "invoke", "logs", "status", "env"))
        assert "AWS Lambda on your own machines" in output


@pytest.mark.parametrize("command", ["up", "deploy", "invoke", "logs", "status", "env"])
def test_every_option_of_every_command_says_what_it_is_for(command: str, type_in: Type) -> None:
    code, output, _ = type_in(command, "--help")
    assert code == 0
    options = [line.strip() for line in output.partition("Options:")[2].splitlines() if line.startswith("  -")]
    assert options
    assert "<str>" not in output.partition("Options:")[2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stauts"], "tatami: No such command 'stauts'. Did you mean 'status'? (see tatami --help)\n"),
        (["status", "--fast"], "tatami: No such option: --fast (see tatami status --help)\n"),
        (["invoke"], "tatami: Missing argument 'NAME'. (see tatami invoke --help)\n"),
        (["deploy", "absent"], "tatami: there is no folder absent\n"),
        (["invoke", "f", "--payload", "@absent"], "tatami: --payload: cannot read absent: No such file or directory\n"),
        (["logs", "f", "--since", "x"], "tatami: --since: expected 30s, 10m, 2h, 1d or an ISO 8601 time, got 'x'\n"),
        (
            ["status", "--endpoint", "nowhere"],
            "tatami: the endpoint must look like http://host:port, got 'nowhere'\n",
        ),
    ],
)
def test_a_mistake_is_one_line_on_stderr(arguments: list[str], complaint: str, type_in: Type) -> None:
    assert type_in(*arguments) == (1, "", complaint)


def test_an_error_of_the_platform_is_one_line(type_in: Type) -> None:
    complaint = "tatami: ResourceNotFoundException: Function not found: absent\n"
    assert type_in("invoke", "absent") == (1, "", complaint)


def test_an_error_nobody_thought_of_is_one_line(type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> bytes:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tatami.cli.invoke.read_payload", explode)
    complaint = "tatami: unexpected ZeroDivisionError: by zero; please report this as a bug\n"
    assert type_in("invoke", "f") == (1, "", complaint)


def test_ctrl_c_ends_without_a_word(type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("tatami.cli.invoke.read_payload", interrupt)
    assert type_in("invoke", "f") == (130, "", "")


def test_the_endpoint_may_stand_before_or_after_the_command(
    type_in: Type, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TATAMI_ENDPOINT")
    for arguments in (["--endpoint", platform.endpoint, "status"], ["status", "--endpoint", platform.endpoint]):
        code, output, _ = type_in(*arguments)
        assert (code, output.splitlines()[0]) == (0, f"endpoint: {platform.endpoint}")


def test_env_prints_exports_for_a_shell(type_in: Type) -> None:
    code, output, _ = type_in("env", "--endpoint", "http://[::1]:4566")
    assert code == 0
    assert output.splitlines() == [
        "export AWS_ENDPOINT_URL='http://[::1]:4566'",
        "export AWS_ACCESS_KEY_ID=test",
        "export AWS_SECRET_ACCESS_KEY=test",
        "export AWS_DEFAULT_REGION=us-east-1",
        "export AWS_REGION=us-east-1",
    ]


def test_deploy_creates_then_updates(type_in: Type, platform: FakePlatform, tmp_path: Path) -> None:
    write_function(tmp_path / "f", '[environment]\nA = "1"')
    code, output, errors = type_in("deploy", "f", "--env", "B=2")
    size = len(platform.packages["greet"])
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "name     greet",
        "version  $LATEST",
        f"size     {size:,} bytes",
        "state    Active",
    ]
    assert platform.functions["greet"]["Environment"] == {"Variables": {"A": "1", "B": "2"}}

    (tmp_path / "f" / "more.py").write_text("more = 1")
    code, _, errors = type_in("deploy", "f", "--memory", "512", "--role", "arn:aws:iam::000000000000:role/mine")
    assert (code, errors) == (0, "")
    assert platform.functions["greet"]["MemorySize"] == 512
    assert platform.functions["greet"]["Role"] == "arn:aws:iam::000000000000:role/mine"
    with zipfile.ZipFile(io.BytesIO(platform.packages["greet"])) as archive:
        assert archive.namelist() == ["app.py", "more.py"]


def test_deploy_of_code_alone_leaves_the_configuration(type_in: Type, platform: FakePlatform, tmp_path: Path) -> None:
    write_function(tmp_path / "f")
    type_in("deploy", "f")
    (tmp_path / "f" / "function.toml").unlink()
    platform.calls.clear()
    assert type_in("deploy", "f", "--name", "greet")[0] == 0
    assert [call for call in platform.calls if not call.startswith("GET")] == ["PUT code"]


def test_deploy_names_what_is_missing(type_in: Type, tmp_path: Path) -> None:
    write_function(tmp_path / "f")
    (tmp_path / "f" / "function.toml").write_text("")
    assert type_in("deploy", "f")[2] == 'tatami: no name: give --name, or put name = "..." into f/function.toml\n'
    errors = type_in("deploy", "f", "--name", "x")[2]
    assert errors == 'tatami: no runtime: give --runtime, or put runtime = "..." into f/function.toml\n'


def test_deploy_shows_how_to_build_a_package_that_is_missing(type_in: Type, tmp_path: Path) -> None:
    write_function(tmp_path / "f", 'package = "build"\nbuild = "f/build.sh"')
    assert type_in("deploy", "f")[2] == "tatami: there is no folder f/build; build it first: f/build.sh\n"
    (tmp_path / "f" / "build").mkdir()
    assert type_in("deploy", "f")[2] == "tatami: there is nothing to deploy in f/build\n"


def test_deploy_refuses_a_package_outside_its_folder(type_in: Type, tmp_path: Path) -> None:
    write_function(tmp_path / "f", 'package = ".."')
    assert "package must be a folder inside f, got '..'" in type_in("deploy", "f")[2]


def test_invoke_prints_the_payload(
    type_in: Type, platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.functions["f"] = {}
    log = base64.b64encode(b"START\nEND\n").decode()
    platform.answers["f"] = lambda event: (200, {"X-Amz-Log-Result": log}, event)
    (tmp_path / "event.json").write_text('{"from": "file"}')
    assert type_in("invoke", "f") == (0, "{}\n", "")
    assert type_in("invoke", "f", "--payload", '{"é": 1}') == (0, '{"é": 1}\n', "")
    assert type_in("invoke", "f", "--log", "-p", "@event.json") == (0, '{"from": "file"}\n', "START\nEND\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    assert type_in("invoke", "f", "--payload", "-") == (0, "[1]\n", "")


@pytest.mark.parametrize(
    ("payload", "described"),
    [
        (b'{"errorMessage": "no such\\nkey", "errorType": "KeyError"}', "KeyError: no such key"),
        (b'{"errorMessage": "Task timed out"}', "Task timed out"),
        (b"{}", "{}"),
        (b"null", "null"),
        (b"not json", "not json"),
    ],
)
def test_a_function_that_fails_is_an_error(
    payload: bytes, described: str, type_in: Type, platform: FakePlatform
) -> None:
    platform.functions["f"] = {}
    platform.answers["f"] = lambda _: (200, {"X-Amz-Function-Error": "Unhandled"}, payload)
    assert type_in("invoke", "f") == (1, payload.decode() + "\n", f"tatami: f failed: {described} (Unhandled)\n")


def test_logs_prints_events(type_in: Type, platform: FakePlatform) -> None:
    platform.events["/aws/lambda/f"] = [
        {"eventId": str(n), "timestamp": 1_763_841_600_000 + n, "logStreamName": "s", "message": f"line {n}\n"}
        for n in range(3)
    ]
    code, output, _ = type_in("logs", "f", "--since", "2025-11-22")
    assert code == 0
    assert output.splitlines() == [f"2025-11-22T20:00:00.00{n}Z line {n}" for n in range(3)]


def test_logs_of_a_function_that_has_not_logged_is_empty(type_in: Type, platform: FakePlatform) -> None:
    platform.functions["f"], platform.packages["f"] = {}, b""
    assert type_in("logs", "f") == (0, "", "")
    assert type_in("logs", "absent") == (1, "", "tatami: there is no function absent, and no log of one\n")


def test_status_shows_health_and_functions(type_in: Type, platform: FakePlatform) -> None:
    assert type_in("status")[1].splitlines() == [
        f"endpoint: {platform.endpoint}",
        "version: 9.9",
        "uptime: 1.2",
        "isolation.kind: process",
        "isolation.network: no",
        "",
        "no functions yet: deploy one with `tatami deploy DIR`",
    ]
    platform.functions["greet"] = {"FunctionName": "greet", "Runtime": "python3.11", "MemorySize": 128, "Timeout": 3}
    assert type_in("status")[1].splitlines()[-2:] == [
        "function  runtime     memory MB  timeout s  code bytes  modified",
        "greet     python3.11  128        3          -           -",
    ]


def test_what_runs_a_function_instead_of_its_runtime_is_shown(
    type_in: Type, platform: FakePlatform, tmp_path: Path
) -> None:
    write_function(tmp_path / "f")
    type_in("deploy", "f")
    note = {"Error": {"ErrorCode": "RuntimeFallback", "Message": "python3.12 runs the function instead."}}
    platform.functions["greet"]["RuntimeVersionConfig"] = note
    assert type_in("deploy", "f")[1].splitlines()[-1] == "note     python3.12 runs the function instead."
    assert type_in("status")[1].splitlines()[-1] == "greet: python3.12 runs the function instead."


def test_up_names_a_setting_it_cannot_use(type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type_in("up", "--port", "70000") == (1, "", "tatami: --port: expected a number from 0 to 65535, got 70000\n")
    assert type_in("up", "--config", "absent.toml") == (1, "", "tatami: --config: there is no file absent.toml\n")
    monkeypatch.setenv("TATAMI_PROT", "1")
    assert type_in("up")[2].startswith("tatami: unknown variable TATAMI_PROT; known are TATAMI_HOST")


def test_an_answer_that_is_no_answer(type_in: Type, platform: FakePlatform) -> None:
    platform.always = reply({}, 502)
    assert type_in("status")[2] == "tatami: HTTP502: {}\n"


def test_only_up_loads_the_platform() -> None:
    program = "import sys, tatami.cli.main; print([name for name in sys.modules if name.startswith('tatami.app')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
