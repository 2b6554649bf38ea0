"""Why an invocation was not run, when that is no fault of the function."""

from __future__ import annotations


class Throttled(Exception):
    """Too many invocations at once.

    reason: AWS's ThrottleReason, such as `ConcurrentInvocationLimitExceeded`. retry_after: seconds.
    """

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class ShuttingDown(Exception):
    """The platform is stopping and takes no more invocations."""
