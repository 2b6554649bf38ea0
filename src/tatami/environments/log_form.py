"""
In which format a function's log is written, and from which levels on: its LoggingConfig.

A log of format Text has every line. In one of format JSON the platform's events are JSON objects, filtered by
SystemLogLevel, and the function's own lines are filtered by ApplicationLogLevel. A line's level is that of its frame
(managed runtimes); else that of the JSON object that it is, when that has a `level` and an RFC 3339 `timestamp`; else
INFO. Lines that are no JSON stay as they are: to write JSON is the runtime's business, and nothing is encoded twice.

Reference: Lambda guide, monitoring-cloudwatchlogs-logformat and monitoring-cloudwatchlogs-log-level.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from tatami.domain.invocation import FunctionVersion
from tatami.environments.platform_events import PlatformEvent

JSON = "JSON"
LEVELS = {"TRACE": 1, "DEBUG": 2, "INFO": 3, "WARN": 4, "WARNING": 4, "ERROR": 5, "CRITICAL": 6, "FATAL": 6}
"""Ranks, as frames carry them; 0 is none."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class LogForm:
    """format: `Text` or `JSON`. The levels, `DEBUG` ..., matter in JSON only."""

    format: str = "Text"
    application_level: str = "INFO"
    system_level: str = "INFO"

    @classmethod
    def of(cls, function: FunctionVersion) -> LogForm:
        """As the function is configured."""
        return cls(function.log_format, function.application_level or "INFO", function.system_level or "INFO")

    @property
    def filters(self) -> bool:
        """Whether the function's own lines need to be looked at."""
        return self.format == JSON

    def platform_line(self, event: PlatformEvent, timestamp_ms: int) -> str:
        """The line of a platform's event, "" when this log has none."""
        if self.format != JSON:
            return event.text
        return event.json_line(timestamp_ms) if event.reaches(self.system_level) else ""

    def keeps(self, text: str, rank: int) -> bool:
        """Whether the log has a line of the function's own. rank: of its frame's level, 0 for none."""
        if not self.filters:
            return True
        return (rank or _rank_of(text)) >= LEVELS[self.application_level]


def _rank_of(text: str) -> int:
    """The rank of the level that a line claims for itself."""
    if not text.lstrip().startswith("{"):
        return LEVELS["INFO"]
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return LEVELS["INFO"]
    timestamp, level = line.get("timestamp"), line.get("level")
    if not (isinstance(timestamp, str) and _RFC3339.fullmatch(timestamp) and isinstance(level, str)):
        return LEVELS["INFO"]
    return LEVELS.get(level.upper(), LEVELS["INFO"])
