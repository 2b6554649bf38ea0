"""Invoke: what reaches the dispatcher, what the caller gets, and every way it can be refused."""

from __future__ import annotations

import base64

import pytest
from tests.unit.services.lambda_.room_under_test import in_loop, started

from tatami.dispatch.errors import ShuttingDown, Throttled
from tatami.domain.invocation import Outcome
from tatami.ports.engine import EnvironmentLost, PackageUnusable

ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet"
SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]"


@in_loop
async def test_the_payload_goes_in_and_the_answer_comes_out() -> None:
    under_test = await started()
    await under_test.create_active()
    answer = await under_test.call("Invoke", FunctionName="greet", Payload=b'{"a": 1}')
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b'{"a": 1}'}
    ((function, invocation),) = under_test.dispatch.invoked
    assert function == under_test.dispatch.prepared[0]
    assert (invocation.request_id, invocation.invoked_arn, invocation.client_context) == ("request-1", ARN, "")


@pytest.mark.parametrize("payload", [None, b""])
@in_loop
async def test_no_payload_is_an_empty_object(payload: bytes | None) -> None:
    under_test = await started()
    await under_test.create_active()
    await under_test.call("Invoke", FunctionName="greet", Payload=payload)
    assert under_test.dispatch.invoked[0][1].payload == b"{}"


@in_loop
async def test_a_functions_error_is_an_answer() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.answers = [Outcome(b'{"errorType":"E"}', "$LATEST", "Unhandled", "E")]
    answer = await under_test.call("Invoke", FunctionName="greet")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")


@in_loop
async def test_the_tail_of_the_log_on_request() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.answers = [Outcome(b"1", "$LATEST", log_tail=b"START\n")] * 2
    answer = await under_test.call("Invoke", FunctionName="greet", LogType="Tail")
    assert base64.b64decode(answer["LogResult"]) == b"START\n"
    assert "LogResult" not in await under_test.call("Invoke", FunctionName="greet", LogType="None")


@in_loop
async def test_a_dry_run_runs_nothing() -> None:
    under_test = await started()
    await under_test.create_active()
    answer = await under_test.call("Invoke", FunctionName="greet", InvocationType="DryRun")
    assert answer == {"StatusCode": 204, "Payload": b""}
    assert under_test.dispatch.invoked == []
    error = await under_test.fails("Invoke", FunctionName="nobody", InvocationType="DryRun")
    assert error.code == "ResourceNotFoundException"


@pytest.mark.parametrize("name", ["greet", "000000000000:function:greet", ARN, f"{ARN}:$LATEST"])
@in_loop
async def test_every_form_of_the_name(name: str) -> None:
    under_test = await started()
    await under_test.create_active()
    await under_test.call("Invoke", FunctionName=name)
    expected = f"{ARN}:$LATEST" if name.endswith("$LATEST") else ARN
    assert under_test.dispatch.invoked[0][1].invoked_arn == expected


@in_loop
async def test_a_warm_invoke_reads_no_row() -> None:
    under_test = await started()
    await under_test.create_active()
    await under_test.call("Invoke", FunctionName="greet")
    reads = under_test.store.statistics()
    for _ in range(5):
        await under_test.call("Invoke", FunctionName="greet")
    assert under_test.store.statistics() == reads


@in_loop
async def test_a_deleted_function_is_not_remembered() -> None:
    under_test = await started()
    await under_test.create_active()
    await under_test.call("Invoke", FunctionName="greet")
    await under_test.call("DeleteFunction", FunctionName="greet")
    error = await under_test.fails("Invoke", FunctionName="greet")
    assert error.message == f"Function not found: {ARN}:$LATEST"


@in_loop
async def test_the_client_context_arrives_as_json() -> None:
    under_test = await started()
    await under_test.create_active()
    text = '{"custom":{"foo":"bar"}}'
    await under_test.call("Invoke", FunctionName="greet", ClientContext=base64.b64encode(text.encode()).decode())
    assert under_test.dispatch.invoked[0][1].client_context == text


@pytest.mark.parametrize("header", ["no base64!", "bm8ganNvbg==", "WzFd", "/////w==", "A" * 3584])
@in_loop
async def test_a_client_context_that_is_none(header: str) -> None:
    under_test = await started()
    await under_test.create_active()
    error = await under_test.fails("Invoke", FunctionName="greet", ClientContext=header)
    assert (error.code, error.status) == ("InvalidRequestContentException", 400)


@in_loop
async def test_a_payload_that_is_no_json_in_the_words_of_aws() -> None:
    under_test = await started()
    await under_test.create_active()
    error = await under_test.fails("Invoke", FunctionName="greet", Payload=b"\x99")
    assert (error.code, error.status) == ("InvalidRequestContentException", 400)
    assert error.message == (
        "Could not parse request body into json: Could not parse payload into json: "
        "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at " + SOURCE
    )
    assert under_test.dispatch.invoked == []


@in_loop
async def test_six_megabytes_and_no_more() -> None:
    under_test = await started()
    await under_test.create_active()
    most = b'"' + b"a" * (6291456 - 2) + b'"'
    assert (await under_test.call("Invoke", FunctionName="greet", Payload=most))["StatusCode"] == 200
    error = await under_test.fails("Invoke", FunctionName="greet", Payload=most + b" ")
    assert (error.code, error.status) == ("RequestEntityTooLargeException", 413)
    assert error.message == (
        "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"
    )


@in_loop
async def test_throttled() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.answers = [Throttled("ConcurrentInvocationLimitExceeded", 2)]
    error = await under_test.fails("Invoke", FunctionName="greet")
    assert (error.code, error.status, error.message) == ("TooManyRequestsException", 429, "Rate Exceeded.")
    assert error.fields == {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User"}
    assert error.headers == {"Retry-After": "2"}


@pytest.mark.parametrize("failure", [EnvironmentLost("gone"), ShuttingDown("stopping")])
@in_loop
async def test_a_failure_of_the_platform(failure: Exception) -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.answers = [failure]
    error = await under_test.fails("Invoke", FunctionName="greet")
    assert (error.code, error.status, error.sender_fault) == ("ServiceException", 500, False)


@in_loop
async def test_a_package_that_became_unusable() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.answers = [PackageUnusable("odd")]
    error = await under_test.fails("Invoke", FunctionName="greet")
    assert (error.code, error.status) == ("InvalidZipFileException", 502)
