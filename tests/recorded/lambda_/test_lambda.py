"""Invocations against what AWS answered; what the function itself answers is scripted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.recorded.lambda_.replay import NAME, answered, bindings, created, recorded_room
from tests.recorded.matching import load, match
from tests.unit.services.lambda_.room_under_test import in_loop

from tatami.domain.invocation import Outcome

RECORDED = load("lambda", "test_lambda")
PREFIX = "lambda_/test_lambda.py::"
EMPTY: dict[str, Any] = {"Environment": {"Variables": {}}}
RUNTIMES = ["nodejs16.x", "python3.9", "python3.10"]


def recording(test: str) -> dict[str, Any]:
    answers: dict[str, Any] = RECORDED[PREFIX + test]
    return answers


@in_loop
async def test_function_state() -> None:
    recorded = recording("TestLambdaBaseFeatures::test_function_state")
    under_test, known = await recorded_room(), bindings()
    match(recorded["create-fn-response"], await created(under_test), known)
    match(recorded["get-fn-response"], await answered(under_test, "GetFunction", FunctionName=NAME), known)


@in_loop
async def test_lambda_different_iam_keys_environment() -> None:
    recorded = recording("TestLambdaBaseFeatures::test_lambda_different_iam_keys_environment")
    answer = await created(await recorded_room(), Timeout=30, **EMPTY)
    match(recorded["create-result"]["CreateFunctionResponse"], answer, bindings())


@in_loop
async def test_lambda_invoke_no_timeout() -> None:
    recorded = recording("TestLambdaBehavior::test_lambda_invoke_no_timeout")
    under_test, known = await recorded_room(), bindings()
    answer = await created(under_test, Timeout=2, **EMPTY)
    match(recorded["create-result"]["CreateFunctionResponse"], answer, known)
    under_test.dispatch.answers = [Outcome(b"null", "$LATEST")]
    match(recorded["invoke-result"], await answered(under_test, "Invoke", FunctionName=NAME), known)


@in_loop
async def test_lambda_handler_error() -> None:
    recorded = recording("TestLambdaErrors::test_lambda_handler_error")["invocation_error"]
    under_test = await recorded_room()
    await created(under_test)
    body = json.dumps(recorded["Payload"]).replace("<uuid>", "5f1c9d9e-0b9a-4d5e-9d0a-0d7ef3a1b001").encode()
    under_test.dispatch.answers = [Outcome(body, "$LATEST", "Unhandled", "Exception")]
    match(recorded, await answered(under_test, "Invoke", FunctionName=NAME), bindings())


PAYLOADS = {
    "body-n\\x87r\\x9e\\xe9\\xb5\\xd7I\\xee\\x9bmt": b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt",
    "message-\\x99\\xeb,j\\x07\\xa1zYh": b"\x99\xeb,j\x07\xa1zYh",
}


@pytest.mark.parametrize("case", PAYLOADS)
@in_loop
async def test_lambda_invoke_payload_encoding_error(case: str) -> None:
    recorded = recording(f"TestLambdaErrors::test_lambda_invoke_payload_encoding_error[{case}]")
    under_test = await recorded_room()
    await created(under_test)
    answer = await answered(under_test, "Invoke", FunctionName=NAME, Payload=PAYLOADS[case])
    (expected,) = recorded.values()
    match(expected, answer, bindings())


@pytest.mark.parametrize("runtime", RUNTIMES)
@in_loop
async def test_invocation_types(runtime: str) -> None:
    under_test, known = await recorded_room(), bindings()
    await created(under_test, Runtime=runtime)
    for test, invocation_type in (
        ("test_invocation_type_dry_run", "DryRun"),
        ("test_invocation_type_request_response", "RequestResponse"),
    ):
        recorded = recording(f"TestLambdaFeatures::{test}[{runtime}]")["invoke-result"]
        answer = await answered(under_test, "Invoke", FunctionName=NAME, InvocationType=invocation_type, Payload=b"{}")
        match(recorded, answer, known)


@pytest.mark.parametrize("runtime", ["nodejs16.x", "python3.10"])
@in_loop
async def test_invocation_with_logs(runtime: str) -> None:
    recorded = recording(f"TestLambdaFeatures::test_invocation_with_logs[{runtime}]")
    under_test = await recorded_room()
    await created(under_test, Runtime=runtime)
    under_test.dispatch.answers = [Outcome(b"{}", "$LATEST", log_tail="".join(recorded["logs"]["logs"]).encode())]
    answer = await answered(under_test, "Invoke", FunctionName=NAME, LogType="Tail", Payload=b"{}")
    match(recorded["invoke"], answer, bindings())
