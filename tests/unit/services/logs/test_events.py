"""Log events: what is accepted, and how one stream is read page by page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.logs.harness import GROUP, STREAM, Logs, messages

DAY = 86_400_000
HOUR = 3_600_000


def test_events_come_back_in_order_of_time_and_arrival(logs: Logs) -> None:
    logs.with_stream()
    start = logs.now
    logs.put("b", "c", at=start, step=0)
    logs.put("a", at=start - 10)
    logs.put("🙀 - 参よ", at=start, step=0)
    answer = logs.get()
    assert messages(answer) == ["a", "b", "c", "🙀 - 参よ"]
    assert answer["events"][0] == {"timestamp": start - 10, "message": "a", "ingestionTime": logs.now}
    expected = 3 * 27 + len("🙀 - 参よ".encode()) + 26
    assert logs("DescribeLogGroups")["logGroups"][0]["storedBytes"] == expected


def test_order_size_and_span_are_checked(logs: Logs) -> None:
    logs.with_stream()

    def refusal(*events: tuple[int, str]) -> str:
        error = logs.fails(
            "PutLogEvents",
            logGroupName=GROUP,
            logStreamName=STREAM,
            logEvents=[{"timestamp": logs.now + time, "message": message} for time, message in events],
        )
        assert error.code == "InvalidParameterException"
        return error.message

    assert refusal((0, "a"), (-1, "b")) == (
        "Log events in a single PutLogEvents request must be in chronological order."
    )
    assert refusal((-25 * HOUR, "a"), (0, "b")) == (
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    )
    half = "é" * 262_144
    assert refusal((0, half), (0, half)) == "Upload too large: 1048628 bytes exceeds limit of 1048576"
    assert refusal((0, "x" * 1_048_551)) == "Log event too large: 1048577 bytes exceeds limit of 1048576"
    logs.put("x" * 1_048_550)
    assert len(logs.get()["events"]) == 1


def test_too_old_expired_and_too_new_events_are_named(logs: Logs) -> None:
    logs.with_stream()
    answer = logs.put("old", at=logs.now - 30 * DAY)
    assert len(answer["nextSequenceToken"]) == 56
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    answer = logs.put("now", "far", "farther", at=logs.now, step=3 * HOUR)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
    answer = logs.put("expired", "kept", at=logs.now - DAY - HOUR, step=2 * HOUR)
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert messages(logs.get()) == ["kept", "now"]
    assert "rejectedLogEventsInfo" not in logs.put("fine")


def test_an_entity_is_rejected_openly(logs: Logs) -> None:
    logs.with_stream()
    answer = logs(
        "PutLogEvents",
        logGroupName=GROUP,
        logStreamName=STREAM,
        sequenceToken="whatever",
        entity={"keyAttributes": {"Type": "Service", "Name": "x"}},
        logEvents=[{"timestamp": logs.now, "message": "m"}],
    )
    assert answer["rejectedEntityInfo"] == {"errorType": "UnsupportedLogGroupType"}
    assert messages(logs.get()) == ["m"]


@pytest.mark.parametrize("operation", ["PutLogEvents", "GetLogEvents"])
def test_missing_groups_and_streams(logs: Logs, operation: str) -> None:
    values: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": STREAM}
    if operation == "PutLogEvents":
        values["logEvents"] = []
    assert logs.fails(operation, **values).message == "The specified log group does not exist."
    logs("CreateLogGroup", logGroupName=GROUP)
    assert logs.fails(operation, **values).message == "The specified log stream does not exist."


def test_half_a_surrogate_pair_is_stored_as_a_question_mark(logs: Logs) -> None:
    logs.with_stream().put("a\ud800b")
    assert messages(logs.get()) == ["a?b"]


def test_the_newest_page_comes_first_unless_asked_otherwise(logs: Logs) -> None:
    logs.with_stream().put(*(f"m{i}" for i in range(10)))
    assert messages(logs.get(limit=3)) == ["m7", "m8", "m9"]
    assert messages(logs.get(limit=3, startFromHead=True)) == ["m0", "m1", "m2"]


def test_the_time_range_has_its_start_and_not_its_end(logs: Logs) -> None:
    logs.with_stream().put(*(f"m{i}" for i in range(5)))
    assert messages(logs.get(startTime=logs.now + 1, endTime=logs.now + 3)) == ["m1", "m2"]


def test_the_forward_token_stays_at_the_end_and_sees_what_arrives(logs: Logs) -> None:
    logs.with_stream()
    token = logs.get(startFromHead=True)["nextForwardToken"]
    assert logs.get(startFromHead=True, nextToken=token)["nextForwardToken"] == token
    logs.put("a", "b")
    page = logs.get(nextToken=token, limit=1)
    assert messages(page) == ["a"]
    page = logs.get(nextToken=page["nextForwardToken"])
    assert messages(page) == ["b"]
    end = page["nextForwardToken"]
    page = logs.get(nextToken=end)
    assert (page["events"], page["nextForwardToken"]) == ([], end)
    assert messages(logs.get(nextToken=page["nextBackwardToken"])) == ["a", "b"]
    logs.put("c", at=logs.now + 1)
    assert messages(logs.get(nextToken=end)) == ["c"]


def test_the_backward_token_stays_at_the_start(logs: Logs) -> None:
    logs.with_stream().put("a", "b", "c")
    page = logs.get(limit=2)
    page = logs.get(limit=2, nextToken=page["nextBackwardToken"])
    assert messages(page) == ["a"]
    start = page["nextBackwardToken"]
    page = logs.get(nextToken=start)
    assert (page["events"], page["nextBackwardToken"]) == ([], start)
    assert messages(logs.get(nextToken=page["nextForwardToken"])) == ["a", "b", "c"]


def test_foreign_tokens_are_refused(logs: Logs) -> None:
    logs.with_stream()
    for token in ("x", "f/1/s", "f/" + "1" * 55 + "/s"):
        assert (
            logs.fails("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM, nextToken=token).message
            == "The specified nextToken is invalid."
        )
    logs.get(nextToken="f/" + "9" * 56 + "/s")


def test_a_page_holds_a_megabyte(logs: Logs) -> None:
    logs.with_stream()
    for i in range(3):
        logs.put(f"{i}" * 500_000, at=logs.now + i)
    page = logs.get(startFromHead=True)
    assert [len(message) for message in messages(page)] == [500_000, 500_000]
    assert messages(logs.get(nextToken=page["nextForwardToken"])) == ["2" * 500_000]
    page = logs.get()
    assert [message[0] for message in messages(page)] == ["1", "2"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4))
def test_pages_in_both_directions_show_each_event_once(times: list[int], limit: int) -> None:
    with Logs() as logs:
        logs.with_stream()
        for number, time in enumerate(times):
            logs.put(str(number), at=logs.now + time)
        wanted = [str(number) for number, _ in sorted(enumerate(times), key=lambda pair: pair[1])]
        forward: list[str] = []
        page = logs.get(startFromHead=True, limit=limit)
        while page["events"]:
            forward += messages(page)
            page = logs.get(startFromHead=True, limit=limit, nextToken=page["nextForwardToken"])
        backward: list[str] = []
        page = logs.get(limit=limit)
        while page["events"]:
            backward = messages(page) + backward
            page = logs.get(limit=limit, nextToken=page["nextBackwardToken"])
        assert forward == backward == wanted
