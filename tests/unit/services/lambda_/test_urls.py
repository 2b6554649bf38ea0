"""Function URLs on memory adapters: their configuration, who may come in, what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.unit.services.lambda_.room_under_test import ACCOUNT, RoomUnderTest, in_loop, started

from tatami.dispatch.errors import Throttled
from tatami.domain.invocation import MAX_SYNCHRONOUS_PAYLOAD, Outcome
from tatami.frame.operation import Context
from tatami.frame.site import Page, Truncated, Visit
from tatami.ports.engine import EnvironmentLost
from tatami.services.lambda_.function_urls import FunctionUrls
from tatami.wire import sigv4_errors
from tatami.wire.http import Request, Response
from tatami.wire.sigv4 import Style

STREAM = "application/vnd.awslambda.http-integration-response"


async def room_with_url(**config: Any) -> tuple[RoomUnderTest, str]:
    """A room with the function `greet`, whose URL anybody may call; gives the URL's host."""
    under_test = await started()
    await under_test.create_active()
    values = {"FunctionName": "greet", "AuthType": "NONE", **config}
    answer = await under_test.call("CreateFunctionUrlConfig", **values)
    if values["AuthType"] == "NONE":
        await open_to_all(under_test)
    return under_test, answer["FunctionUrl"].removeprefix("http://").rstrip("/")


async def open_to_all(under_test: RoomUnderTest, **values: Any) -> None:
    given = {"StatementId": "all", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", **values}
    await under_test.call("AddPermission", FunctionName="greet", **given)


async def ask(
    under_test: RoomUnderTest,
    host: str,
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    signer: Context | Exception | None = None,
) -> Response:
    """Answer a request; signer: who signed it, or what its signature leads to."""

    async def who() -> Context | None:
        if isinstance(signer, Exception):
            raise signer
        return signer

    request = Request(method, path, "", {"host": host, **(headers or {})}, body)
    site = FunctionUrls(under_test.state)
    assert site.serves(request)
    return await site.answer(Visit(request, "r-1", "127.0.0.1", "HTTP/1.1", who))


async def text(response: Response) -> str:
    body = response.body
    return (body if isinstance(body, bytes) else b"".join([piece async for piece in body])).decode()


@in_loop
async def test_the_life_of_a_url() -> None:
    under_test = await started()
    await under_test.create_active()
    url = {"FunctionName": "greet"}
    cors = {"AllowOrigins": ["*"], "MaxAge": 5}
    created = await under_test.call("CreateFunctionUrlConfig", AuthType="NONE", Cors=cors, **url)
    assert created["FunctionUrl"].endswith(".lambda-url.us-east-1.localhost:4566/")
    assert created["Cors"] == cors
    assert not {"InvokeMode", "LastModifiedTime"} & set(created)
    await under_test.clock.advance(5)
    updated = await under_test.call("UpdateFunctionUrlConfig", InvokeMode="RESPONSE_STREAM", **url)
    assert updated["InvokeMode"] == "RESPONSE_STREAM"
    assert updated["LastModifiedTime"] > updated["CreationTime"] == created["CreationTime"]
    found = await under_test.call("GetFunctionUrlConfig", **url)
    assert found == updated
    assert await under_test.call("UpdateFunctionUrlConfig", Cors={}, **url) == {
        name: value for name, value in updated.items() if name not in ("Cors", "InvokeMode")
    }
    assert (await under_test.call("GetFunctionUrlConfig", **url))["InvokeMode"] == "RESPONSE_STREAM"
    await under_test.call("DeleteFunctionUrlConfig", **url)
    for operation in ("GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig"):
        assert (await under_test.fails(operation, **url)).message == "The resource you requested does not exist."
    again = await under_test.call("CreateFunctionUrlConfig", AuthType="NONE", **url)
    assert again["FunctionUrl"] != created["FunctionUrl"]


@in_loop
async def test_what_cannot_have_a_url() -> None:
    under_test = await started()
    await under_test.create_active()
    for values in ({"FunctionName": "other"}, {"FunctionName": "greet", "Qualifier": "alias"}):
        error = await under_test.fails("CreateFunctionUrlConfig", AuthType="NONE", **values)
        assert (error.status, error.message) == (404, "Function does not exist")


@in_loop
async def test_the_list_comes_in_pages() -> None:
    under_test, _ = await room_with_url()
    listed = await under_test.call("ListFunctionUrlConfigs", FunctionName="greet", MaxItems=1)
    assert len(listed["FunctionUrlConfigs"]) == 1
    assert "NextMarker" not in listed
    assert (await under_test.fails("ListFunctionUrlConfigs", FunctionName="greet", Marker="x")).status == 400


@in_loop
async def test_a_function_takes_its_url_and_policy_with_it() -> None:
    under_test, host = await room_with_url()
    assert (await ask(under_test, host)).status == 200
    await under_test.call("DeleteFunction", FunctionName="greet")
    assert (await ask(under_test, host)).status == 403
    await under_test.create_active()
    assert (await under_test.fails("GetPolicy", FunctionName="greet")).status == 404
    assert (await under_test.fails("GetFunctionUrlConfig", FunctionName="greet")).status == 404


@in_loop
async def test_a_request_becomes_an_event_and_its_answer_a_response() -> None:
    under_test, host = await room_with_url()
    answer = {"statusCode": 201, "headers": {"X-A": "b"}, "cookies": ["c=d"], "body": "made"}
    under_test.dispatch.answers = [Outcome(json.dumps(answer).encode(), "$LATEST")]
    page = await ask(under_test, host, "POST", "/x", {"content-type": "text/plain"}, b"hello")
    assert isinstance(page, Page)
    assert (page.status, page.body, page.cookies) == (201, b"made", ("c=d",))
    assert page.headers["x-a"] == "b"
    assert page.headers["x-amzn-requestid"] == "r-1"
    function, invocation = under_test.dispatch.invoked[0]
    event = json.loads(invocation.payload)
    assert (function.name, invocation.request_id) == ("greet", "r-1")
    assert (event["body"], event["rawPath"], event["requestContext"]["accountId"]) == ("hello", "/x", "anonymous")
    assert page.headers["x-amzn-trace-id"] == event["headers"]["x-amzn-trace-id"] == invocation.trace_id


@in_loop
async def test_by_path_and_by_aws_name() -> None:
    under_test, host = await room_with_url()
    url_id = host.partition(".")[0]
    for where, path in (("box:4566", f"/_tatami/url/{url_id}/a"), (f"{url_id}.lambda-url.us-east-1.on.aws", "/a")):
        assert (await ask(under_test, where, path=path)).status == 200
        assert json.loads(under_test.dispatch.invoked[-1][1].payload)["rawPath"] == "/a"


@in_loop
async def test_who_may_not_come_in() -> None:
    under_test, host = await room_with_url()
    await under_test.call("RemovePermission", FunctionName="greet", StatementId="all")
    forbidden = await ask(under_test, host)
    assert forbidden.status == 403
    assert forbidden.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert "Forbidden. For troubleshooting" in await text(forbidden)
    await open_to_all(under_test, FunctionUrlAuthType="AWS_IAM")
    assert (await ask(under_test, host)).status == 403
    assert (await ask(under_test, f"{'0' * 32}.lambda-url.us-east-1.localhost")).status == 403
    assert not under_test.dispatch.invoked


@in_loop
async def test_a_url_for_signed_requests() -> None:
    under_test, host = await room_with_url(AuthType="AWS_IAM")
    own = Context(ACCOUNT, "us-east-1", "r-1", access_key="AKID", caller_arn="arn:aws:iam::0:user/u", user_id="AIDA")
    other = Context("123456789012", "us-east-1", "r-1", caller_arn="arn:aws:iam::123456789012:user/u")
    assert (await ask(under_test, host)).status == 403
    assert (await ask(under_test, host, signer=other)).status == 403
    wrong = await ask(under_test, host, signer=sigv4_errors.unknown_key(Style.REST, "AKID"))
    assert (wrong.status, wrong.headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")
    assert (await ask(under_test, host, signer=own)).status == 200
    context = json.loads(under_test.dispatch.invoked[0][1].payload)["requestContext"]
    assert (context["accountId"], context["authorizer"]["iam"]["accessKey"]) == (ACCOUNT, "AKID")
    await open_to_all(under_test, Principal="123456789012")
    assert (await ask(under_test, host, signer=other)).status == 200


@in_loop
async def test_a_preflight_is_answered_without_the_function_or_a_name() -> None:
    under_test, host = await room_with_url(AuthType="AWS_IAM", Cors={"AllowOrigins": ["https://a.example"]})
    question = {"origin": "https://a.example", "access-control-request-method": "GET"}
    page = await ask(under_test, host, "OPTIONS", headers=question)
    assert (page.status, page.headers["access-control-allow-origin"]) == (200, "https://a.example")
    assert not under_test.dispatch.invoked


@in_loop
async def test_cors_headers_replace_those_of_the_function() -> None:
    under_test, host = await room_with_url(Cors={"AllowOrigins": ["https://a.example"]})
    answer = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    under_test.dispatch.answers = [Outcome(json.dumps(answer).encode(), "$LATEST")]
    page = await ask(under_test, host, headers={"origin": "https://a.example"})
    assert page.headers["access-control-allow-origin"] == "https://a.example"


@in_loop
async def test_what_goes_wrong() -> None:
    under_test, host = await room_with_url()
    under_test.dispatch.answers = [
        Outcome(b'{"errorMessage":"secret"}', "$LATEST", "Unhandled", "ValueError"),
        Outcome(b'{"statusCode":"?"}', "$LATEST"),
        Throttled("ConcurrentInvocationLimitExceeded"),
        EnvironmentLost("gone"),
    ]
    failed, wrong, throttled, lost = [await ask(under_test, host) for _ in range(4)]
    assert (failed.status, await text(failed)) == (502, "Internal Server Error")
    assert (wrong.status, await text(wrong)) == (502, "Internal Server Error")
    assert (throttled.status, throttled.headers["retry-after"]) == (429, "1")
    assert lost.status == 500


@in_loop
async def test_too_large() -> None:
    under_test, host = await room_with_url()
    # In base64 this is larger than an event may be, though as a body it is not.
    large = await ask(under_test, host, "POST", body=b"x" * (MAX_SYNCHRONOUS_PAYLOAD - 1))
    assert (large.status, large.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert FunctionUrls(under_test.state).too_large("r").status == 413


@in_loop
async def test_a_stream_with_a_prelude() -> None:
    under_test, host = await room_with_url(InvokeMode="RESPONSE_STREAM")
    under_test.dispatch.streams = [
        (STREAM, [b'{"statusCode":202,"cookies":["a=b"]}', b"\0" * 8 + b"one ", b"two"], None)
    ]
    page = await ask(under_test, host)
    assert isinstance(page, Page)
    assert (page.status, page.cookies, await text(page)) == (202, ("a=b",), "one two")


@in_loop
async def test_other_streams() -> None:
    under_test, host = await room_with_url(InvokeMode="RESPONSE_STREAM")
    under_test.dispatch.streams = [
        ("text/css", [b"as it is"], None),
        (STREAM, [b"no prelude"], None),
        (STREAM, [b'{"statusCode":', b'"x"}' + b"\0" * 8], None),
    ]
    plain = await ask(under_test, host)
    assert (plain.status, plain.headers["content-type"], await text(plain)) == (200, "text/css", "as it is")
    assert (await ask(under_test, host)).status == 502
    assert (await ask(under_test, host)).status == 502
    under_test.dispatch.answers = [Outcome(b'{"statusCode":201}', "$LATEST"), Outcome(b"", "$LATEST", "Unhandled", "E")]
    whole = await ask(under_test, host)
    assert (whole.status, await text(whole)) == (200, '{"statusCode":201}'), "not streamed, so not looked into"
    assert (await ask(under_test, host)).status == 502


@in_loop
async def test_who_wants_only_the_head_does_not_hold_the_function_up() -> None:
    under_test, host = await room_with_url(InvokeMode="RESPONSE_STREAM")
    under_test.dispatch.streams = [("text/css", [b"x" * 100_000], None)]
    page = await ask(under_test, host, "HEAD")
    assert (page.status, page.headers["content-type"], page.body) == (200, "text/css", b"")


@in_loop
async def test_a_stream_that_breaks_off_cuts_the_connection() -> None:
    under_test, host = await room_with_url(InvokeMode="RESPONSE_STREAM")
    timed_out = Outcome(b"{}", "$LATEST", "Unhandled", "Sandbox.Timedout")
    under_test.dispatch.streams = [("a/b", [b"half"], timed_out), ("a/b", [b"half"], EnvironmentLost("gone"))]
    for _ in range(2):
        page = await ask(under_test, host)
        received, cut = b"", False
        assert not isinstance(page.body, bytes)
        try:
            async for piece in page.body:
                received += piece
        except Truncated:
            cut = True
        assert (received, cut) == (b"half", True)


@in_loop
async def test_permissions() -> None:
    under_test = await started()
    await under_test.create_active()
    await open_to_all(under_test)
    policy = await under_test.call("GetPolicy", FunctionName="greet")
    assert [statement["Sid"] for statement in json.loads(policy["Policy"])["Statement"]] == ["all"]
    stale = await under_test.fails("RemovePermission", FunctionName="greet", StatementId="all", RevisionId="x")
    assert stale.code == "PreconditionFailedException"
    await under_test.call("RemovePermission", FunctionName="greet", StatementId="all", RevisionId=policy["RevisionId"])
    missing = await under_test.fails("RemovePermission", FunctionName="greet", StatementId="all")
    assert missing.message == "No policy is associated with the given resource."
