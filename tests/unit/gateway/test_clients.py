"""The whole front door over HTTP with boto3, AWS's own client: what it signs, sends, expects and reads."""

from __future__ import annotations

import asyncio
import io
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.unit.gateway.rooms import ACCOUNT, ARN, KEY, SECRET, Issued, State, rooms

from tatami.gateway.access import Access
from tatami.gateway.asgi import Application
from tatami.gateway.gateway import Gateway
from tatami.gateway.server import serve
from tatami.kit.clock import Clock, SystemClock, VirtualClock

LIMIT = 4_000_000


class Running:
    """A gateway behind a server, on a loop in a thread of its own."""

    def __init__(self, clock: Clock, access: Access) -> None:
        self.state = State()
        gateway = Gateway(rooms(self.state), Issued(), clock=clock, access=access, body_limit=LIMIT)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = serve(Application(gateway, clock))
        self.port = self._do(self._server.start())
        self.url = f"http://127.0.0.1:{self.port}"

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def client(self, service: str, key: str = KEY, secret: str = SECRET, **settings: Any) -> Any:
        return boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **settings),
        )

    def stop(self) -> None:
        self._do(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def running() -> Iterator[Running]:
    door = Running(SystemClock(), Access.ENFORCE)
    yield door
    door.stop()


def fetch(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_services_of_several_protocols(running: Running) -> None:
    invoked = running.client("lambda").invoke(FunctionName="f", Payload=b'{"a": 1}')
    assert (invoked["StatusCode"], invoked["Payload"].read()) == (200, b'{"a": 1}')
    assert running.client("sts").get_caller_identity()["Arn"] == ARN
    sent = running.client("sqs").send_message(QueueUrl=f"{running.url}/{ACCOUNT}/q", MessageBody="hi")
    assert sent["MessageId"] == "id"
    assert running.state.calls[-1][0].endpoint == running.url


def test_objects_with_odd_keys(running: Running) -> None:
    s3 = running.client("s3")
    for key in ("a b/ü+(c)'&=?#%2F~.txt", "//./../x", "%", "日本"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"body", Metadata={"a": "two  words"})
        assert running.state.calls[-1][1]["Key"] == key
        assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == b"one,two,three"
        assert running.state.calls[-1][1]["Key"] == key


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_streamed_uploads_with_checksums(running: Running, algorithm: str) -> None:
    data = b"x" * 3_000_000
    running.client("s3").upload_fileobj(
        io.BytesIO(data), "bucket", "key", ExtraArgs={"ChecksumAlgorithm": algorithm}
    )  # fmt: skip

    assert running.state.calls[-1][1]["Body"] == data


def test_presigned_urls(running: Running) -> None:
    s3 = running.client("s3", signature_version="s3v4")
    parameters = {"Bucket": "bucket", "Key": "a b+c"}
    put = s3.generate_presigned_url("put_object", Params=parameters)
    get = s3.generate_presigned_url("get_object", Params=parameters)

    assert fetch("PUT", put, b"body")[0] == 200
    assert running.state.calls[-1][1]["Body"] == b"body"
    assert fetch("GET", get) == (200, b"one,two,three")
    status, body = fetch("GET", get + "x")
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in body
    identity = running.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert ARN.encode() in fetch("GET", identity)[1]


def test_signature_version_2_is_refused_by_name(running: Running) -> None:
    url = running.client("s3", signature_version="s3").generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "key"}
    )

    status, body = fetch("GET", url)
    assert status == 501
    assert b"AWS Signature Version 2" in body


@pytest.mark.parametrize(
    ("service", "call", "code", "status"),
    [
        ("lambda", lambda client: client.list_functions(), "InvalidSignatureException", 403),
        ("sts", lambda client: client.get_caller_identity(), "SignatureDoesNotMatch", 403),
        ("sqs", lambda client: client.send_message(QueueUrl="q", MessageBody=""), "InvalidSignatureException", 400),
        ("s3", lambda client: client.put_object(Bucket="bucket", Key="k", Body=b""), "SignatureDoesNotMatch", 403),
    ],
)  # fmt: skip
def test_a_wrong_secret(running: Running, service: str, call: Any, code: str, status: int) -> None:
    with pytest.raises(ClientError) as caught:
        call(running.client(service, secret="wrong"))

    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_unknown_key(running: Running) -> None:
    with pytest.raises(ClientError, match="The security token included in the request is invalid"):
        running.client("lambda", key="AKIANOBODY").list_functions()


def test_a_body_that_is_too_large(running: Running) -> None:
    """boto3 asks before it sends an object (`Expect: 100-continue`), and does not ask for a function."""
    with pytest.raises(ClientError, match="EntityTooLarge"):
        running.client("s3").put_object(Bucket="bucket", Key="key", Body=b"x" * (LIMIT + 1))
    with pytest.raises(
        ClientError, match="Request must be smaller than 4000000 bytes for the CreateFunction operation"
    ):
        running.client("lambda").create_function(
            FunctionName="f", Role="arn:aws:iam::111122223333:role/r", Code={"ZipFile": b"x" * LIMIT}
        )
    assert running.state.calls == []


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_twenty_minutes_off(minutes: int) -> None:
    there = datetime.now(UTC) + timedelta(minutes=minutes)
    door = Running(VirtualClock(there.timestamp()), Access.OPEN)
    try:
        for key in (KEY, "123456789012"):
            with pytest.raises(ClientError) as caught:
                door.client("lambda", key=key).list_functions()
            assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
            with pytest.raises(ClientError) as caught:
                door.client("s3", key=key).put_object(Bucket="bucket", Key="key", Body=b"")
            assert caught.value.response["Error"]["Code"] == "RequestTimeTooSkewed"
        assert door.state.calls == []
    finally:
        door.stop()
