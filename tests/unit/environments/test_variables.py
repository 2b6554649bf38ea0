"""The environment of a runtime, against those recorded from AWS in January 2026 (test_introspection_invoke)."""

from __future__ import annotations

import pytest

from tatami.domain.invocation import FunctionVersion
from tatami.environments.variables import Credentials, Surroundings, for_runtime

ARN = "arn:aws:lambda:us-east-1:000000000000:function:fn"
STREAM = "2026/01/12/[$LATEST]0123456789abcdef0123456789abcdef"

EVERYWHERE = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_FUNCTION_NAME": "fn",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn",
    "AWS_LAMBDA_LOG_STREAM_NAME": STREAM,
    "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "TEST_KEY": "TEST_VAL",
    "TZ": ":UTC",
    "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
    "_HANDLER": "handler.handler",
}
MANAGED = {"PWD": "/var/task", "SHLVL": "0"}
RECORDED = {
    "python3.13": {
        **EVERYWHERE,
        **MANAGED,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LC_CTYPE": "C.UTF-8",
        "PYTHONPATH": "/var/runtime",
    },
    "nodejs22.x": {
        **EVERYWHERE,
        **MANAGED,
        "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x",
        "NODE_PATH": (
            "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
        ),
    },
    "provided.al2023": EVERYWHERE,
}
"""Without `_X_AMZN_TRACE_ID`, which the runtime itself sets for each invocation."""

OTHER_VALUES = {"AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS"}
"""Deviation: no address of AWS's own network is given to functions."""


def function(runtime: str, **own: str) -> FunctionVersion:
    return FunctionVersion(
        "000000000000", "us-east-1", "fn", "$LATEST", "g", ARN, runtime, "handler.handler", "digest",
        memory_mb=1024, variables={"TEST_KEY": "TEST_VAL", **own}, log_group="/aws/lambda/fn",
    )  # fmt: skip


def surroundings(**more: str) -> Surroundings:
    return Surroundings("169.254.100.1:9001", STREAM, "/var/task", "/var/runtime", **more)


@pytest.mark.parametrize("runtime", RECORDED)
def test_the_environment_is_the_one_recorded_from_aws(runtime: str) -> None:
    variables = for_runtime(function(runtime), Credentials("AKID", "secret", "token"), surroundings())
    recorded = RECORDED[runtime]
    assert set(variables) == set(recorded)
    differing = {name for name in recorded if variables[name] != recorded[name]}
    assert differing <= OTHER_VALUES


def test_written_deviations() -> None:
    """The platform's address, and a temporary folder where no private /tmp can be mounted."""
    plain = for_runtime(function("python3.13"), Credentials("a", "b", "c"), surroundings())
    more = surroundings(endpoint="http://127.0.0.1:4566", temporary="/private/tmp")
    told = for_runtime(function("python3.13"), Credentials("a", "b", "c"), more)
    assert {name: told[name] for name in set(told) - set(plain)} == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "TMPDIR": "/private/tmp",
    }


def test_the_functions_own_variables_win_over_unreserved_ones() -> None:
    own = {"PATH": "/opt/mine", "TZ": "Europe/Warsaw", "TMPDIR": "/tmp/x", "AWS_ENDPOINT_URL": "http://else"}
    more = surroundings(endpoint="http://127.0.0.1:4566", temporary="/private/tmp")
    variables = for_runtime(function("python3.13", **own), Credentials("a", "b", "c"), more)
    assert {name: variables[name] for name in own} == own


def test_nothing_of_the_platforms_environment_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TATAMI_SECRET", "x")
    assert "TATAMI_SECRET" not in for_runtime(function("python3.13"), Credentials("a", "b", "c"), surroundings())


@pytest.mark.parametrize(("runtime", "major"), [("nodejs18.x", "18"), ("nodejs24.x", "24")])
def test_node_path_names_its_major_version(runtime: str, major: str) -> None:
    variables = for_runtime(function(runtime), Credentials("a", "b", "c"), surroundings())
    assert variables["NODE_PATH"].startswith(f"/opt/nodejs/node{major}/node_modules:")
