"""What the functions' door answers to a call that it refuses."""

from __future__ import annotations


class RuntimeApiRefusal(Exception):
    """A call that the Runtime API refuses: HTTP status, AWS's error type and text."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
