"""Every way a signature can be wrong, and the very words AWS has for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tatami.wire import sigv4
from tatami.wire.http import Request
from tatami.wire.sigv4 import Credentials, SignatureError, Style

KEY, SECRET, NOW = "AKIDEXAMPLE", "secret", 1_800_000_000.0
BARE = Request("POST", "/2015-03-31/functions", "a=1", {"host": "h", "content-type": "text/plain"}, b"body")


def secret_for(access_key: str, token: str) -> str | None:
    return SECRET if access_key == KEY else None


def signed(service: str = "lambda", request: Request = BARE) -> Request:
    return sigv4.sign(request, Credentials(KEY, SECRET), "us-east-1", service, NOW)


def presigned(service: str = "s3", expires: int = 60) -> Request:
    return sigv4.presign(BARE, Credentials(KEY, SECRET), "us-east-1", service, NOW, expires=expires)


def refusal(request: Request, now: float = NOW, style: Style = Style.REST) -> SignatureError:
    with pytest.raises(SignatureError) as caught:
        sigv4.verify(request, secret_for, now, style)
    return caught.value


def with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers={**request.headers, name: value})


def damaged(request: Request, what: str) -> Request:
    authorization = request.headers["authorization"]
    return {
        "method": replace(request, method="PUT"),
        "path": replace(request, path=request.path + "x"),
        "query": replace(request, query="a=2"),
        "more query": replace(request, query="a=1&b"),
        "header": with_header(request, "content-type", "text/html"),
        "host": with_header(request, "host", "other"),
        "date": with_header(request, "x-amz-date", "20270115T080001Z"),
        "body": replace(request, body=b"other"),
        "region": with_header(request, "authorization", authorization.replace("us-east-1", "us-east-2")),
        "signature": with_header(request, "authorization", authorization[:-64] + "0" * 64),
        "short signature": with_header(request, "authorization", authorization[:-1]),
        "odd signature": with_header(request, "authorization", authorization[:-1] + "ü"),
        "signed headers": with_header(request, "authorization", authorization.replace("content-type;", "")),
    }[what]


TAMPERINGS = [
    "method", "path", "query", "more query", "header", "host", "date", "body", "region", "signature",
    "short signature", "odd signature", "signed headers",
]  # fmt: skip


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_breaks_the_signature(what: str) -> None:
    error = refusal(damaged(signed(), what))

    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message == (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_breaks_the_signature_at_s3(what: str) -> None:
    error = refusal(damaged(signed("s3"), what))

    if what == "body":
        assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)
        assert error.fields["ClientComputedContentSHA256"] != error.fields["S3ComputedContentSHA256"]
    else:
        assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
        assert error.message.endswith("Check your key and signing method.")
        assert error.fields["AWSAccessKeyId"] == KEY
        assert error.fields["StringToSign"].startswith("AWS4-HMAC-SHA256\n20270115T080")


@pytest.mark.parametrize(
    ("style", "code", "status"),
    [
        (Style.REST, "InvalidSignatureException", 403),
        (Style.JSON, "InvalidSignatureException", 400),
        (Style.QUERY, "SignatureDoesNotMatch", 403),
    ],
)
def test_codes_follow_the_kind_of_service(style: Style, code: str, status: int) -> None:
    error = refusal(damaged(signed(), "path"), style=style)

    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(
    ("style", "code", "message", "status"),
    [
        (Style.REST, "MissingAuthenticationTokenException", "Missing Authentication Token", 403),
        (Style.JSON, "MissingAuthenticationTokenException", "Request is missing Authentication Token", 400),
        (Style.QUERY, "MissingAuthenticationToken", "Request is missing Authentication Token", 403),
        (Style.S3, "AccessDenied", "Access Denied", 403),
    ],
)
def test_no_signature(style: Style, code: str, message: str, status: int) -> None:
    error = refusal(BARE, style=style)

    assert (error.code, error.message, error.status) == (code, message, status)


@pytest.mark.parametrize(
    ("service", "style", "code"),
    [
        ("lambda", Style.REST, "UnrecognizedClientException"),
        ("sts", Style.QUERY, "InvalidClientTokenId"),
        ("s3", Style.S3, "InvalidAccessKeyId"),
    ],
)
def test_unknown_key(service: str, style: Style, code: str) -> None:
    request = sigv4.sign(BARE, Credentials("AKIANOBODY", SECRET), "us-east-1", service, NOW)

    error = refusal(request, style=style)

    assert (error.code, error.status) == (code, 403)
    if service != "s3":
        assert error.message == "The security token included in the request is invalid."


def test_too_old() -> None:
    error = refusal(signed(), NOW + 20 * 60)

    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message == (
        "Signature expired: 20270115T080000Z is now earlier than 20270115T081500Z (20270115T082000Z - 5 min.)"
    )


def test_from_the_future() -> None:
    error = refusal(signed(), NOW - 20 * 60)

    assert error.message == (
        "Signature not yet current: 20270115T080000Z is still later than 20270115T074500Z (20270115T074000Z + 5 min.)"
    )


@pytest.mark.parametrize(("service", "minutes"), [("lambda", 5), ("sqs", 5), ("s3", 15), ("sts", 15)])
@pytest.mark.parametrize("direction", [-1, 1])
def test_how_wrong_a_clock_may_be(service: str, minutes: int, direction: int) -> None:
    sigv4.verify(signed(service), secret_for, NOW + direction * minutes * 60)
    refusal(signed(service), NOW + direction * (minutes * 60 + 1))


def test_s3_tells_about_a_wrong_clock() -> None:
    error = refusal(signed("s3"), NOW + 20 * 60)

    assert (error.code, error.status) == ("RequestTimeTooSkewed", 403)
    assert error.message == "The difference between the request time and the current time is too large."
    assert error.fields == {
        "RequestTime": "20270115T080000Z",
        "ServerTime": "2027-01-15T08:20:00Z",
        "MaxAllowedSkewMilliseconds": "900000",
    }


def test_a_presigned_url_expires() -> None:
    sigv4.verify(presigned(), secret_for, NOW + 60)
    error = refusal(presigned(), NOW + 61)

    assert (error.code, error.message, error.status) == ("AccessDenied", "Request has expired", 403)
    assert error.fields["X-Amz-Expires"] == "60"
    assert refusal(presigned("lambda", 120), NOW + 121).message.startswith("Signature expired: 20270115T080000Z")


def test_a_presigned_url_may_live_for_a_week() -> None:
    week = 7 * 24 * 3600
    sigv4.verify(presigned(expires=week), secret_for, NOW + week)

    error = refusal(presigned(expires=week + 1))
    assert error.code == "AuthorizationQueryParametersError"
    assert "604800 seconds" in error.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("X-Amz-Expires=60", "X-Amz-Expires=-1"), "X-Amz-Expires must be non-negative"),
        (("X-Amz-Expires=60", "X-Amz-Expires=soon"), "X-Amz-Expires should be a number"),
        (("&X-Amz-Expires=60", ""), "X-Amz-SignedHeaders, and X-Amz-Expires parameters"),
        (("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=MD5"), "only supports"),
        (("X-Amz-Date=2027", "X-Amz-Date=x"), "ISO8601"),
        (("%2Faws4_request", "%2Faws5_request"), "terminator"),
    ],
)
def test_nonsense_in_a_presigned_url(change: tuple[str, str], message: str) -> None:
    request = presigned()

    error = refusal(replace(request, query=request.query.replace(*change)), style=Style.S3)

    assert error.status == 400
    assert message in error.message


@pytest.mark.parametrize("part", ["path", "query", "method", "host", "X-Amz-Expires", "X-Amz-Date"])
def test_tampering_with_a_presigned_url(part: str) -> None:
    request = presigned()
    query = request.query
    changed = {
        "path": replace(request, path="/other"),
        "query": replace(request, query=query + "&b=2"),
        "method": replace(request, method="DELETE"),
        "host": with_header(request, "host", "other"),
        "X-Amz-Expires": replace(request, query=query.replace("X-Amz-Expires=60", "X-Amz-Expires=600")),
        "X-Amz-Date": replace(request, query=query.replace("T080000Z", "T080001Z")),
    }[part]

    assert refusal(changed).code == "SignatureDoesNotMatch"


def test_s3_refuses_added_headers() -> None:
    """Recorded: test_s3_put_presigned_url_same_header_and_qs_parameter."""
    error = refusal(with_header(presigned(), "x-amz-expires", "1"))

    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message == "There were headers present in the request which were not signed"
    assert error.fields == {"HeadersNotSigned": "x-amz-expires"}


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("Basic abc", "Authorization header requires 'Credential' parameter."),
        ("AWS4-HMAC-SHA256 Credential=a/20270115/r/s/aws4_request", "Authorization header requires 'Signature'"),
        ("AWS4-HMAC-SHA256 nonsense", "not a valid key=value pair (missing equal-sign)"),
        ("AWS4-HMAC-SHA256 Credential=a/r/s/x, SignedHeaders=host, Signature=0", "exactly 5 slash-delimited elements"),
    ],
)
def test_incomplete_headers(authorization: str, message: str) -> None:
    error = refusal(with_header(signed(), "authorization", authorization))

    assert error.code == "IncompleteSignatureException"
    assert message in error.message


def test_a_date_is_needed_and_must_agree_with_the_scope() -> None:
    request = signed()
    dateless = replace(request, headers={k: v for k, v in request.headers.items() if k != "x-amz-date"})

    assert "existence of either a 'X-Amz-Date' or a 'Date'" in refusal(dateless).message
    assert "basic format" in refusal(with_header(request, "x-amz-date", "yesterday")).message
    other_day = refusal(with_header(request, "x-amz-date", "20270116T080000Z")).message
    assert other_day.endswith("'20270115' != '20270116', from '20270116T080000Z'.")
    assert "basic format" in refusal(with_header(request, "x-amz-date", "20271399T080000Z")).message


def test_the_host_must_be_signed() -> None:
    authorization = signed().headers["authorization"].replace("host;", "")

    assert "'Host'" in refusal(with_header(signed(), "authorization", authorization)).message


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("AWS4-ECDSA-P256-SHA256 Credential=a/20270115/s3/aws4_request", "SigV4a"),
        ("AWS AKID:c2ln", "Signature Version 2"),
        ("AWS3-HTTPS AWSAccessKeyId=a", "Signature Version 3"),
    ],
)
def test_other_schemes_are_refused_by_name(authorization: str, name: str) -> None:
    error = refusal(with_header(BARE, "authorization", authorization))

    assert (error.code, error.status) == ("NotImplemented", 501)
    assert name in error.message


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("AWSAccessKeyId=a&Signature=b&Expires=1", "Signature Version 2"),
        ("X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Signature=0", "SigV4a"),
    ],
)
def test_other_schemes_in_the_query_are_refused_by_name(query: str, name: str) -> None:
    assert name in refusal(replace(BARE, query=query)).message


def test_s3_demands_a_payload_hash() -> None:
    request = signed("s3")
    bare = replace(request, headers={k: v for k, v in request.headers.items() if k != "x-amz-content-sha256"})

    assert "x-amz-content-sha256" in refusal(bare).message
    assert refusal(with_header(request, "x-amz-content-sha256", "nonsense")).code == "InvalidArgument"
    assert "SigV4a" in refusal(
        with_header(request, "x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
    ).message  # fmt: skip


def test_an_unsigned_payload_may_be_anything() -> None:
    request = sigv4.sign(BARE, Credentials(KEY, SECRET), "us-east-1", "s3", NOW, payload="UNSIGNED-PAYLOAD")

    assert sigv4.verify(replace(request, body=b"other"), secret_for, NOW)


def test_a_declared_hash_is_checked_at_other_services_too() -> None:
    declared = with_header(BARE, "x-amz-content-sha256", "0" * 64)
    request = sigv4.sign(declared, Credentials(KEY, SECRET), "us-east-1", "lambda", NOW, payload="0" * 64)

    assert refusal(request).code == "InvalidSignatureException"


def test_only_one_kind_of_signature() -> None:
    request = presigned()
    both = replace(request, headers={**request.headers, "authorization": signed("s3").headers["authorization"]})

    assert refusal(both, style=Style.S3).code == "InvalidArgument"
