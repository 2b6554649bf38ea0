"""LoggingConfig against what AWS answered, whole answers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recorded.lambda_.replay import NAME, answered, bindings, created, recorded_room
from tests.recorded.matching import load, match
from tests.unit.services.lambda_.room_under_test import in_loop

RECORDED = load("lambda", "test_lambda_api")
PREFIX = "lambda_/test_lambda_api.py::TestLoggingConfig::"
SETTINGS: dict[str, Any] = {"MemorySize": 256, "Timeout": 5, "Environment": {"Variables": {}}}

PARTS: list[dict[str, str]] = [
    {"LogFormat": "JSON"},
    {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
    {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"},
    {"LogGroup": "cool_lambda"},
]
WHOLE = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "cool_lambda"}
TESTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("test_function_advanced_logging_configuration", {"LoggingConfig": {"LogFormat": "JSON"}}, WHOLE),
    *(
        (f"test_function_partial_advanced_logging_configuration_update[partial_config{number}]", {}, part)
        for number, part in enumerate(PARTS)
    ),
]


@pytest.mark.parametrize(("test", "at_first", "update"), TESTS)
@in_loop
async def test_logging_configuration(test: str, at_first: dict[str, Any], update: dict[str, str]) -> None:
    recorded = RECORDED[PREFIX + test]
    under_test, known = await recorded_room(), bindings()
    answer = await created(under_test, **SETTINGS, **at_first)
    match(recorded["create_response"]["CreateFunctionResponse"], answer, known)
    match(recorded["get_function_response"], await answered(under_test, "GetFunction", FunctionName=NAME), known)
    shown = await answered(under_test, "GetFunctionConfiguration", FunctionName=NAME)
    match(recorded["function_config"], shown, known)
    answer = await answered(under_test, "UpdateFunctionConfiguration", FunctionName=NAME, LoggingConfig=update)
    match(recorded["updated_config"], answer, known)
    await under_test.tasks.drain()
    shown = await answered(under_test, "GetFunctionConfiguration", FunctionName=NAME)
    match(recorded["received_config"], shown, known)
