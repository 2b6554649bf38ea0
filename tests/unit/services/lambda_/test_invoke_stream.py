"""InvokeWithResponseStream: which events come, in which order."""

from __future__ import annotations

import base64
from typing import Any

from tests.unit.services.lambda_.room_under_test import RoomUnderTest, in_loop, started

from tatami.dispatch.errors import Throttled
from tatami.domain.invocation import Outcome
from tatami.ports.engine import EnvironmentLost


async def events(under_test: RoomUnderTest, **values: Any) -> list[dict[str, Any]]:
    answer = await under_test.call("InvokeWithResponseStream", FunctionName="greet", **values)
    return [event async for event in answer["EventStream"]]


async def active() -> RoomUnderTest:
    under_test = await started()
    await under_test.create_active()
    return under_test


@in_loop
async def test_pieces_and_the_end() -> None:
    under_test = await active()
    under_test.dispatch.streams = [("text/plain", [b"a", b"b"], Outcome(b"", "$LATEST", log_tail=b"log"))]
    answer = await under_test.call("InvokeWithResponseStream", FunctionName="greet", LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert [event async for event in answer["EventStream"]] == [
        {"PayloadChunk": {"Payload": b"ab"}},
        {"InvokeComplete": {"LogResult": base64.b64encode(b"log").decode()}},
    ]
    assert under_test.dispatch.invoked[0][1].log_tail


@in_loop
async def test_an_answer_that_is_not_streamed_is_one_chunk() -> None:
    under_test = await active()
    assert await events(under_test, Payload=b'"x"') == [
        {"PayloadChunk": {"Payload": b'"x"'}},
        {"InvokeComplete": {}},
    ]


@in_loop
async def test_errors_are_told_at_the_end() -> None:
    under_test = await active()
    error = b'{"errorType":"Sandbox.Timedout"}'
    failed = Outcome(error, "$LATEST", "Unhandled", "Sandbox.Timedout")
    complete = {"InvokeComplete": {"ErrorCode": "Sandbox.Timedout", "ErrorDetails": error.decode()}}
    under_test.dispatch.streams = [("text/plain", [b"half"], failed)]
    assert await events(under_test) == [{"PayloadChunk": {"Payload": b"half"}}, complete]
    under_test.dispatch.answers = [failed]
    assert await events(under_test) == [complete]
    under_test.dispatch.streams = [("text/plain", [b"half"], EnvironmentLost("it was stopped"))]
    lost = {"InvokeComplete": {"ErrorCode": "ServiceException", "ErrorDetails": "it was stopped"}}
    assert await events(under_test) == [{"PayloadChunk": {"Payload": b"half"}}, lost]


@in_loop
async def test_a_dry_run_runs_nothing() -> None:
    under_test = await active()
    answer = await under_test.call("InvokeWithResponseStream", FunctionName="greet", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert [event async for event in answer["EventStream"]] == []
    assert not under_test.dispatch.invoked


@in_loop
async def test_refusals() -> None:
    under_test = await active()
    under_test.dispatch.answers = [Throttled("ConcurrentInvocationLimitExceeded")]
    assert (await under_test.fails("InvokeWithResponseStream", FunctionName="greet")).status == 429
    assert (await under_test.fails("InvokeWithResponseStream", FunctionName="other")).status == 404
    broken = await under_test.fails("InvokeWithResponseStream", FunctionName="greet", Payload=b"{")
    assert broken.code == "InvalidRequestContentException"
