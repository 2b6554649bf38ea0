"""
What a request claims about its Signature Version 4, read from its `Authorization` header or from its query.

Nothing is proven here; `sigv4` does that. What cannot be read is refused with AWS's texts, and schemes that are
not supported (SigV4a, Signature Version 2 and 3) are refused by name.
"""

from __future__ import annotations

import calendar
import re
import time
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from tatami.wire import sigv4_errors as errors
from tatami.wire.http import Request
from tatami.wire.sigv4_errors import SignatureError, Style

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = frozenset(
    {
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
)
LONGEST_EXPIRY = 7 * 24 * 3600
"""Seconds a presigned URL may live (S3 API reference)."""

is_hash = re.compile(r"[0-9a-f]{64}").fullmatch
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII).fullmatch


class SignedRequest(NamedTuple):
    """What a request claims about its signature.

    timestamp: `20261122T101500Z`. payload: the declared hash or constant, "" when the body's own hash was signed.
    expires: seconds a presigned URL lives, None when the signature came in a header. style: whose error codes to use.
    """

    access_key: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    token: str
    payload: str
    expires: int | None
    style: Style

    @property
    def scope(self) -> str:
        """The credential scope, `20261122/us-east-1/s3/aws4_request`."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def parse(request: Request, style: Style = Style.REST) -> SignedRequest | None:
    """Read the signature of a request; None when it has none.

    style: whose error codes to use; a request signed for S3 gets S3's in any case.
    Raises SignatureError when there is one that cannot be read or is of a kind that is not supported.
    """
    authorization = request.headers.get("authorization")
    presigned = "X-Amz-" in request.query and _has_presigned_parameters(request.query)
    if authorization is None:
        if presigned:
            return _parse_query(request, style)
        if "Signature=" in request.query and "AWSAccessKeyId=" in request.query:
            raise errors.unsupported("AWS Signature Version 2")
        return None
    if presigned and style is Style.S3:
        text = (
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            "parameter or the Authorization header should be specified"
        )
        raise SignatureError("InvalidArgument", text, 400)
    return _parse_header(request, authorization, style)


def _parse_header(request: Request, authorization: str, style: Style) -> SignedRequest:
    scheme, _, rest = authorization.partition(" ")
    if scheme != ALGORITHM:
        raise _refuse_scheme(scheme, authorization, style)
    found: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            text = f"'{part.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header: "
            raise errors.incomplete(style, f"{text}'{authorization}'.", "The authorization header is malformed.")
        found[name] = value
    timestamp = _header_timestamp(request, style)
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if not found.get(name)]
    if absent or not timestamp:
        raise _incomplete_header(absent, timestamp, authorization, style)
    access_key, date, region, service = _credential(found["Credential"], style)
    style = Style.S3 if service == "s3" else style
    if date != timestamp[:8]:
        raise _wrong_date(date, timestamp, style)
    return SignedRequest(
        access_key=access_key,
        date=date,
        region=region,
        service=service,
        timestamp=timestamp,
        signed_headers=_signed_headers(found["SignedHeaders"], style),
        signature=found["Signature"],
        token=request.headers.get("x-amz-security-token", ""),
        payload=_header_payload(request, service),
        expires=None,
        style=style,
    )


def _parse_query(request: Request, style: Style) -> SignedRequest:
    parameters: dict[str, str] = {}
    for part in request.query.split("&"):
        if part.startswith("X-Amz-"):
            name, _, value = part.partition("=")
            parameters[name] = unquote(value)
    algorithm = parameters.get("X-Amz-Algorithm", "")
    if algorithm.startswith("AWS4-ECDSA"):
        raise errors.unsupported("SigV4a (AWS4-ECDSA-P256-SHA256)")
    required = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
    # Only S3 demands a lifetime; for the others the usual tolerance is the lifetime.
    if any(not parameters.get(f"X-Amz-{name}") for name in required[: None if style is Style.S3 else -1]):
        raise errors.presigned_parameter(style, errors.PRESIGNED_PARAMETERS)
    if algorithm != ALGORITHM:
        raise errors.presigned_parameter(style, f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    access_key, date, region, service = _credential(parameters["X-Amz-Credential"], style)
    style = Style.S3 if service == "s3" else style
    timestamp = parameters["X-Amz-Date"]
    if not _valid_timestamp(timestamp):
        text = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        raise errors.presigned_parameter(style, text)
    if date != timestamp[:8]:
        raise _wrong_date(date, timestamp, style)
    names = _signed_headers(parameters["X-Amz-SignedHeaders"], style)
    return SignedRequest(
        access_key=access_key,
        date=date,
        region=region,
        service=service,
        timestamp=timestamp,
        signed_headers=names,
        signature=parameters["X-Amz-Signature"],
        token=parameters.get("X-Amz-Security-Token", ""),
        payload=_query_payload(request, parameters, names, service),
        expires=_expires(parameters.get("X-Amz-Expires"), style),
        style=style,
    )


def _has_presigned_parameters(query: str) -> bool:
    return "X-Amz-Algorithm=" in query or "X-Amz-Signature=" in query or "X-Amz-Credential=" in query


def _refuse_scheme(scheme: str, authorization: str, style: Style) -> SignatureError:
    if scheme.startswith("AWS4-ECDSA"):
        return errors.unsupported("SigV4a (AWS4-ECDSA-P256-SHA256)")
    if scheme in ("AWS", "AWS3", "AWS3-HTTPS"):
        return errors.unsupported("AWS Signature Version 2" if scheme == "AWS" else "AWS Signature Version 3")
    if style is Style.S3:
        return SignatureError("InvalidArgument", "Unsupported Authorization Type", 400)
    return _incomplete_header(["Credential", "Signature", "SignedHeaders"], "", authorization, style)


def _incomplete_header(absent: list[str], timestamp: str, authorization: str, style: Style) -> SignatureError:
    if style is Style.S3 and not absent:
        text = "AWS authentication requires a valid Date or x-amz-date header"
        return SignatureError("AccessDenied", text, 403)
    missing = [f"Authorization header requires '{name}' parameter." for name in absent]
    if not timestamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    s3_text = (
        "The authorization header is malformed; the authorization header requires three components: Credential, "
        "SignedHeaders, and Signature."
    )
    text = f"{' '.join(missing)} Authorization={authorization.partition(' ')[0]}"
    return errors.incomplete(style, text, s3_text)


@lru_cache(maxsize=1024)
def _credential(credential: str, style: Style) -> tuple[str, str, str, str]:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not all(parts):
        text = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got"
        raise errors.incomplete(
            style,
            f"{text} '{credential}'",
            "The authorization header is malformed; the Credential is mal-formed; expecting "
            '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        )
    access_key, date, region, service, terminator = parts
    if terminator != "aws4_request":
        text = f"Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
        raise errors.invalid(style, text) if style is not Style.S3 else errors.incomplete(style, text, text)
    return access_key, date, region, service


def _wrong_date(date: str, timestamp: str, style: Style) -> SignatureError:
    text = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{date}' != '{timestamp[:8]}', from '{timestamp}'."
    )
    return errors.invalid(style, text)


@lru_cache(maxsize=1024)
def _signed_headers(text: str, style: Style) -> tuple[str, ...]:
    names = tuple(text.lower().split(";"))
    if "host" not in names:
        text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise errors.invalid(style, text)
    return names


def _header_timestamp(request: Request, style: Style) -> str:
    """The moment of signing as `20261122T101500Z`, "" when the request names none."""
    given = request.headers.get("x-amz-date") or request.headers.get("date", "")
    if not given or _valid_timestamp(given):
        return given
    try:
        return errors.iso_basic(parsedate_to_datetime(given).timestamp())
    except ValueError:
        text = f"Date must be in ISO-8601 'basic format'. Got '{given}'. See http://en.wikipedia.org/wiki/ISO_8601"
        if style is Style.S3:
            raise _incomplete_header([], "", "", style) from None
        raise errors.incomplete(style, text, text) from None


def _header_payload(request: Request, service: str) -> str:
    payload = request.headers.get("x-amz-content-sha256", "")
    if service != "s3":
        return payload
    if not payload:
        text = "Missing required header for this request: x-amz-content-sha256"
        raise SignatureError("InvalidRequest", text, 400)
    return _s3_payload(payload)


def _query_payload(request: Request, parameters: dict[str, str], names: tuple[str, ...], service: str) -> str:
    """A presigned URL knows no body: S3 takes any, unless the URL or a signed header says otherwise."""
    payload = parameters.get("X-Amz-Content-Sha256") or parameters.get("X-Amz-Content-SHA256", "")
    if "x-amz-content-sha256" in names:
        payload = request.headers.get("x-amz-content-sha256", "")
    return _s3_payload(payload or UNSIGNED) if service == "s3" else payload


def _s3_payload(payload: str) -> str:
    if payload == UNSIGNED or payload in STREAMING or is_hash(payload):
        return payload
    if payload.startswith("STREAMING-AWS4-ECDSA"):
        raise errors.unsupported("SigV4a (AWS4-ECDSA-P256-SHA256)")
    text = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
    text += "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
    text += "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER "
    text += "or a valid sha256 value."
    fields = {"ArgumentName": "x-amz-content-sha256", "ArgumentValue": payload}
    raise SignatureError("InvalidArgument", text, 400, fields)


def _expires(given: str | None, style: Style) -> int:
    if given is None:
        return 300
    if not given.lstrip("-").isascii() or not given.lstrip("-").isdigit():
        raise errors.presigned_parameter(style, "X-Amz-Expires should be a number")
    seconds = int(given)
    if seconds < 0:
        raise errors.presigned_parameter(style, "X-Amz-Expires must be non-negative")
    if seconds > LONGEST_EXPIRY:
        text = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than"
        raise errors.presigned_parameter(style, f"{text} {LONGEST_EXPIRY} seconds")
    return seconds


@lru_cache(maxsize=256)
def moment(timestamp: str) -> float:
    """Seconds since the epoch of `20261122T101500Z`. Raises ValueError."""
    return calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))


@lru_cache(maxsize=256)
def _valid_timestamp(text: str) -> bool:
    if not _TIMESTAMP(text):
        return False
    try:
        moment(text)
    except ValueError:
        return False
    return True
