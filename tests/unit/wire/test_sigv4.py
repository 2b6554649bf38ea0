"""Signature Version 4, with botocore as the judge: what it signs we accept, what we sign it would have signed."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.wire import sigv4
from tatami.wire.http import Request
from tatami.wire.sigv4 import Credentials

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "127.0.0.1:4566"


def secret_for(access_key: str, token: str) -> str | None:
    return SECRET if access_key == KEY else None


def signed_by_botocore(
    method: str,
    path: str,
    *,
    service: str = "lambda",
    query: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    token: str | None = None,
    auth: Any = None,
) -> Request:
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    chosen = auth or (S3SigV4Auth if service == "s3" else SigV4Auth)
    chosen(BotoCredentials(KEY, SECRET, token), service, "eu-west-1").add_auth(request)
    return from_url(method, request.url, dict(request.headers.items()), body)


def from_url(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Request:
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in headers.items()}
    return Request(method, parts.path, parts.query, {"host": parts.netloc, **lower}, body)


@pytest.mark.parametrize("service", ["lambda", "sqs", "logs", "iam", "s3", "states", "execute-api"])
def test_accepts_what_botocore_signs(service: str) -> None:
    request = signed_by_botocore(
        "POST",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations",
        service=service,
        query="Qualifier=%24LATEST&b=2&a=1",
        body=b'{"a": 1}',
        headers={"Content-Type": "application/json", "X-Amz-Meta-Text": "  two   words "},
    )

    signature = sigv4.verify(request, secret_for, time.time())

    assert (signature.access_key, signature.region, signature.service) == (KEY, "eu-west-1", service)
    assert signature.session_token == ""


def test_accepts_a_session_token() -> None:
    request = signed_by_botocore("GET", "/", service="sts", token="a/token+with=signs")

    assert sigv4.verify(request, secret_for, time.time()).session_token == "a/token+with=signs"


def test_accepts_a_date_header_in_place_of_x_amz_date() -> None:
    request = signed_by_botocore("GET", "/", headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"})

    assert "x-amz-date" not in request.headers
    assert sigv4.verify(request, secret_for, time.time()).access_key == KEY


@pytest.mark.parametrize(("service", "auth"), [("s3", S3SigV4QueryAuth), ("sts", SigV4QueryAuth)])
@pytest.mark.parametrize("token", [None, "token/+="])
def test_accepts_presigned_queries(service: str, auth: Any, token: str | None) -> None:
    request = signed_by_botocore(
        "GET", "/b/some%20key", service=service, query="versionId=1%2F2", auth=auth, token=token
    )

    signature = sigv4.verify(request, secret_for, time.time())

    assert signature.session_token == (token or "")


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("s3", "get_object", {"Bucket": "bucket", "Key": "a b/ü+(c)'&=?#%2F~.txt", "ResponseContentType": "text/x y"}),
        ("s3", "put_object", {"Bucket": "bucket", "Key": "//./../x"}),
        ("lambda", "invoke", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f", "Qualifier": "1"}),
        ("sts", "get_caller_identity", {}),
        ("iam", "list_users", {"PathPrefix": "/a b/"}),
        ("polly", "synthesize_speech", {"OutputFormat": "mp3", "Text": "a + b", "VoiceId": "Joanna"}),
    ],
)  # fmt: skip
def test_accepts_urls_presigned_by_boto3(service: str, operation: str, parameters: dict[str, Any]) -> None:
    client = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=f"http://{HOST}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=Config(signature_version="s3v4" if service == "s3" else None, s3={"addressing_style": "path"}),
    )
    method = {"invoke": "POST", "put_object": "PUT", "get_object": "GET"}.get(operation, "GET")
    url = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=60, HttpMethod=method)
    request = from_url(method, url, {})

    assert sigv4.verify(request, secret_for, time.time()).access_key == KEY


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
paths = st.lists(texts | st.sampled_from(["", ".", "..", "~"]), max_size=6).map(
    lambda segments: "/" + "/".join(quote(segment, safe="~") for segment in segments)
)
words = st.text(st.characters(codec="utf-8"), max_size=6).map(lambda text: quote(text, safe="-_.~"))
queries = st.lists(st.tuples(words.filter(bool), words), max_size=5).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)


@settings(deadline=None)
@given(path=paths, query=queries, service=st.sampled_from(["s3", "lambda"]), body=st.binary(max_size=20))
def test_odd_paths_and_queries(path: str, query: str, service: str, body: bytes) -> None:
    # urlsplit takes `//x` at the beginning of a path for a host only when there is no host before it.
    request = signed_by_botocore("PUT", path, service=service, query=query, body=body)

    assert sigv4.verify(request, secret_for, time.time()).service == service


@settings(deadline=None)
@given(path=paths, query=queries, service=st.sampled_from(["s3", "lambda"]), body=st.binary(max_size=20))
def test_signs_like_botocore(path: str, query: str, service: str, body: bytes) -> None:
    theirs = signed_by_botocore("PUT", path, service=service, query=query, body=body, token="t")
    moment = sigv4.parse(theirs)
    assert moment is not None
    bare = Request("PUT", path, query, {"host": HOST}, body)

    now = time.mktime(time.strptime(moment.timestamp, "%Y%m%dT%H%M%SZ")) - time.timezone
    ours = sigv4.sign(bare, Credentials(KEY, SECRET, "t"), "eu-west-1", service, now)

    assert ours.headers["authorization"] == theirs.headers["authorization"]


@pytest.mark.parametrize("service", ["s3", "lambda"])
def test_own_presigned_urls_verify(service: str) -> None:
    bare = Request("GET", "/bucket/a%20b", "x=1", {"host": HOST})

    request = sigv4.presign(bare, Credentials(KEY, SECRET, "to/ken"), "eu-west-1", service, 1e9, expires=60)

    assert sigv4.verify(request, secret_for, 1e9 + 59).session_token == "to/ken"


def test_unsigned_requests_are_none_to_parse() -> None:
    assert sigv4.parse(Request("GET", "/", "a=b&X-Amz-Target=x", {"host": HOST})) is None


def test_escapes_may_be_lower_case_or_missing() -> None:
    """What a client signs canonically and sends less so: `+` for a space, lower-case hex, bare reserved characters."""
    canonical = Request("GET", "/b/a%2Bb", "k=%2F%20x", {"host": HOST})
    signed = sigv4.sign(canonical, Credentials(KEY, SECRET), "eu-west-1", "s3", 1e9)
    sent = Request("GET", "/b/a+b", "k=%2f+x", signed.headers)

    assert sigv4.verify(sent, secret_for, 1e9)


def test_header_values_keep_the_bytes_that_were_signed() -> None:
    text = "Zürich".encode().decode("latin-1")
    request = Request("PUT", "/b/k", "", {"host": HOST, "x-amz-meta-city": text})

    assert sigv4.verify(sigv4.sign(request, Credentials(KEY, SECRET), "r", "s3", 1e9), secret_for, 1e9)
