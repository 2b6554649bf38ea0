"""Whatever arrives is answered, and never as a failure of ours."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gateway.rooms import Issued, State, rooms

from tatami.gateway.asgi import Application
from tatami.gateway.gateway import Gateway
from tatami.kit.clock import VirtualClock
from tatami.wire.http import Request

NOW = 1_800_000_000.0
CLOCK = VirtualClock(NOW)
GATEWAY = Gateway(rooms(State()), Issued(), clock=CLOCK)

odd = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=30)
scope = st.sampled_from(["lambda", "s3", "sqs", "sts", "monitoring", "execute-api", "ec2", "nothing"])
authorizations = st.builds(
    "AWS4-HMAC-SHA256 Credential={}/20270115/us-east-1/{}/aws4_request, SignedHeaders={}, Signature={}".format,
    st.sampled_from(["AKIAADA", "test", "123456789012", ""]),
    scope,
    st.sampled_from(["host", "host;x-amz-date", "", ";"]),
    odd,
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["h", "b.s3.localhost", "lambda.us-east-1.amazonaws.com", "[::1]:1", ":", ""]) | odd,
        "authorization": authorizations | odd,
        "x-amz-date": st.just("20270115T080000Z") | odd,
        "date": odd,
        "x-amz-target": st.sampled_from(["AmazonSQS.SendMessage", "Logs_20140328.PutLogEvents", "."]) | odd,
        "content-type": st.sampled_from(["application/x-www-form-urlencoded", "application/x-amz-json-1.0"]) | odd,
        "smithy-protocol": st.just("rpc-v2-cbor"),
        "content-encoding": st.sampled_from(["gzip", "aws-chunked", "aws-chunked,gzip"]) | odd,
        "x-amz-content-sha256": st.sampled_from(["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"]) | odd,
        "x-amz-decoded-content-length": odd,
        "x-amz-checksum-crc32": odd,
        "content-md5": odd,
    },
)
paths = st.sampled_from(
    ["/", "/2015-03-31/functions", "/2015-03-31/functions/f/invocations", "/b/k", "/service/x/operation/y", "*", ""]
) | odd.map("/".__add__)  # fmt: skip
queries = st.sampled_from(["", "Action=GetCallerIdentity&Version=2011-06-15", "X-Amz-Credential=a/b/c/d/e"]) | odd
bodies = st.sampled_from([b"{}", b"[", b"Action=SendMessage&Version=2012-11-05", b"2\r\nhi\r\n0\r\n\r\n"])
requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"]),
    paths,
    queries,
    headers,
    bodies | st.binary(max_size=60),
)


@settings(deadline=None)
@given(request=requests)
def test_the_gateway_answers(request: Request) -> None:
    response = asyncio.run(GATEWAY.handle(request))

    assert 200 <= response.status < 600
    assert response.status not in (500, 503)
    assert GATEWAY.body_limit(request, None) > 0
    assert GATEWAY.too_large(request, 5).status in (400, 413)


@settings(deadline=None)
@given(request=requests)
def test_the_application_answers(request: Request) -> None:
    """Through ASGI: what comes out can be sent, whatever was in it."""
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode("latin-1"),
        "query_string": request.query.encode("latin-1"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()],
    }
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(Application(GATEWAY, CLOCK)(scope, receive, send))

    assert sent[0]["type"] == "http.response.start"
    assert sent[-1]["more_body"] is False
    found = sent[0]["headers"]
    assert isinstance(found, list)
    assert all(b"\r" not in value and b"\n" not in value for _, value in found)
