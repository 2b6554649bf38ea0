"""What can go wrong when a platform is called: it refused, or it cannot be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """The platform answered with an error. code: as AWS spells it; status: of the HTTP response."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class UnreachableError(Exception):
    """No platform answers at the endpoint; the text is one line that names it."""


def api_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error of a JSON-protocol response; `headers` has lower-case names.

    The code comes from `x-amzn-errortype` or the body's `__type`/`code`, without its namespace and URL, as AWS's
    protocol description (smithy, aws.protocols#restJson1) tells clients to read it.
    """
    values = _json_object(body)
    code = headers.get("x-amzn-errortype") or values.get("__type") or values.get("code") or f"HTTP{status}"
    code = str(code).partition(":")[0].rpartition("#")[2]
    message = values.get("message") or values.get("Message") or body[:200].decode(errors="replace").strip()
    return ApiError(code, str(message), status)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
