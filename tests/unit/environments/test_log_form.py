"""What a log of either format has, from which levels on."""

from __future__ import annotations

import json

import pytest

from tatami.environments import platform_events
from tatami.environments.log_form import LogForm

TIME = "2026-01-01T10:00:00.123Z"


def own(level: object, timestamp: object = TIME) -> str:
    return json.dumps({"timestamp": timestamp, "level": level, "message": "m"}) + "\n"


def test_text_keeps_every_line() -> None:
    form = LogForm("Text", "FATAL", "WARN")
    assert form.keeps("anything", 0)
    assert form.keeps("fine", 2)
    event = platform_events.start("r", "1")
    assert form.platform_line(event, 0) == event.text


@pytest.mark.parametrize(
    ("text", "rank", "claimed"),
    [
        ("printed\n", 0, "INFO"),
        ("printed\n", 2, "DEBUG"),
        ("printed\n", 6, "FATAL"),
        (own("debug"), 0, "DEBUG"),
        (own("Warning"), 0, "WARN"),
        (own("critical"), 0, "FATAL"),
        (own("error", "2026-01-01T10:00:00+01:00"), 0, "ERROR"),
        (own("error"), 3, "INFO"),  # the frame knows better
        (own("error", "yesterday"), 0, "INFO"),
        (own("error", 17), 0, "INFO"),
        (own("loud"), 0, "INFO"),
        (own(5), 0, "INFO"),
        ('{"level": "error"', 0, "INFO"),
        ("{" * 100_000, 0, "INFO"),
        ("[1]", 0, "INFO"),
    ],
)
def test_the_level_of_a_line(text: str, rank: int, claimed: str) -> None:
    levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    kept = [level for level in levels if LogForm("JSON", level).keeps(text, rank)]
    assert kept == levels[: levels.index(claimed) + 1]


def test_lines_of_the_platform() -> None:
    start, done = platform_events.start("r", "1"), platform_events.runtime_done("r", "success", 1)
    assert json.loads(LogForm("JSON").platform_line(start, 0))["type"] == "platform.start"
    assert LogForm("JSON").platform_line(done, 0) == ""
    assert LogForm("JSON", system_level="DEBUG").platform_line(done, 0) != ""
    assert LogForm("JSON", system_level="WARN").platform_line(start, 0) == ""
