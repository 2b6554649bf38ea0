"""Where function logs go.

Promise: `write` returns at once and never raises; events of one stream keep their order; what was written is
readable by the logs service within a second, and after a clean stop of the platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: milliseconds since the epoch and its text, which ends with the newline it was printed with."""

    timestamp_ms: int
    message: str


class LogSink(Protocol):
    """Takes the log events of functions."""

    def write(self, account: str, region: str, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        """Append `events` to `stream` of `group`, creating both when they do not exist."""
        ...
