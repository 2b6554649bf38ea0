"""FilterLogEvents: which events of a group, in which order, in which pages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.logs.harness import ARN, GROUP, STREAM, Logs, messages

from tatami.services.logs.api import events as api


def all_pages(logs: Logs, **values: object) -> list[str]:
    page = logs.filter(**values)
    found = messages(page)
    while "nextToken" in page:
        page = logs.filter(**values, nextToken=page["nextToken"])
        found += messages(page)
    return found


def test_an_event_is_shown_whole(logs: Logs) -> None:
    logs.with_stream().put("one")
    answer = logs.filter(interleaved=True)
    (event,) = answer["events"]
    assert answer["searchedLogStreams"] == []
    assert "nextToken" not in answer
    assert len(event.pop("eventId")) == 56
    assert event == {
        "logStreamName": STREAM,
        "timestamp": logs.now,
        "message": "one",
        "ingestionTime": logs.now,
    }


def test_streams_are_interleaved_by_time(logs: Logs) -> None:
    logs.with_stream(GROUP, "a", "b", "c")
    for number, stream in enumerate("abcabc"):
        logs.put(f"{stream}{number}", stream=stream, at=logs.now + number)
    assert messages(logs.filter()) == ["a0", "b1", "c2", "a3", "b4", "c5"]
    assert messages(logs.filter(logStreamNames=["c", "a", "a"])) == ["a0", "c2", "a3", "c5"]
    assert messages(logs.filter(logStreamNamePrefix="b")) == ["b1", "b4"]
    assert messages(logs.filter(logStreamNamePrefix="x")) == []
    assert messages(logs.filter(startTime=logs.now + 1, endTime=logs.now + 3)) == ["b1", "c2", "a3"]
    assert messages(logs.filter(startTime=logs.now, startFromHead=False, limit=2)) == ["c5", "b4"]
    assert messages(logs("FilterLogEvents", logGroupIdentifier=ARN)) == messages(logs.filter())


def test_for_ever_is_the_largest_long(logs: Logs) -> None:
    logs.with_stream().put("a")
    largest = 2**63 - 1
    assert messages(logs.filter(startTime=0, endTime=largest)) == ["a"]
    assert messages(logs.filter(startTime=largest)) == []
    assert messages(logs.get(startTime=0, endTime=largest)) == ["a"]


def test_a_prefix_of_many_streams_is_searched_in_the_group(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_MOST_MERGED_STREAMS", 2)
    logs.with_stream(GROUP, "s1", "s2", "s3", "other")
    for stream in ("s1", "other", "s3"):
        logs.put(stream, stream=stream)
    assert messages(logs.filter(logStreamNamePrefix="s")) == ["s1", "s3"]


def test_patterns_select(logs: Logs) -> None:
    logs.with_stream().put("hello", "hello world", '{"level": "ERROR"}', "goodbye world")
    assert messages(logs.filter(filterPattern="hello")) == ["hello", "hello world"]
    assert messages(logs.filter(filterPattern="world -hello")) == ["goodbye world"]
    assert messages(logs.filter(filterPattern='{ $.level = "ERROR" }')) == ['{"level": "ERROR"}']
    error = logs.fails("FilterLogEvents", logGroupName=GROUP, filterPattern="a:b")
    assert (error.code, error.message) == ("InvalidParameterException", "Invalid character(s) in term ':'")


def test_what_cannot_be_is_refused(logs: Logs) -> None:
    logs.with_stream()
    for values in (
        {"logStreamNames": ["a"], "logStreamNamePrefix": "a"},
        {"startFromHead": False},
        {"nextToken": "invalid-token", "logStreamNames": [STREAM]},
    ):
        assert logs.fails("FilterLogEvents", logGroupName=GROUP, **values).code == "InvalidParameterException"
    missing = logs.fails("FilterLogEvents", logGroupName=GROUP, logStreamNames=["none"])
    assert missing.message == "The specified log stream does not exist."
    assert logs.fails("FilterLogEvents", logGroupName="x").message == "The specified log group does not exist."


def test_the_last_page_has_no_token(logs: Logs) -> None:
    logs.with_stream().put(*"abcd")
    page = logs.filter(limit=2)
    page = logs.filter(limit=2, nextToken=page["nextToken"])
    assert messages(page) == ["c", "d"]
    assert "nextToken" not in page


def test_a_long_search_answers_in_between(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_LOOKED_AT", 4)
    monkeypatch.setattr(api, "_CHUNK_EVENTS", 2)
    logs.with_stream().put(*(["no"] * 9), "yes")
    first = logs.filter(filterPattern="yes")
    assert first["events"] == []
    assert "nextToken" in first
    assert all_pages(logs, filterPattern="yes") == ["yes"]
    assert all_pages(logs, filterPattern="yes", startTime=logs.now, startFromHead=False) == ["yes"]


def test_a_page_holds_a_megabyte(logs: Logs) -> None:
    logs.with_stream()
    for i in range(3):
        logs.put(f"{i}" * 500_000, at=logs.now + i)
    assert [len(message) for message in messages(logs.filter())] == [500_000, 500_000]
    assert [message[0] for message in all_pages(logs)] == ["0", "1", "2"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=15),
    st.integers(1, 4),
    st.sampled_from([{}, {"logStreamNames": ["a", "c"]}, {"logStreamNamePrefix": "b"}]),
    st.booleans(),
)
def test_pages_show_each_event_once(
    arrivals: list[tuple[str, int]], limit: int, chosen: dict, descending: bool
) -> None:
    with Logs() as logs:
        logs.with_stream(GROUP, "a", "b", "c")
        for number, (stream, time) in enumerate(arrivals):
            logs.put(str(number), stream=stream, at=logs.now + time)
        allowed = chosen.get("logStreamNames") or chosen.get("logStreamNamePrefix") or "abc"
        wanted = [
            str(number)
            for number, (stream, _) in sorted(enumerate(arrivals), key=lambda pair: (pair[1][1], pair[0]))
            if stream in allowed
        ]
        values = {"startTime": logs.now, "startFromHead": not descending, "limit": limit, **chosen}
        assert all_pages(logs, **values) == (wanted[::-1] if descending else wanted)
