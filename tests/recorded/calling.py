"""
Calls with the real client, answered in this process.

`Caller` is what the replaying tests use: `call("CreateLogGroup", logGroupName="g")` is what botocore's client
returns, or `ClientError.response` when the call failed: the shape that `matching.match` compares. `client_caller`
makes one of any botocore client; give it one whose `endpoint_url` is a running platform and the same tests go through
everything.

`room_client` makes a client of one room that never opens a connection: botocore serialises, the wire routes and
decodes, the room acts, the wire encodes, botocore parses. Left out is what the gateway adds: signatures, policies and
the constraints of the service model.
"""

from __future__ import annotations

import asyncio
import io
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from tatami.frame.errors import AwsError
from tatami.frame.operation import Context, Room
from tatami.wire.http import Request, Response
from tatami.wire.protocols import codec
from tatami.wire.routing import identify


class Caller(Protocol):
    """Calls one service."""

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer of `operation`, also when it is an error."""
        ...


def client_caller(client: Any) -> Caller:
    """A caller of a botocore client."""
    methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(client, methods[operation])(**parameters)
        except ClientError as error:
            return dict(error.response)
        return answer

    return call


def room_client(room: Room, context: Context, runner: asyncio.Runner) -> Any:
    """A botocore client of `room`, for the caller of `context`, without a network."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=context.region)
    once = Config(retries={"total_max_attempts": 1})
    client = session.client(room.service, endpoint_url="http://localhost:1", config=once)

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers.setdefault("host", url.netloc)
        answered = _perform(room, context, Request(request.method, url.path, url.query, headers, _body(request.body)))
        status, head, body = runner.run(answered)
        return AWSResponse(request.url, status, head, _Raw(body))

    client.meta.events.register("before-send", send)
    return client


async def _perform(room: Room, context: Context, request: Request) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and whole body of the answer."""
    target = identify(request)
    operation, speech = target.operation, codec(target.protocol)
    try:
        values = speech.decode(operation, request, target.path_values)
        answer = await room.call(context, operation.name, values)
        response = speech.encode(operation, answer, context.request_id)
    except AwsError as error:
        fault, fields = error.sender_fault, error.fields
        response = speech.encode_error(
            operation, target.service, error.code, error.message, error.status, fault, fields, context.request_id
        )
        response.headers.update(error.headers)
    return response.status, response.headers, await _whole(response)


async def _whole(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return b"".join([piece async for piece in response.body])


class _Raw(io.BytesIO):
    """What botocore reads a body from."""

    def stream(self, **_: Any) -> list[bytes]:
        return [self.read()]


def _body(body: Any) -> bytes:
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
