"""Signed addresses of packages: whoever has one may download that package until it expires, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

PREFIX = "/_tatami/code/"
LIFETIME_SECONDS = 600
"""Ten minutes, as AWS's (botocore, GetFunction)."""


def signed_path(secret: bytes, account: str, region: str, name: str, digest: str, expires: int) -> str:
    """Path and query of a download. expires: seconds since the epoch."""
    path = PREFIX + "/".join(quote(part, safe="") for part in (account, region, name, digest))
    return f"{path}?expires={expires}&signature={_signature(secret, path, str(expires))}"


def digest_of(secret: bytes, path: str, query: Mapping[str, str], now: float) -> str | None:
    """The package that a download asks for, or None when it is not signed by us or has expired.

    path: raw, as on the request line. query: decoded members.
    """
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if not path.startswith(PREFIX) or not (expires.isascii() and expires.isdigit()):
        return None
    expected = _signature(secret, path, expires)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
        return None
    if now > int(expires):
        return None
    return path.rsplit("/", 1)[1]


def _signature(secret: bytes, path: str, expires: str) -> str:
    return hmac.new(secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
