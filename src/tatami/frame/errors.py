"""AWS errors as one exception type: who is guilty, a stable code, a text, and what travels beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error that an AWS client shall see.

    code: the shape's name as AWS spells it (`ResourceNotFoundException`).
    status: the HTTP status.
    sender_fault: True when the caller is guilty (`Sender`/`User`), False when the platform is.
    fields: further members of the error's body (`Reason`, `Type`, ...).
    headers: further response headers (`Retry-After`).
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        sender_fault: bool = True,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.sender_fault = sender_fault
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


def not_implemented(what: str) -> AwsError:
    """The refusal of something not built yet, by name: 501 `NotImplemented`.

    what: a full name such as `lambda:PublishVersion` or `lambda:CreateFunction with Layers`.
    """
    return AwsError("NotImplemented", f"Tatami does not implement {what} yet.", 501, sender_fault=False)


def validation_error(message: str) -> AwsError:
    """A request that breaks the service model's constraints; `message` is the model's own text."""
    return AwsError("ValidationException", message, 400)
