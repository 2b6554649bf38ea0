"""The environment of a runtime, against those recorded from AWS in January 2026 (test_introspection_invoke)."""

from __future__ import annotations

from dataclasses import replace

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
    "ruby3.4": {
        **EVERYWHERE,
        **MANAGED,
        "AWS_EXECUTION_ENV": "AWS_Lambda_ruby3.4",
        "GEM_HOME": "/var/runtime",
        "GEM_PATH": ("/var/task/vendor/bundle/ruby/3.4.0:/opt/ruby/gems/3.4.0:/var/runtime:/var/runtime/ruby/3.4.0"),
        "LD_LIBRARY_PATH": f"/var/lang/lib:{EVERYWHERE['LD_LIBRARY_PATH']}",
        "PATH": f"/var/lang/bin:{EVERYWHERE['PATH']}",
        "RUBYLIB": "/var/runtime/gems/aws_lambda_ric-3.1.3/lib:/var/task:/var/runtime/lib:/opt/ruby/lib",
    },
    "java11": {
        **EVERYWHERE,
        "AWS_ACCESS_KEY": "AKID",
        "AWS_EXECUTION_ENV": "AWS_Lambda_java11",
        "AWS_SECRET_KEY": "secret",
    },
    "java17": {**EVERYWHERE, "AWS_EXECUTION_ENV": "AWS_Lambda_java17"},
    "java25": {**EVERYWHERE, "AWS_EXECUTION_ENV": "AWS_Lambda_java25"},
    "provided.al2023": EVERYWHERE,
}
"""Without what the runtime sets itself for each invocation (`_X_AMZN_TRACE_ID`) and what the sandbox adds to frame log
events, which Java cannot hide (`_LAMBDA_TELEMETRY_LOG_FD`)."""

OTHER_VALUES = {"AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "RUBYLIB"}
"""Deviation: no address of AWS's own network is given to functions, and our Ruby client is not AWS's gem."""

TAKEN_AWAY = {"ruby3.4": {"LC_CTYPE"}}
"""What the language's client removes before a function sees it."""


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
    assert set(variables) - TAKEN_AWAY.get(runtime, set()) == set(recorded)
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


def test_layers_that_cannot_be_mounted_at_opt_are_named_where_they_are() -> None:
    credentials, elsewhere = Credentials("a", "b", "c"), surroundings(opt="/merged")
    python = for_runtime(function("python3.13"), credentials, elsewhere)
    assert python["PYTHONPATH"] == "/merged/python/lib/python3.13/site-packages:/merged/python:/var/runtime"
    assert python["PATH"].endswith(":/merged/bin")
    assert python["LD_LIBRARY_PATH"].endswith(":/merged/lib")
    node = for_runtime(function("nodejs22.x"), credentials, elsewhere)
    assert node["NODE_PATH"].startswith("/merged/nodejs/node22/node_modules:/merged/nodejs/node_modules:")
    ruby = for_runtime(function("ruby3.4"), credentials, elsewhere)
    assert "/merged/ruby/gems/3.4.0" in ruby["GEM_PATH"].split(":")
    assert ruby["RUBYLIB"].endswith(":/merged/ruby/lib")
    everything = (*python.values(), *node.values(), *ruby.values())
    assert not any("/opt" in value for value in everything)


def test_runtimes_are_told_of_json_logs_only() -> None:
    json = replace(function("python3.13"), log_format="JSON", application_level="DEBUG", system_level="WARN")
    told = for_runtime(json, Credentials("a", "b", "c"), surroundings())
    plain = for_runtime(function("python3.13"), Credentials("a", "b", "c"), surroundings())
    assert {name: told[name] for name in set(told) - set(plain)} == {
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
    }
