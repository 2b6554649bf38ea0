"""
Signature Version 4: read it, verify it, make it.

A request is signed in its `Authorization` header or in its query (a presigned URL). `parse` reads what is claimed,
`verify` proves it. `verify` is the sum of three checks that are also useful alone, because a front door that accepts
unknown keys can still refuse a wrong clock and a damaged body:

    check_time       the signature is neither too old nor from the future
    check_signature  the holder of the secret signed this very request
    check_body       the body is the one whose hash was signed

Signing keys are derived once per (secret, day, region, service) and kept. Rules and texts: AWS IAM guide "AWS Signature
Version 4 for API requests" and S3 API reference "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from tatami.wire import sigv4_errors as errors
from tatami.wire.http import Request
from tatami.wire.sigv4_canonical import canonical_path, canonical_query, canonical_request
from tatami.wire.sigv4_errors import SignatureError, Style
from tatami.wire.sigv4_parse import ALGORITHM, UNSIGNED, SignedRequest, is_hash, moment, parse

EMPTY_HASH = sha256(b"").hexdigest()

_SKEW = {"s3": 900, "sts": 900}
"""Seconds of tolerance; the other services allow 300. Read off their own error texts."""

# Headers that proxies and HTTP clients change on the way; AWS SDKs leave them out of the signature too.
_UNSIGNABLE = frozenset(
    {"authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"}
    | {"trailer", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id"}
)

__all__ = [
    "Credentials",
    "Signature",
    "SignatureError",
    "SignedRequest",
    "Style",
    "check_body",
    "check_signature",
    "check_time",
    "parse",
    "presign",
    "sign",
    "signing_key",
    "unverified",
    "verify",
]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs with; `token` is the session token of temporary credentials or ""."""

    access_key: str
    secret: str
    token: str = ""


class Signature(NamedTuple):
    """A verified signature, with what is needed to verify the chunks that continue it.

    key: the signing key, b"" when the signature was not verified.
    """

    access_key: str
    region: str
    service: str
    session_token: str
    date: str
    scope: str
    signature: str
    key: bytes = b""


def verify(
    request: Request, secret_for: Callable[[str, str], str | None], now: float, style: Style = Style.REST
) -> Signature:
    """Prove that a request was signed by the holder of its access key, lately, and with this body.

    secret_for: access key and session token ("" without) to the secret, None when the key is unknown.
    now: seconds since the epoch. Raises SignatureError.
    """
    signed = parse(request, style)
    if signed is None:
        raise errors.missing(style)
    check_time(signed, now)
    secret = secret_for(signed.access_key, signed.token)
    if secret is None:
        raise errors.unknown_key(signed.style, signed.access_key)
    signature = check_signature(signed, request, secret)
    check_body(signed, request)
    return signature


def check_time(signed: SignedRequest, now: float) -> None:
    """Refuse a signature that is too old or from the future. now: seconds since the epoch."""
    signed_at = moment(signed.timestamp)
    window = _SKEW.get(signed.service, 300)
    if signed.expires is not None:
        _check_expiry(signed, signed_at, now, window)
    elif abs(now - signed_at) > window:
        if signed.style is Style.S3:
            raise errors.skewed(signed.timestamp, now, window)
        late = errors.expired if signed_at < now else errors.not_yet
        raise late(signed.style, signed.timestamp, now, window)


def check_signature(signed: SignedRequest, request: Request, secret: str) -> Signature:
    """Refuse a signature that `secret` did not make over this request."""
    _check_all_signed(signed, request)
    payload = signed.payload or _hash(request.body)
    text, canonical = _string_to_sign(request, signed.signed_headers, payload, signed.timestamp, signed.scope)
    key = signing_key(secret, signed.date, signed.region, signed.service)
    if not hmac.compare_digest(_digest(key, text).encode(), signed.signature.encode()):
        raise errors.mismatch(signed.style, signed.access_key, signed.signature, text, canonical)
    return unverified(signed, key)


def check_body(signed: SignedRequest, request: Request) -> None:
    """Refuse a body whose hash is not the declared one; constants such as `UNSIGNED-PAYLOAD` declare none."""
    if is_hash(signed.payload):
        computed = sha256(request.body).hexdigest()
        if computed != signed.payload:
            raise errors.wrong_body(signed.style, signed.payload, computed)


def unverified(signed: SignedRequest, key: bytes = b"") -> Signature:
    """What a request claims, as a Signature; without a key its chunks cannot be verified either."""
    return Signature(
        signed.access_key,
        signed.region,
        signed.service,
        signed.token,
        signed.timestamp,
        signed.scope,
        signed.signature,
        key,
    )


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one day, region and service. date: `20261122`."""
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(
    request: Request, credentials: Credentials, region: str, service: str, now: float, *, payload: str = ""
) -> Request:
    """The request with its `Authorization` header, and whatever headers that needs.

    request: must have a `host` header. now: seconds since the epoch. payload: a constant such as
    `UNSIGNED-PAYLOAD` to be declared instead of the body's hash.
    """
    timestamp = errors.iso_basic(now)
    headers = {**request.headers, "x-amz-date": timestamp}
    headers.pop("authorization", None)
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    body_hash = payload or _hash(request.body)
    if payload or service == "s3":
        headers["x-amz-content-sha256"] = body_hash
    names = _signable(headers)
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    unsigned = replace(request, headers=headers)
    text, _ = _string_to_sign(unsigned, names, body_hash, timestamp, scope)
    signature = _digest(signing_key(credentials.secret, timestamp[:8], region, service), text)
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return unsigned


def presign(
    request: Request, credentials: Credentials, region: str, service: str, now: float, *, expires: int
) -> Request:
    """The request with its signature in the query. expires: seconds. Signs `host` and the other headers given."""
    timestamp = errors.iso_basic(now)
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    names = _signable(request.headers)
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": ";".join(names),
    }
    if credentials.token:
        parameters["X-Amz-Security-Token"] = credentials.token
    added = "&".join(f"{name}={quote(value, safe='~')}" for name, value in parameters.items())
    unsigned = replace(request, query=f"{request.query}&{added}" if request.query else added)
    payload = UNSIGNED if service == "s3" else _hash(request.body)
    text, _ = _string_to_sign(unsigned, names, payload, timestamp, scope)
    signature = _digest(signing_key(credentials.secret, timestamp[:8], region, service), text)
    return replace(unsigned, query=f"{unsigned.query}&X-Amz-Signature={signature}")


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest() if body else EMPTY_HASH


def _digest(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def _signable(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in headers if name not in _UNSIGNABLE))


def _string_to_sign(
    request: Request, names: Iterable[str], payload: str, timestamp: str, scope: str
) -> tuple[str, bytes]:
    path = canonical_path(request.path, s3=scope.endswith("/s3/aws4_request"))
    query = canonical_query(request.query)
    canonical = canonical_request(request, path, query, names, payload)
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical).hexdigest()}", canonical


def _check_expiry(signed: SignedRequest, signed_at: float, now: float, window: int) -> None:
    expires = signed.expires or 0
    if signed_at - now > window:
        if signed.style is Style.S3:
            raise SignatureError("AccessDenied", "Request is not valid yet", 403)
        raise errors.not_yet(signed.style, signed.timestamp, now, window)
    if now > signed_at + expires:
        if signed.style is Style.S3:
            raise errors.url_expired(expires, signed_at + expires, now)
        raise errors.expired(signed.style, signed.timestamp, now, expires)


def _check_all_signed(signed: SignedRequest, request: Request) -> None:
    """Refuse `x-amz-*` headers that somebody could have added on the way: all of them must be signed.

    IAM user guide, "Create a signed AWS API request": the canonical headers include every `x-amz-*` header.
    """
    allowed = "x-amz-content-sha256" if signed.expires is not None else ""
    names = set(signed.signed_headers)
    added = [name for name in request.headers if name.startswith("x-amz-") and name not in names and name != allowed]
    if added:
        text = "There were headers present in the request which were not signed"
        if signed.style is Style.S3:
            raise SignatureError("AccessDenied", text, 403, {"HeadersNotSigned": ", ".join(sorted(added))})
        raise errors.invalid(signed.style, f"{text}: {', '.join(sorted(added))}")
