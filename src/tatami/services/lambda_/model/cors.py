"""
Cross-origin requests to function URLs: the headers for browsers (Fetch standard; Lambda guide, urls-configuration).

A URL with a CORS configuration answers preflights itself, and its headers replace those that the function sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANY = "*"


def is_preflight(cors: Mapping[str, Any], method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is a browser's question that the configuration answers. headers: lower-case names."""
    asks = "origin" in headers and "access-control-request-method" in headers
    return bool(cors) and method == "OPTIONS" and asks


def preflight(cors: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that answer a preflight; only `vary` when the origin is not allowed."""
    answer = allowed(cors, headers)
    if "access-control-allow-origin" not in answer:
        return answer
    answer.pop("access-control-expose-headers", None)
    credentials = bool(cors.get("AllowCredentials"))
    methods = _listed(cors.get("AllowMethods"), headers["access-control-request-method"], credentials)
    names = _listed(cors.get("AllowHeaders"), headers.get("access-control-request-headers", ""), credentials)
    if methods:
        answer["access-control-allow-methods"] = methods
    if names:
        answer["access-control-allow-headers"] = names
    if cors.get("MaxAge") is not None:
        answer["access-control-max-age"] = str(cors["MaxAge"])
    return answer


def allowed(cors: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The headers for an answer to a request with these headers; none when it is not a cross-origin request."""
    origin = headers.get("origin")
    if not cors or origin is None:
        return {}
    origins, credentials = cors.get("AllowOrigins") or [], bool(cors.get("AllowCredentials"))
    if not any(_matches(pattern, origin) for pattern in origins):
        return {"vary": "Origin"}
    # With credentials a browser takes no star for an answer.
    answer = {"access-control-allow-origin": ANY if ANY in origins and not credentials else origin, "vary": "Origin"}
    if credentials:
        answer["access-control-allow-credentials"] = "true"
    if exposed := cors.get("ExposeHeaders"):
        answer["access-control-expose-headers"] = ",".join(exposed)
    return answer


def _matches(pattern: str, origin: str) -> bool:
    return pattern in (ANY, origin) or (pattern in ("http://*", "https://*") and origin.startswith(pattern[:-1]))


def _listed(allowed_values: list[str] | None, asked: str, credentials: bool) -> str:
    values = allowed_values or []
    return asked if ANY in values and credentials else ",".join(values)
