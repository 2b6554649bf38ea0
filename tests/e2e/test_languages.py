"""
One small function in each language, under each runtime that this machine has, judged by what AWS was recorded to say.

Runtimes that the machine lacks are skipped by name. Go and Rust run as `provided.al2023` with AWS's own libraries.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import factory_in
from tests.e2e.functions import create, invoke
from tests.e2e.toolchains import CACHE, package_of
from tools.running_platform import RunningPlatform

# A cold build of Go or Rust is waited for by whichever test needs it first.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RECORDED = json.loads((Path(__file__).parents[1] / "recorded/data/lambda/test_lambda_common.json").read_text())


@dataclass(frozen=True)
class Case:
    """One runtime with the function written in one language.

    error: the members of an error in AWS's order. error_type: a pattern of the whole type.
    """

    name: str
    runtime: str
    language: str
    handler: str
    error: tuple[str, ...]
    error_type: str


def _cases() -> list[Case]:
    python = ("errorMessage", "errorType", "requestId", "stackTrace")
    managed = ("errorMessage", "errorType", "stackTrace")
    return [
        *(Case(f"python3.{n}", f"python3.{n}", "python", "app.handler", python, "ValueError") for n in range(9, 15)),
        *(
            Case(
                f"nodejs{n}.x", f"nodejs{n}.x", "node", "index.handler", ("errorType", "errorMessage", "trace"), "Error"
            )
            for n in (18, 20, 22, 24, 26)
        ),
        *(
            Case(f"ruby{n}", f"ruby{n}", "ruby", "function.handler", managed, "Function<RuntimeError>")
            for n in ("3.2", "3.3", "3.4", "4.0")
        ),
        *(
            Case(f"java{n}", f"java{n}", "java", "echo.Handler", managed, r"java\.lang\.RuntimeException")
            for n in ("11", "11.al2023", "17", "17.al2023", "21", "25")
        ),
        # Go's type is that of the error value; the recording has an errorString, fmt.Errorf makes a wrapError or this.
        Case(
            "go", "provided.al2023", "go", "bootstrap", ("errorMessage", "errorType"), "fmtError|errorString|wrapError"
        ),
        Case("rust", "provided.al2023", "rust", "bootstrap", ("errorType", "errorMessage"), ".*Error.*"),
    ]


CASES = _cases()


def _stand_in_for_ruby(folder: Path) -> dict[str, str]:
    """
    Where the only Ruby is older than 3.2, a script that passes for 3.2 and runs it.

    Our client runs on Ruby 3.0 too; that only versions AWS has are offered is the catalog's affair.
    """
    found = shutil.which("ruby")
    if found is None:
        return {}
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)\.(\d+)", said)
    if not version or (int(version[1]), int(version[2])) not in ((3, 0), (3, 1)):
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "ruby"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "ruby 3.2.0" || exec {found} "$@"\n')
    script.chmod(0o755)
    return {"TATAMI_RUNTIMES": f"ruby3.2={script}"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform that runs every language of the machine."""
    variables = _stand_in_for_ruby(CACHE / "stand-in" / "bin")
    for start in factory_in(tmp_path_factory.mktemp("languages")):
        yield start(environment=variables)


@pytest.fixture(scope="module")
def available(platform: RunningPlatform) -> list[str]:
    with urllib.request.urlopen(f"{platform.endpoint}/_tatami/health", timeout=30) as answer:
        runtimes: list[str] = json.load(answer)["runtimes"]
    return runtimes


@pytest.fixture(scope="module")
def client(platform: RunningPlatform) -> Any:
    return platform.client("lambda")


@pytest.fixture(scope="module", params=CASES, ids=[case.name for case in CASES])
def case(request: pytest.FixtureRequest, available: list[str], client: Any) -> Case:
    """A runtime of this machine, with its function deployed twice: patient, and with a timeout of a second."""
    case: Case = request.param
    if case.runtime not in available:
        pytest.skip(f"no {case.runtime} on this machine")
    package = package_of(case.language)
    for name, timeout in ((_name(case), 30), (f"{_name(case)}-hasty", 1)):
        create(
            client,
            name,
            package,
            Runtime=case.runtime,
            Handler=case.handler,
            Timeout=timeout,
            MemorySize=1024,
            Environment={"Variables": {"TEST_KEY": "TEST_VAL"}},
        )
    return case


def _name(case: Case) -> str:
    return f"echo-{case.name.replace('.', '-')}"


def test_an_event_comes_back(client: Any, case: Case) -> None:
    for event in ({"text": "ümläut 日本", "list": [1, 2.5, None, True]}, {}):
        answer = invoke(client, _name(case), event)
        assert (answer.status, answer.error) == (200, ""), answer.text
        assert answer.value == event


def test_an_error_has_the_shape_of_its_language(client: Any, case: Case) -> None:
    answer = invoke(client, _name(case), {"fail": "some_error_msg"})
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert tuple(answer.value) == case.error
    assert answer.value["errorMessage"] == "Error: some_error_msg"
    assert re.fullmatch(case.error_type, answer.value["errorType"]), answer.value["errorType"]
    for member in {"stackTrace", "trace"} & set(case.error):
        assert answer.value[member]
        assert all(isinstance(line, str) for line in answer.value[member])
    assert invoke(client, _name(case), {"again": 1}).value == {"again": 1}


PLACES = re.compile(r"<[a-z-]+(:\d+)?>|/var/task|/var/runtime|169\.254\.|RUBYLIB|aws_lambda_ric")
"""Recorded values that differ from place to place."""
OURS = {"AWS_ENDPOINT_URL", "TMPDIR"}
"""The platform's address for the function's own clients, and a private folder where no `/tmp` can be mounted."""
ADDED = {
    # Python adds it itself where the machine lacks the locale of LANG; AWS's older ones have that locale.
    "python": {"LC_CTYPE"},
    # AWS's older Java runtimes are another program; the current client shows the descriptor of its log.
    "java": {"_LAMBDA_TELEMETRY_LOG_FD"},
}
"""By language: variables that a function may see beyond the recorded ones."""
MISSING = {
    "java": {"_X_AMZN_TRACE_ID"},
    "rust": {"_X_AMZN_TRACE_ID"},
}
"""By language: recorded ones that AWS's own client for it does not set any more."""


def test_context_and_environment_are_those_recorded_from_aws(client: Any, case: Case) -> None:
    answer = invoke(client, _name(case), {"introspect": True})
    assert answer.error == "", answer.text
    ctx, environment = answer.value["ctx"], answer.value["environment"]
    name, arn = _name(case), f"arn:aws:lambda:us-east-1:000000000000:function:{_name(case)}"
    assert ctx["aws_request_id"] == answer.raw["ResponseMetadata"]["RequestId"]
    assert (ctx["function_name"], ctx["function_version"], ctx["invoked_function_arn"]) == (name, "$LATEST", arn)
    assert ctx["log_group_name"] == f"/aws/lambda/{name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", ctx["log_stream_name"])
    recorded = _recorded(case.runtime)
    if recorded is None:
        return  # AWS was recorded before it had this runtime
    assert set(ctx) == set(recorded["ctx"])
    assert ctx.get("memory_limit_in_mb") == recorded["ctx"].get("memory_limit_in_mb")
    assert 0 < ctx.get("remaining_time_in_millis", 1) <= 30_000
    names, expected = set(environment), set(recorded["environment"])
    assert names - expected <= OURS | ADDED.get(case.language, set())
    assert expected - names <= MISSING.get(case.language, set())
    for variable in names & expected - {"_HANDLER", "_LAMBDA_TELEMETRY_LOG_FD"}:
        if not PLACES.search(recorded["environment"][variable]):
            assert environment[variable] == recorded["environment"][variable]


def _recorded(runtime: str) -> dict[str, Any] | None:
    key = f"lambda_/test_lambda_common.py::TestLambdaRuntimesCommon::test_introspection_invoke[{runtime}]"
    if key not in RECORDED:
        return None
    recorded: dict[str, Any] = RECORDED[key]["recorded-content"]["invocation_result_payload"]
    return recorded


def test_a_timeout_is_told(client: Any, case: Case) -> None:
    answer = invoke(client, f"{_name(case)}-hasty", {"sleep": True})
    request = answer.raw["ResponseMetadata"]["RequestId"]
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.value == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request} Error: Task timed out after 1.00 seconds",
    }


@pytest.mark.parametrize("runtime", ["java11", "java17", "java21", "java25"])
def test_a_java_handler_may_name_its_method(client: Any, available: list[str], runtime: str) -> None:
    if runtime not in available:
        pytest.skip(f"no {runtime} on this machine")
    name, package = f"method-{runtime}", package_of("java")
    create(client, name, package, Runtime=runtime, Handler="echo.Handler::plain", Timeout=20, MemorySize=128)
    assert invoke(client, name, {"n": 1}).value == {"plain": {"n": 1}}
    client.update_function_configuration(FunctionName=name, Handler="echo.Missing::plain")
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    missing = invoke(client, name, {})
    assert (missing.error, missing.value["errorType"]) == ("Unhandled", "java.lang.ClassNotFoundException")
