"""Ages, lines, and following a log without repeating or losing events."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tatami.cli.logs import LATE_MS, follow_log, format_event, parse_since
from tatami.cli.session import CommandError
from tatami.client.tatami_client import LogLine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 999_970_000),
        ("10m", 999_400_000),
        ("2h", 992_800_000),
        ("1d", 913_600_000),
        ("9999d", 0),
        ("1970-01-02T00:00:00Z", 86_400_000),
        ("1970-01-02T01:00:00+01:00", 86_400_000),
        ("1970-01-02", 86_400_000),
    ],
)
def test_since(text: str, expected: int) -> None:
    assert parse_since(text, now=1_000_000.0) == expected


@pytest.mark.parametrize("text", ["", "5", "5y", "-5m", "yesterday"])
def test_a_since_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--since: expected 30s"):
        parse_since(text, now=0.0)


def line(number: int, timestamp_ms: int) -> LogLine:
    return LogLine(f"id-{number}", timestamp_ms, "stream", f"line {number}\n")


def test_an_event_is_one_line_with_its_time() -> None:
    assert format_event(line(7, 1_763_841_600_123)) == "2025-11-22T20:00:00.123Z line 7"


class EndOfTestError(Exception):
    """Ends a log that would be followed for ever."""


def test_following_shows_every_event_once_late_ones_too() -> None:
    looks = [
        [line(1, 10_000), line(2, 20_000)],
        [line(2, 20_000), line(3, 20_000 - LATE_MS), line(4, 20_000)],
        [line(4, 20_000), line(5, 30_000)],
    ]
    starts: list[int] = []
    shown: list[str] = []

    def read(start: int) -> Iterable[LogLine]:
        starts.append(start)
        return looks[len(starts) - 1]

    def pause(_: float) -> None:
        if len(starts) == len(looks):
            raise EndOfTestError

    with pytest.raises(EndOfTestError):
        follow_log(read, 5_000, shown.append, pause)
    assert [text.rpartition(" ")[2] for text in shown] == ["1", "2", "3", "4", "5"]
    assert starts == [5_000, 20_000 - LATE_MS, 20_000 - LATE_MS]
