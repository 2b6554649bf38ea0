"""Function URLs without I/O: addresses, events, answers, CORS."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.services.lambda_.model import cors, url_answers, urls
from tatami.services.lambda_.model.url_answers import Head, NoAnswer
from tatami.services.lambda_.model.url_events import Arrival, Signer, event_of
from tatami.services.lambda_.model.urls import UrlConfig
from tatami.wire.http import Request

ID = "a1" * 16
CONFIG = UrlConfig(
    id=ID, account="0" * 12, region="us-east-1", name="f", partition="aws", qualifier="", auth_type="NONE",
    created=0.0, last_modified=0.0,
)  # fmt: skip
HOST = f"{ID}.lambda-url.us-east-1.localhost:4566"


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("http://127.0.0.1:4566", f"http://{HOST}/"),
        ("http://localhost:4566", f"http://{HOST}/"),
        ("http://[::1]:4566", f"http://{HOST}/"),
        ("http://lambda.us-east-1.localhost:4566", f"http://{HOST}/"),
        ("https://localhost", f"https://{ID}.lambda-url.us-east-1.localhost/"),
        ("http://box.example.com:4566", f"http://box.example.com:4566/_tatami/url/{ID}/"),
        ("http://10.0.0.7:4566", f"http://10.0.0.7:4566/_tatami/url/{ID}/"),
    ],
)
def test_addresses(endpoint: str, address: str) -> None:
    assert urls.address(CONFIG, endpoint) == address
    rest = address.partition("://")[2]
    host, _, path = rest.partition("/")
    assert urls.located(host, f"/{path}") == (ID, "/")


@pytest.mark.parametrize(
    ("host", "path", "found"),
    [
        (f"{ID}.lambda-url.us-east-1.on.aws", "/a%20b", (ID, "/a%20b")),
        (HOST.upper(), "/", (ID, "/")),
        ("127.0.0.1:4566", f"/_tatami/url/{ID}", (ID, "/")),
        ("127.0.0.1:4566", f"/_tatami/url/{ID}/x/y", (ID, "/x/y")),
        ("127.0.0.1:4566", "/", None),
        ("short.lambda-url.us-east-1.localhost", "/", None),
        (f"x.{HOST}", "/", None),
    ],
)
def test_locating(host: str, path: str, found: tuple[str, str] | None) -> None:
    assert urls.located(host, path) == found


def event(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    signer: Signer | None = None,
) -> dict[str, Any]:
    arrival = Arrival(path, HOST, "127.0.0.1", "http", "HTTP/1.1", "r-1", "Root=1-x", 1_583_348_638.39)
    request = Request(method, path, query, {"host": HOST, **(headers or {})}, body)
    made: dict[str, Any] = json.loads(event_of(CONFIG, request, arrival, signer))
    return made


def test_a_whole_event() -> None:
    headers = {"user-agent": "agent", "cookie": "a=1; b=2", "x-many": "1,2", "connection": "keep-alive"}
    assert event("POST", "/my%2520path", "p=1&p=2&q=%2Fx&empty=", headers) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my%20path",
        "rawQueryString": "p=1&p=2&q=%2Fx&empty=",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": HOST,
            "user-agent": "agent",
            "x-many": "1,2",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-proto": "http",
            "x-forwarded-port": "4566",
            "x-amzn-trace-id": "Root=1-x",
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
        },
        "queryStringParameters": {"p": "1,2", "q": "/x", "empty": ""},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": ID,
            "authentication": None,
            "domainName": HOST,
            "domainPrefix": ID,
            "http": {
                "method": "POST",
                "path": "/my%20path",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "agent",
            },
            "requestId": "r-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "isBase64Encoded": False,
        "pathParameters": None,
        "stageVariables": None,
    }


def test_nothing_is_invented() -> None:
    made = event()
    assert not {"cookies", "queryStringParameters", "body"} & set(made)
    assert "authorizer" not in made["requestContext"]


def test_a_proxy_in_between_is_told_on() -> None:
    assert event(headers={"x-forwarded-for": "10.1.1.1"})["headers"]["x-forwarded-for"] == "10.1.1.1, 127.0.0.1"


def test_who_signed() -> None:
    made = event(signer=Signer("123456789012", "AKID", "arn:aws:iam::123456789012:user/u", "AIDA"))
    assert made["requestContext"]["accountId"] == "123456789012"
    assert made["requestContext"]["authorizer"] == {
        "iam": {
            "accessKey": "AKID",
            "accountId": "123456789012",
            "callerId": "AIDA",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "arn:aws:iam::123456789012:user/u",
            "userId": "AIDA",
        }
    }


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("text/plain", True),
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("application/vnd.api+json", True),
        ("application/xml", True),
        ("application/javascript", True),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("application/octet-stream", False),
        ("image/svg+xml", False),
        ("", False),
    ],
)
def test_bodies(content_type: str, is_text: bool) -> None:
    made = event("POST", headers={"content-type": content_type}, body="grüß".encode())
    assert made["isBase64Encoded"] is not is_text
    assert made["body"] == ("grüß" if is_text else base64.b64encode("grüß".encode()).decode())


def test_text_that_is_none() -> None:
    made = event("POST", headers={"content-type": "text/plain"}, body=b"\xff\xfe")
    assert (made["body"], made["isBase64Encoded"]) == ("//4=", True)


@given(st.text(), st.text(), st.binary(max_size=50))
def test_any_request_makes_an_event(path: str, query: str, body: bytes) -> None:
    assert event("POST", f"/{path}", query, {"content-type": "text/plain"}, body)["rawQueryString"] == query


# Answers


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ('{"hello": "world"}', b'{"hello":"world"}'),
        ('["hello", 3, true]', b'["hello",3,true]'),
        ('"hello"', b"hello"),
        ("3", b"3"),
        ("3.10", b"3.10"),
        ("null", b"null"),
        ("", b""),
    ],
)
def test_an_answer_without_a_status_is_the_body(payload: str, body: bytes) -> None:
    assert url_answers.buffered(payload.encode()) == (Head(200, {"content-type": "application/json"}), body)


def test_an_answer_with_everything() -> None:
    answer = {
        "statusCode": "418",
        "headers": {"X-Text": "t", "x-number": 3, "x-flag": True, "x-none": None, "Content-Length": "99"},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(b"\0\1").decode(),
        "isBase64Encoded": True,
    }
    head, body = url_answers.buffered(json.dumps(answer).encode())
    assert head == Head(
        418,
        {
            "x-text": "t",
            "x-number": "3",
            "x-flag": "true",
            "x-amzn-remapped-content-length": "99",
            "content-type": "application/json",
        },
        ("a=1; Secure", "b=2"),
    )
    assert body == b"\0\1"


def test_bodies_that_are_no_text() -> None:
    assert url_answers.buffered(b'{"statusCode":200,"body":{"a":1}}')[1] == b'{"a":1}'
    assert url_answers.buffered(b'{"statusCode":204}')[1] == b""
    assert url_answers.buffered('{"statusCode":200,"body":"grüß"}'.encode())[1] == "grüß".encode()


@pytest.mark.parametrize(
    "answer",
    [
        "not JSON",
        '{"statusCode": "many"}',
        '{"statusCode": 99}',
        '{"statusCode": 101}',
        '{"statusCode": 600}',
        '{"statusCode": true}',
        '{"statusCode": null}',
        '{"statusCode": 200, "headers": ["a"]}',
        '{"statusCode": 200, "headers": {"a": {}}}',
        '{"statusCode": 200, "headers": {"a b": "c"}}',
        '{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}',
        '{"statusCode": 200, "cookies": "a=1"}',
        '{"statusCode": 200, "cookies": ["a=1\\nb"]}',
        '{"statusCode": 200, "body": "%%", "isBase64Encoded": true}',
    ],
)
def test_answers_that_are_none(answer: str) -> None:
    with pytest.raises(NoAnswer):
        url_answers.buffered(answer.encode())


def test_preludes() -> None:
    meta = b'{"statusCode":201,"headers":{"A":"b"},"cookies":["c=d"]}'
    assert url_answers.prelude(meta) is None
    assert url_answers.prelude(meta + b"\0" * 7) is None
    head = Head(201, {"a": "b", "content-type": "application/octet-stream"}, ("c=d",))
    assert url_answers.prelude(meta + b"\0" * 8 + b"body") == (head, b"body")
    assert url_answers.prelude(b"{}" + b"\0" * 9) == (Head(200, {"content-type": "application/octet-stream"}), b"\0")
    for broken in (b"[]" + b"\0" * 8, b"?" + b"\0" * 8, b"x" * 16385):
        with pytest.raises(NoAnswer):
            url_answers.prelude(broken)


# CORS

BROWSER = {"origin": "https://a.example", "access-control-request-method": "PUT", "access-control-request-headers": "x"}


def test_what_a_preflight_is() -> None:
    assert cors.is_preflight({"AllowOrigins": ["*"]}, "OPTIONS", BROWSER)
    assert not cors.is_preflight({}, "OPTIONS", BROWSER), "without a configuration the function answers"
    assert not cors.is_preflight({"AllowOrigins": ["*"]}, "GET", BROWSER)
    assert not cors.is_preflight({"AllowOrigins": ["*"]}, "OPTIONS", {"origin": "https://a.example"})


def test_a_preflight_with_everything() -> None:
    settings = {
        "AllowOrigins": ["https://a.example", "https://b.example"],
        "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x", "y"],
        "ExposeHeaders": ["z"],
        "AllowCredentials": True,
        "MaxAge": 60,
    }
    assert cors.preflight(settings, BROWSER) == {
        "access-control-allow-origin": "https://a.example",
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x,y",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "60",
        "vary": "Origin",
    }
    assert cors.preflight(settings, {**BROWSER, "origin": "https://c.example"}) == {"vary": "Origin"}


def test_a_star_means_nothing_to_a_browser_with_credentials() -> None:
    star = {"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]}
    assert cors.preflight(star, BROWSER)["access-control-allow-origin"] == "*"
    assert cors.preflight(star, BROWSER)["access-control-allow-methods"] == "*"
    with_credentials = cors.preflight({**star, "AllowCredentials": True}, BROWSER)
    assert with_credentials["access-control-allow-origin"] == "https://a.example"
    assert with_credentials["access-control-allow-methods"] == "PUT"
    assert with_credentials["access-control-allow-headers"] == "x"


def test_headers_of_an_answer() -> None:
    settings = {"AllowOrigins": ["https://*"], "ExposeHeaders": ["x", "y"]}
    assert cors.allowed(settings, {"origin": "https://a.example"}) == {
        "access-control-allow-origin": "https://a.example",
        "access-control-expose-headers": "x,y",
        "vary": "Origin",
    }
    assert cors.allowed(settings, {"origin": "http://a.example"}) == {"vary": "Origin"}
    assert cors.allowed(settings, {}) == {}
