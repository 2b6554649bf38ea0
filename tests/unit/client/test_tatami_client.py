"""The client against a fake platform that verifies its signatures."""

from __future__ import annotations

import base64
import socket

import pytest
from tests.unit.client.fake_platform import FakePlatform

from tatami.client.errors import ApiError, UnreachableError
from tatami.client.tatami_client import TatamiClient


@pytest.fixture
def client(platform: FakePlatform) -> TatamiClient:
    return TatamiClient(platform.endpoint, "us-east-1", "test", "test")


def create(client: TatamiClient, name: str) -> None:
    client.create_function({"FunctionName": name, "Runtime": "python3.11"}, b"zip")


def test_health_needs_no_signature(client: TatamiClient) -> None:
    assert client.health()["isolation"] == {"kind": "process", "network": False}


def test_functions_are_listed_across_pages(client: TatamiClient) -> None:
    for name in ("a", "b", "c", "d", "e"):
        create(client, name)
    assert [found["FunctionName"] for found in client.list_functions()] == ["a", "b", "c", "d", "e"]


def test_a_function_that_is_not_there_is_none(client: TatamiClient) -> None:
    assert client.find_function("absent") is None


def test_code_and_configuration_are_updated(client: TatamiClient, platform: FakePlatform) -> None:
    create(client, "f")
    client.update_code("f", b"new zip")
    client.update_configuration("f", {"MemorySize": 512})
    assert platform.packages["f"] == b"new zip"
    assert (client.find_function("f") or {})["MemorySize"] == 512


def test_waiting_looks_again_until_the_update_is_done(client: TatamiClient, platform: FakePlatform) -> None:
    create(client, "f")
    platform.unsettled = 3
    pauses: list[float] = []
    assert client.wait_until_settled("f", pauses.append)["LastUpdateStatus"] == "Successful"
    assert len(pauses) == 3


def test_waiting_ends_after_its_time(client: TatamiClient, platform: FakePlatform) -> None:
    create(client, "f")
    platform.unsettled = 1000
    with pytest.raises(ApiError, match="still being prepared after 1 s"):
        client.wait_until_settled("f", lambda _: None, seconds=1)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"State": "Failed", "StateReason": "bad zip", "StateReasonCode": "InvalidZip"}, "InvalidZip: f: bad zip"),
        ({"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no disk"}, "Failed: f: no disk"),
    ],
)
def test_a_failed_function_is_an_error(
    client: TatamiClient, platform: FakePlatform, state: dict[str, str], text: str
) -> None:
    create(client, "f")
    platform.functions["f"] |= state
    with pytest.raises(ApiError, match=text):
        client.wait_until_settled("f", lambda _: None)


def test_invoke_gives_payload_error_and_log(client: TatamiClient, platform: FakePlatform) -> None:
    create(client, "f")
    log = base64.b64encode(b"START\nEND\n").decode()
    headers = {"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": log, "X-Amz-Executed-Version": "$LATEST"}
    platform.answers["f"] = lambda event: (200, headers, event)
    answer = client.invoke("f", b'{"a": 1}', tail=True)
    assert (answer.payload, answer.function_error, answer.log_tail) == (b'{"a": 1}', "Unhandled", "START\nEND\n")


def test_log_events_are_read_across_pages(client: TatamiClient, platform: FakePlatform) -> None:
    platform.events["/aws/lambda/f"] = [
        {"eventId": str(n), "timestamp": 1000 + n, "logStreamName": "s", "message": f"line {n}\n"} for n in range(5)
    ]
    assert [event.message for event in client.log_events("/aws/lambda/f", 1001)] == [f"line {n}\n" for n in range(1, 5)]


def test_a_wrong_secret_is_an_api_error(platform: FakePlatform) -> None:
    with pytest.raises(ApiError) as caught:
        list(TatamiClient(platform.endpoint, "us-east-1", "test", "wrong").list_functions())
    assert (caught.value.code, caught.value.status) == ("InvalidSignatureException", 403)


def test_names_are_escaped_in_paths(client: TatamiClient) -> None:
    create(client, "arn:aws:lambda:us-east-1:000000000000:function:f")
    assert client.find_function("arn:aws:lambda:us-east-1:000000000000:function:f") is not None


def test_nobody_listening_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused, and nobody else gets the port
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"nothing listens at {endpoint}; is `tatami up` running"):
            TatamiClient(endpoint, "us-east-1", "test", "test").health()


def test_an_answer_that_is_no_json_object_is_named(client: TatamiClient, platform: FakePlatform) -> None:
    platform.always = (200, {}, b"<html>")
    with pytest.raises(ApiError, match="is this a Tatami endpoint"):
        client.health()


def test_a_broken_answer_is_unreachable(client: TatamiClient, platform: FakePlatform) -> None:
    platform.always = (200, {"Content-Length": "1000"}, b"{}")
    with pytest.raises(UnreachableError, match="cannot talk to"):
        client.health()


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:4566", "ftp://x", "http://", "http://host/path"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="must look like http://host:port"):
        TatamiClient(endpoint, "us-east-1", "test", "test")


def test_the_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(TatamiClient("http://localhost:1", "us-east-1", "k", "s3cret"))
