"""The Runtime API against runtimes that speak strangely."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from tests.scenarios.scripted_runtime import Runtime, Script, echo
from tests.scenarios.scripted_wire import RUNTIME, Reply, Wire, chunked, request
from tests.scenarios.stage import Stage, played, said

from tatami.domain.invocation import MAX_RESPONSE_PAYLOAD, UNHANDLED
from tatami.kit.clock import settle

STREAMING = {"Lambda-Runtime-Function-Response-Mode": "streaming"}


def refused(reply: Reply, status: int, error_type: str) -> str:
    """The message of a refusal."""
    body = json.loads(reply.body)
    assert (reply.status, body["errorType"]) == (status, error_type), reply
    assert set(body) == {"errorMessage", "errorType"}
    message: str = body["errorMessage"]
    return message


@pytest.mark.parametrize("as_chunks", [False, True])
@played
async def test_a_response_that_is_too_large(tmp_path: Path, as_chunks: bool) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        if as_chunks:
            await runtime.wire.send(chunked(runtime.path("response"), [b"x" * 1_000_000] * 7))
            reply = await runtime.wire.reply()
        else:
            reply = await runtime.respond(b"x" * (MAX_RESPONSE_PAYLOAD + 1))
        message = refused(reply, 413, "RequestEntityTooLarge")
        assert message == "Exceeded maximum allowed payload size (6291556 bytes)."
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        outcome = await stage.invoke(environment)
        assert said(outcome) == {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        }
        assert (outcome.function_error, outcome.error_type) == (UNHANDLED, "Function.ResponseSizeTooLarge")
        assert "Status: error\tError Type: Function.ResponseSizeTooLarge" in stage.line("REPORT")
        assert (await stage.invoke(environment, b"1")).payload == b"1", "the process goes on"


@played
async def test_the_largest_response_passes(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        assert (await runtime.respond(b"x" * MAX_RESPONSE_PAYLOAD)).status == 202
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert len((await stage.invoke(await stage.start())).payload) == MAX_RESPONSE_PAYLOAD


@played
async def test_a_large_response_out_of_place_ends_nothing(tmp_path: Path) -> None:
    large = b"x" * (MAX_RESPONSE_PAYLOAD + 1)

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        refused(await runtime.respond(large, "another"), 400, "InvalidRequestID")
        assert (await runtime.respond(b'"mine"')).status == 202
        refused(await runtime.respond(large), 403, "InvalidStateTransition")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start())).payload == b'"mine"'


@played
async def test_half_a_response_is_a_function_error(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.send_half_a_response()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        outcome = await stage.invoke(environment)
        assert outcome.error_type == said(outcome)["errorType"] == "Runtime.TruncatedResponse"
        assert "Status: error\tError Type: Runtime.TruncatedResponse" in stage.line("REPORT")
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_answers_to_the_wrong_request_are_refused(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        event = await runtime.ask_next()
        message = refused(await runtime.respond(b"1", "00000000-0000-0000-0000-000000000000"), 400, "InvalidRequestID")
        assert message == "Invalid request ID"
        wrong = {"Lambda-Runtime-Invocation-Id": "not-this-attempt"}
        refused(await runtime.respond(b"2", headers=wrong), 400, "InvalidInvocationId")
        right = {"Lambda-Runtime-Invocation-Id": event.headers["lambda-runtime-invocation-id"]}
        assert (await runtime.respond(b"3", headers=right)).status == 202
        await runtime.ask_next()
        refused(await runtime.respond(b"4", event.request_id), 400, "InvalidRequestID")
        await runtime.respond(b"5")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        assert (await stage.invoke(environment)).payload == b"3"
        assert (await stage.invoke(environment)).payload == b"5"


@played
async def test_a_second_answer_is_refused(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.respond(b"1")
        message = refused(await runtime.respond(b"2"), 403, "InvalidStateTransition")
        assert message == (
            "State transition from ResponseSent to InvocationResponse failed for runtime. "
            "Error: State transition is not allowed"
        )
        refused(await runtime.fail(b"{}"), 403, "InvalidStateTransition")
        refused(await runtime.fail_init(b"{}"), 403, "InvalidStateTransition")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start())).payload == b"1"


@played
async def test_answers_before_any_question_are_refused(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        refused(await runtime.respond(b"1", "r-1"), 400, "InvalidRequestID")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start(), b"2")).payload == b"2"


@played
async def test_asking_again_in_the_middle_gives_the_same_event(tmp_path: Path) -> None:
    """AWS's supervisor lets a running runtime read its event again (core/states.go, RuntimeRunningState.Ready)."""

    async def script(runtime: Runtime) -> None:
        first = await runtime.ask_next()
        again = await runtime.ask_next()
        assert (first.request_id, first.body, first.headers) == (again.request_id, again.body, again.headers)
        await runtime.respond(again.body)
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        assert (await stage.invoke(environment, b"1")).payload == b"1"
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_a_question_whose_connection_broke_is_asked_again(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        for _ in range(3):
            await runtime.wire.send(request("GET", f"{RUNTIME}/invocation/next"))
            await settle()
            runtime.wire.hang_up()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        for number in (b"1", b"2"):
            assert (await stage.invoke(environment, number)).payload == number


@played
async def test_an_event_that_was_written_to_a_broken_connection_is_read_again(tmp_path: Path) -> None:
    assigned = asyncio.Event()

    async def script(runtime: Runtime) -> None:
        await runtime.wire.send(request("GET", f"{RUNTIME}/invocation/next"))
        await assigned.wait()
        runtime.wire.hang_up()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        running = stage.invoking(environment, b"1")
        await settle()
        assigned.set()
        assert (await running).payload == b"1"


@played
async def test_an_event_goes_to_one_of_two_questions_and_the_other_waits(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        other = Wire(runtime.process.spec.variables["AWS_LAMBDA_RUNTIME_API"])
        asked = asyncio.ensure_future(other.call("GET", f"{RUNTIME}/invocation/next"))
        mine = asyncio.ensure_future(runtime.wire.call("GET", f"{RUNTIME}/invocation/next"))
        served, waiting = await asyncio.wait({asked, mine}, return_when=asyncio.FIRST_COMPLETED)
        assert (len(served), len(waiting)) == (1, 1)
        (first,) = served
        wire = other if first is asked else runtime.wire
        await settle()
        assert not next(iter(waiting)).done()
        path = runtime.path("response", first.result().headers["lambda-runtime-aws-request-id"])
        assert (await wire.call("POST", path, body=first.result().body)).status == 202
        next(iter(waiting)).cancel()
        other.hang_up()
        runtime.wire.hang_up()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        assert (await stage.invoke(environment, b"1")).payload == b"1"
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_unknown_paths_and_methods(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        call = runtime.wire.call
        for path in ("/", "/2018-06-01/", f"{RUNTIME}/nothing", f"{RUNTIME}/invocation//response", "/2015-01-01/x?a=b"):
            assert (await call("GET", path)).status == 404, path
        assert (await call("POST", f"{RUNTIME}/invocation/next")).status == 405
        assert (await call("GET", f"{RUNTIME}/invocation/r-1/response")).status == 405
        assert (await call("DELETE", f"{RUNTIME}/init/error")).status == 405
        assert (await call("GET", f"{RUNTIME}/restore/next")).status == 404
        pong = await call("GET", "/ping")
        assert (pong.status, pong.body) == (200, b"pong")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start(), b"1")).payload == b"1"


@played
async def test_what_is_no_http_is_refused_and_hung_up(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.wire.send(b"\x16\x03\x01 this is TLS, say\r\n\r\n")
        assert (await runtime.wire.reply()).status == 400
        assert await runtime.wire.closed_by_peer()
        runtime.wire.hang_up()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start(), b"1")).payload == b"1"


@played
async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        event = await runtime.ask_next()
        path = runtime.path("response")
        whole = request("GET", "/ping") + request("POST", path, body=event.body) + request("GET", f"{RUNTIME}/none")
        for at in range(0, len(whole), 7):
            await runtime.wire.send(whole[at : at + 7])
        assert [(await runtime.wire.reply()).status for _ in range(3)] == [200, 202, 404]
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start(), b"[1]")).payload == b"[1]"


@played
async def test_a_connection_that_is_to_be_closed_is_closed_after_the_answer(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        assert (await runtime.respond(b"1", headers={"Connection": "close"})).status == 202
        assert await runtime.wire.closed_by_peer()
        runtime.wire.hang_up()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start())).payload == b"1"


def in_chunks(headers: dict[str, str]) -> Script:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.wire.send(chunked(runtime.path("response"), [b'{"a"', b":", b"1}"], headers))
        assert (await runtime.wire.reply()).status == 202
        await echo(runtime)

    return script


@pytest.mark.parametrize("headers", [{}, STREAMING, {**STREAMING, "Content-Type": "text/plain"}])
@played
async def test_a_response_in_chunks(tmp_path: Path, headers: dict[str, str]) -> None:
    async with Stage(tmp_path, in_chunks(headers)) as stage:
        assert (await stage.invoke(await stage.start())).payload == b'{"a":1}'


@played
async def test_a_chunked_response_that_breaks_off(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.wire.send(chunked(runtime.path("response"), [b"abc"], STREAMING)[:-5])
        runtime.wire.hang_up()
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start())).error_type == "Runtime.TruncatedResponse"


@played
async def test_a_client_that_waits_for_100_continue(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        event = await runtime.ask_next()
        whole = request("POST", runtime.path("response"), {"Expect": "100-continue"}, event.body)
        head, _, body = whole.partition(b"\r\n\r\n")
        await runtime.wire.send(head + b"\r\n\r\n")
        assert (await runtime.wire.reply()).status == 100
        await runtime.wire.send(body)
        assert (await runtime.wire.reply()).status == 202
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        assert (await stage.invoke(await stage.start(), b"[7]")).payload == b"[7]"


@played
async def test_a_streamed_response_with_an_error_in_its_trailers(tmp_path: Path) -> None:
    error = b'{"errorType":"StreamBroke","errorMessage":"half way"}'
    trailers = {
        "Lambda-Runtime-Function-Error-Type": "Runtime.StreamBroke",
        "Lambda-Runtime-Function-Error-Body": base64.b64encode(error).decode(),
    }

    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.wire.send(chunked(runtime.path("response"), [b"first half"], STREAMING, trailers))
        assert (await runtime.wire.reply()).status == 202
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        outcome = await stage.invoke(await stage.start())
        assert (outcome.payload, outcome.error_type) == (error, "Runtime.StreamBroke")


@played
async def test_an_unknown_response_mode_is_a_function_error(tmp_path: Path) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.ask_next()
        mode = {"Lambda-Runtime-Function-Response-Mode": "sideways"}
        refused(await runtime.respond(b"1", headers=mode), 400, "InvalidFunctionResponseMode")
        await echo(runtime)

    async with Stage(tmp_path, script) as stage:
        environment = await stage.start()
        outcome = await stage.invoke(environment)
        assert outcome.error_type == said(outcome)["errorType"] == "Runtime.InvalidResponseModeHeader"
        assert (await stage.invoke(environment, b"2")).payload == b"2"
