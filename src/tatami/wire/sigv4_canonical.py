"""
The text that Signature Version 4 signs, built from a request.

Two dialects (AWS: "Create a signed AWS API request", step 1). S3 takes the path as it is and encodes it once; every
other service removes `.`, `..` and empty segments and encodes what is on the request line once more. A client that
left out an escape or wrote one in lower case still agrees with us in the query and in S3's path, because both
are decoded and encoded anew, as AWS does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from tatami.wire.http import Request

_PLAIN = re.compile(r"[A-Za-z0-9\-_.~]*").fullmatch
_PLAIN_PATH = re.compile(r"[A-Za-z0-9\-_.~/]*").fullmatch


def canonical_request(request: Request, path: str, query: str, signed: Iterable[str], payload: str) -> bytes:
    """The canonical request.

    path, query: already canonical. signed: header names in the order they were signed. payload: the body's hash or
    the constant that stands for it.
    """
    headers = request.headers
    names = list(signed)
    lines = [f"{name}:{_collapse(headers.get(name, ''))}\n" for name in names]
    text = f"{request.method}\n{path}\n{query}\n{''.join(lines)}\n{';'.join(names)}\n{payload}"
    try:
        # Header values travel as latin-1, which keeps the very bytes that a client signed as UTF-8.
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def canonical_path(path: str, *, s3: bool) -> str:
    """The canonical form of a raw path."""
    if s3:
        if _PLAIN_PATH(path):
            return path or "/"
        # Segment by segment, so that an escaped slash in a key stays one.
        return "/".join([quote(unquote_to_bytes(segment), safe="~") for segment in path.split("/")])
    if "//" in path or "/." in path or not path:
        path = _without_dots(path)
    return path if _PLAIN_PATH(path) else quote(path, safe="/~")


def canonical_query(query: str) -> str:
    """The canonical form of a raw query: encoded, sorted, without the signature itself."""
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if name != "X-Amz-Signature":
            pairs.append((_encoded(name), _encoded(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def _collapse(value: str) -> str:
    return " ".join(value.split()) if " " in value or "\t" in value else value


def _encoded(component: str) -> str:
    if _PLAIN(component):
        return component
    return quote(unquote_to_bytes(component.replace("+", "%20")), safe="~")


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment and segment != ".":
            kept.append(segment)
    tail = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + tail
