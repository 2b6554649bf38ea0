"""What AWS answers when a signature is missing, malformed, late or wrong: one family of codes per kind of service."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import Enum

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
UNKNOWN_KEY = "The security token included in the request is invalid."
PRESIGNED_PARAMETERS = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


class Style(Enum):
    """Which family of error codes and statuses a service uses for signature errors."""

    REST = "rest"
    JSON = "json"
    QUERY = "query"
    S3 = "s3"


# (missing, incomplete, invalid, unknown key): the code and status per style. Codes from "Common Errors" of the
# services' API references; JSON services answer 400 where the others answer 403.
_CODES: dict[Style, tuple[tuple[str, int], tuple[str, int], tuple[str, int], tuple[str, int]]] = {
    Style.REST: (
        ("MissingAuthenticationTokenException", 403),
        ("IncompleteSignatureException", 403),
        ("InvalidSignatureException", 403),
        ("UnrecognizedClientException", 403),
    ),
    Style.JSON: (
        ("MissingAuthenticationTokenException", 400),
        ("IncompleteSignatureException", 400),
        ("InvalidSignatureException", 400),
        ("UnrecognizedClientException", 400),
    ),
    Style.QUERY: (
        ("MissingAuthenticationToken", 403),
        ("IncompleteSignature", 400),
        ("SignatureDoesNotMatch", 403),
        ("InvalidClientTokenId", 403),
    ),
    Style.S3: (
        ("AccessDenied", 403),
        ("AuthorizationHeaderMalformed", 400),
        ("SignatureDoesNotMatch", 403),
        ("InvalidAccessKeyId", 403),
    ),
}


class SignatureError(Exception):
    """A request whose signature is refused.

    code, message: as AWS spells them. status: the HTTP status. fields: further members of S3's error document.
    """

    def __init__(self, code: str, message: str, status: int, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})


def missing(style: Style) -> SignatureError:
    """The request is not signed and its operation demands it."""
    code, status = _CODES[style][0]
    if style is Style.S3:
        return SignatureError(code, "Access Denied", status)
    text = "Missing Authentication Token" if style is Style.REST else "Request is missing Authentication Token"
    return SignatureError(code, text, status)


def incomplete(style: Style, text: str, s3_text: str) -> SignatureError:
    """The signature cannot be read: `text` for most services, `s3_text` for S3."""
    code, status = _CODES[style][1]
    return SignatureError(code, s3_text if style is Style.S3 else text, status)


def mismatch(style: Style, access_key: str, signature: str, string_to_sign: str, canonical: bytes) -> SignatureError:
    """The signature is well formed and wrong. S3 tells what it signed, as AWS does, so that a client can be mended."""
    code, status = _CODES[style][2]
    if style is not Style.S3:
        return SignatureError(code, MISMATCH, status)
    fields = {
        "AWSAccessKeyId": access_key,
        "StringToSign": string_to_sign,
        "SignatureProvided": signature,
        "StringToSignBytes": string_to_sign.encode().hex(" "),
        "CanonicalRequest": canonical.decode("latin-1"),
        "CanonicalRequestBytes": canonical.hex(" "),
    }
    return SignatureError(code, S3_MISMATCH, status, fields)


def invalid(style: Style, text: str) -> SignatureError:
    """The signature is refused for another reason than a wrong digest."""
    code, status = _CODES[style][2]
    return SignatureError(code, text, status)


def unknown_key(style: Style, access_key: str) -> SignatureError:
    """Nobody was given this access key."""
    code, status = _CODES[style][3]
    if style is Style.S3:
        text = "The AWS Access Key Id you provided does not exist in our records."
        return SignatureError(code, text, status, {"AWSAccessKeyId": access_key})
    return SignatureError(code, UNKNOWN_KEY, status)


def wrong_token(style: Style) -> SignatureError:
    """The session token does not belong to the access key."""
    if style is Style.S3:
        return SignatureError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
    code, status = _CODES[style][3]
    return SignatureError(code, UNKNOWN_KEY, status)


def expired(style: Style, timestamp: str, now: float, window: int) -> SignatureError:
    """The signature is older than its `window` of seconds."""
    earliest, present = iso_basic(now - window), iso_basic(now)
    text = f"Signature expired: {timestamp} is now earlier than {earliest} ({present} - {window // 60} min.)"
    return invalid(style, text)


def not_yet(style: Style, timestamp: str, now: float, window: int) -> SignatureError:
    """The signature comes from a future further away than `window` seconds."""
    latest, present = iso_basic(now + window), iso_basic(now)
    text = f"Signature not yet current: {timestamp} is still later than {latest} ({present} + {window // 60} min.)"
    return invalid(style, text)


def skewed(timestamp: str, now: float, window: int) -> SignatureError:
    """S3's answer to a clock that is wrong."""
    fields = {
        "RequestTime": timestamp,
        "ServerTime": iso_extended(now),
        "MaxAllowedSkewMilliseconds": str(window * 1000),
    }
    text = "The difference between the request time and the current time is too large."
    return SignatureError("RequestTimeTooSkewed", text, 403, fields)


def url_expired(expires: int, end: float, now: float) -> SignatureError:
    """S3's answer to a presigned URL after its time."""
    fields = {"X-Amz-Expires": str(expires), "Expires": iso_extended(end), "ServerTime": iso_extended(now)}
    return SignatureError("AccessDenied", "Request has expired", 403, fields)


def wrong_body(style: Style, declared: str, computed: str) -> SignatureError:
    """The body is not the one that was signed."""
    if style is not Style.S3:
        return invalid(style, MISMATCH)
    fields = {"ClientComputedContentSHA256": declared, "S3ComputedContentSHA256": computed}
    text = "The provided 'x-amz-content-sha256' header does not match what was computed."
    return SignatureError("XAmzContentSHA256Mismatch", text, 400, fields)


def presigned_parameter(style: Style, text: str) -> SignatureError:
    """A presigned URL whose parameters make no sense."""
    if style is Style.S3:
        return SignatureError("AuthorizationQueryParametersError", text, 400)
    return incomplete(style, text, text)


def unsupported(scheme: str) -> SignatureError:
    """A signing scheme that Tatami does not speak, refused by its name."""
    text = f"Tatami does not implement {scheme} yet; sign with AWS4-HMAC-SHA256 (Signature Version 4)."
    return SignatureError("NotImplemented", text, 501)


def iso_basic(moment: float) -> str:
    """Seconds since the epoch as `20261122T101500Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def iso_extended(moment: float) -> str:
    """Seconds since the epoch as `2026-11-22T10:15:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
