"""The list of steps, one request at a time, without a server."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.gateway.rooms import ACCOUNT, ARN, KEY, SECRET, Issued, State, rooms

from tatami.frame.errors import AwsError
from tatami.frame.operation import Context
from tatami.gateway import refusals
from tatami.gateway.access import Access
from tatami.gateway.gateway import LAMBDA_BODY_LIMIT, Gateway, Special
from tatami.kit.clock import VirtualClock
from tatami.wire import checksums, sigv4
from tatami.wire.http import Request, Response
from tatami.wire.models import load_service
from tatami.wire.sigv4 import Credentials

NOW = 1_800_000_000.0
DEFAULT = "000000000000"
ID = "11111111-2222-4333-8444-555555555555"


class Scene:
    """A gateway over the small rooms."""

    def __init__(self, **options: Any) -> None:
        self.state = State()
        settings = {"clock": VirtualClock(NOW), "ids": lambda: ID, **options}
        self.gateway = Gateway(rooms(self.state), Issued(), **settings)

    def ask(self, request: Request) -> Response:
        return asyncio.run(self.gateway.handle(request))

    @property
    def context(self) -> Context:
        return self.state.calls[-1][0]


def signed(
    method: str,
    path: str,
    *,
    service: str = "lambda",
    query: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    key: str = KEY,
    secret: str = SECRET,
    region: str = "eu-west-1",
    payload: str = "",
) -> Request:
    bare = Request(method, path, query, {"host": "127.0.0.1:4566", **(headers or {})}, body)
    return sigv4.sign(bare, Credentials(key, secret), region, service, NOW, payload=payload)


def invocation(name: str = "f", **options: Any) -> Request:
    return signed("POST", f"/2015-03-31/functions/{name}/invocations", body=b'{"a":1}', **options)


def query_form(body: bytes, **options: Any) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return signed("POST", "/", service="sts", body=body, headers=headers, **options)


def text(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def test_a_call_and_its_context() -> None:
    scene = Scene()
    response = scene.ask(invocation(headers={"x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793"}))

    assert (response.status, text(response)) == (200, '{"a":1}')
    assert response.headers["x-amzn-RequestId"] == ID
    assert scene.context == Context(
        account=ACCOUNT,
        region="eu-west-1",
        request_id=ID,
        access_key=KEY,
        caller_arn=ARN,
        user_id="AIDAADA",
        endpoint="http://127.0.0.1:4566",
        partition="aws",
        trace_id="Root=1-5759e988-bd862e3fe1be46a994272793",
    )
    assert scene.state.calls[-1][1] == {"FunctionName": "f", "Payload": b'{"a":1}'}


@pytest.mark.parametrize(
    ("key", "account", "region", "partition"),
    [("123456789012", "123456789012", "us-gov-east-1", "aws-us-gov"), ("test", DEFAULT, "cn-north-1", "aws-cn")],
)
def test_strangers_get_an_account_by_their_key(key: str, account: str, region: str, partition: str) -> None:
    scene = Scene()
    scene.ask(invocation(key=key, region=region))

    assert (scene.context.account, scene.context.user_id) == (account, account)
    assert scene.context.caller_arn == f"arn:{partition}:iam::{account}:root"


@pytest.mark.parametrize("access", Access)
def test_signature_errors_have_the_shape_of_the_service(access: Access) -> None:
    scene = Scene(access=access)

    rest = scene.ask(invocation(secret="wrong"))
    assert (rest.status, rest.headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    assert json.loads(text(rest))["message"].startswith("The request signature we calculated does not match")
    query = scene.ask(query_form(b"Action=GetCallerIdentity&Version=2011-06-15", secret="wrong"))
    assert query.status == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in text(query)
    s3 = scene.ask(signed("GET", "/bucket/key", service="s3", secret="wrong"))
    assert s3.status == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in text(s3)
    assert f"<AWSAccessKeyId>{KEY}</AWSAccessKeyId>" in text(s3)
    target = {"x-amz-target": "AmazonSQS.SendMessage", "content-type": "application/x-amz-json-1.0"}
    rpc = scene.ask(signed("POST", "/", service="sqs", headers=target, body=b"{}", secret="wrong"))
    assert rpc.status == 400
    assert "InvalidSignatureException" in text(rpc)
    assert scene.state.calls == []


def test_the_clock_is_the_gateways() -> None:
    scene = Scene(clock=VirtualClock(NOW + 20 * 60))

    assert "Signature expired: 20270115T080000Z" in text(scene.ask(invocation()))
    assert "RequestTimeTooSkewed" in text(scene.ask(signed("GET", "/bucket/key", service="s3")))


def test_enforce_refuses_strangers() -> None:
    response = Scene(access=Access.ENFORCE).ask(invocation(key="123456789012"))

    assert (response.status, response.headers["x-amzn-ErrorType"]) == (403, "UnrecognizedClientException")


def test_unsigned_requests() -> None:
    scene = Scene(access=Access.ENFORCE)
    bare = Request("POST", "/2015-03-31/functions/f/invocations", "", {"host": "h"}, b"{}")

    refused = scene.ask(bare)
    assert (refused.status, refused.headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")
    form = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/r"
    form += b"&RoleSessionName=session&WebIdentityToken=token"
    headers = {"host": "h", "content-type": "application/x-www-form-urlencoded"}
    assert scene.ask(Request("POST", "/", "", headers, form)).status == 200
    assert (scene.context.account, scene.context.access_key) == (DEFAULT, "")


def test_the_scope_must_name_the_service() -> None:
    headers = {"x-amz-target": "AmazonSQS.SendMessage", "content-type": "application/x-amz-json-1.0"}
    response = Scene().ask(signed("POST", "/", service="lambda", headers=headers, body=b"{}"))

    assert response.status == 400
    assert "Credential should be scoped to correct service: 'sqs'" in text(response)


def test_the_authorizer_decides() -> None:
    class Nobody:
        async def allow(self, context: Context, service: str, operation: str) -> None:
            raise AwsError("AccessDeniedException", f"{context.caller_arn} may not {service}:{operation}", 403)

    scene = Scene(authorizer=Nobody())
    response = scene.ask(invocation())

    assert (response.status, response.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert f"{ARN} may not lambda:Invoke" in text(response)
    assert scene.state.calls == []


def test_a_rooms_error_with_its_fields_and_headers() -> None:
    scene = Scene()

    missing = scene.ask(invocation("missing"))
    assert (missing.status, missing.headers["x-amzn-ErrorType"]) == (404, "ResourceNotFoundException")
    assert json.loads(text(missing)) == {
        "Type": "User",
        "Message": f"Function not found: arn:aws:lambda:eu-west-1:{ACCOUNT}:function:missing",
    }
    throttled = scene.ask(invocation("throttled"))
    assert throttled.status == 429
    assert {name.lower(): value for name, value in throttled.headers.items()}["retry-after"] == "1"
    assert json.loads(text(throttled))["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_an_unexpected_error_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = Scene().ask(invocation("broken"))

    assert (response.status, response.headers["x-amzn-ErrorType"]) == (500, "ServiceException")
    assert "secret" not in text(response)
    assert response.headers["x-amzn-RequestId"] == ID
    assert ID in caplog.text
    assert "ValueError: the room's secret" in caplog.text


def test_constraints_of_the_model() -> None:
    response = Scene().ask(signed("GET", "/2015-03-31/functions", query="MaxItems=0"))

    assert (response.status, response.headers["x-amzn-ErrorType"]) == (400, "ValidationException")
    assert json.loads(text(response))["message"].startswith(
        "1 validation error detected: Value '0' at 'maxItems' failed"
    )


def test_a_room_may_check_members_itself() -> None:
    scene = Scene()
    layers = "/2018-10-31/layers"
    refused = scene.ask(signed("GET", layers, query="CompatibleRuntime=nonsense&MaxItems=0"))
    assert json.loads(text(refused))["message"].startswith("1 validation error detected: Value '0' at 'maxItems'")

    assert scene.ask(signed("GET", layers, query="CompatibleRuntime=nonsense")).status == 200
    assert scene.state.calls[-1][1] == {"CompatibleRuntime": "nonsense"}
    form = b"Action=AssumeRole&Version=2011-06-15&RoleSessionName=%3F"
    assert "Value null at" not in text(scene.ask(query_form(form)))
    assert scene.state.calls[-1][1] == {"RoleSessionName": "?"}


@pytest.mark.parametrize(
    ("service", "operation", "protocol", "code"),
    [
        ("lambda", "ListLayers", "rest-json", "ValidationException"),
        ("sns", "Publish", "query", "ValidationError"),
        ("sts", "AssumeRole", "query", "ValidationError"),
        ("logs", "DeleteMetricFilter", "json", "InvalidParameterException"),
        ("logs", "PutDeliveryDestination", "json", "ValidationException"),
        ("events", "PutRule", "json", "ValidationException"),
    ],
)
def test_codes_of_broken_constraints_as_recorded(service: str, operation: str, protocol: str, code: str) -> None:
    model = load_service(service).operations[operation]

    assert refusals.invalid(model, protocol, "text").code == code


def test_a_malformed_body() -> None:
    request = signed("POST", "/2015-03-31/functions", body=b"{", headers={"content-type": "application/json"})

    assert 400 <= Scene().ask(request).status < 500


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (signed("GET", "/2015-03-31/functions/f"), "lambda:GetFunction"),
        (signed("GET", "/clusters", service="kafka"), "kafka:"),
    ],
)
def test_what_is_not_built_is_refused_by_name(request_: Request, name: str) -> None:
    path = "/v1/clusters" if name == "kafka:" else request_.path
    scene = Scene()
    response = scene.ask(signed("GET", path, service=name.partition(":")[0]))

    assert response.status == 501
    assert f"Tatami does not implement {name}" in text(response)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (signed("GET", "/2099-01-01/nothing"), 404, "UnknownOperationException"),
        (signed("GET", "/", service="nonsense"), 404, "UnknownOperationException"),
        (query_form(b"Action=Nonsense&Version=2011-06-15"), 400, "InvalidAction"),
        (
            signed("POST", "/", service="sqs", headers={"x-amz-target": "AmazonSQS.Nonsense"}),
            404,
            "UnknownOperationException",
        ),
    ],
)
def test_what_does_not_exist(asked: Request, status: int, code: str) -> None:
    response = Scene().ask(asked)

    assert response.status == status
    assert code in text(response) + response.headers.get("x-amzn-ErrorType", "")


def test_chunked_uploads_arrive_plain() -> None:
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + checksums.checksum("crc32", b"hello").encode() + b"\r\n\r\n"
    headers = {
        "content-encoding": "gzip,aws-chunked",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    request = signed("PUT", "/bucket/key", service="s3", headers=headers, body=body, payload=mode)
    scene = Scene()

    assert scene.ask(request).status == 200
    values = scene.state.calls[-1][1]
    assert (values["Body"], values["ContentEncoding"]) == (b"hello", "gzip")
    assert values["ChecksumCRC32"] == checksums.checksum("crc32", b"hello")
    damaged = scene.ask(replace(request, body=body.replace(b"hello", b"hallo")))
    assert damaged.status == 400
    assert "<Code>BadDigest</Code><Message>The CRC32 you specified did not match" in text(damaged)
    assert "IncompleteBody" in text(scene.ask(replace(request, body=body[:7])))


def test_checksums_of_plain_bodies() -> None:
    headers = {"x-amz-checksum-sha256": checksums.checksum("sha256", b"other")}
    response = Scene().ask(signed("PUT", "/bucket/key", service="s3", headers=headers, body=b"body"))

    assert "<Code>BadDigest</Code>" in text(response)
    md5 = Scene().ask(signed("PUT", "/bucket/key", service="s3", headers={"content-md5": "x"}, body=b"body"))
    assert "<Code>InvalidDigest</Code>" in text(md5)


def test_limits_of_bodies() -> None:
    gateway = Scene(body_limit=200_000_000).gateway
    upload = signed("POST", "/2015-03-31/functions")

    assert gateway.body_limit(upload, LAMBDA_BODY_LIMIT + 1) == LAMBDA_BODY_LIMIT
    assert gateway.body_limit(upload, None) == LAMBDA_BODY_LIMIT
    assert gateway.body_limit(signed("PUT", "/b/k", service="s3"), None) == 200_000_000
    assert gateway.body_limit(Request("GET", "/"), None) == 200_000_000
    refused = gateway.too_large(upload, LAMBDA_BODY_LIMIT)
    assert (refused.status, refused.headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    assert "Request must be smaller than 70167211 bytes for the CreateFunction operation" in text(refused)
    assert "EntityTooLarge" in text(gateway.too_large(signed("PUT", "/b/k", service="s3"), 5))


def test_special_pages() -> None:
    async def health(request: Request) -> Response:
        return Response(200, {}, b"fine")

    async def broken(request: Request) -> Response:
        raise ValueError("secret")

    scene = Scene(
        special=[
            Special("/_tatami/health", health),
            Special("/_tatami/private", health, signed=True),
            Special("/_tatami/broken", broken),
        ]
    )

    def get(path: str) -> Request:
        return Request("GET", path, "", {"host": "h"})

    assert scene.ask(get("/_tatami/health")).body == b"fine"
    assert scene.ask(get("/_tatami/nothing")).status == 404
    assert scene.ask(get("/_tatami/private")).status == 403
    assert scene.ask(signed("GET", "/_tatami/private", service="tatami")).body == b"fine"
    failed = scene.ask(get("/_tatami/broken"))
    assert failed.status == 500
    assert "secret" not in text(failed)


def test_repr() -> None:
    assert repr(Scene().gateway) == "<Gateway access=open rooms=lambda,s3,sqs,sts>"
