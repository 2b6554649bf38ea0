"""Log streams: create, delete, describe in both orders."""

from __future__ import annotations

from typing import Any

from tests.unit.services.logs.harness import ARN, GROUP, STREAM, Logs


def names(answer: dict) -> list[str]:
    return [stream["logStreamName"] for stream in answer["logStreams"]]


def test_a_stream_shows_its_events_times(logs: Logs) -> None:
    logs.with_stream()
    empty = {
        "logStreamName": STREAM,
        "creationTime": logs.now,
        "arn": f"{ARN}:log-stream:{STREAM}",
        "storedBytes": 0,
    }
    assert logs("DescribeLogStreams", logGroupName=GROUP) == {"logStreams": [empty]}
    logs.put("a", "b", at=logs.now - 500, step=100)
    (stream,) = logs("DescribeLogStreams", logGroupIdentifier=ARN)["logStreams"]
    assert len(stream.pop("uploadSequenceToken")) == 56
    assert stream == {
        **empty,
        "firstEventTimestamp": logs.now - 500,
        "lastEventTimestamp": logs.now - 400,
        "lastIngestionTime": logs.now,
    }


def test_names_are_unique_in_a_group(logs: Logs) -> None:
    logs.with_stream()
    error = logs.fails("CreateLogStream", logGroupName=GROUP, logStreamName=STREAM)
    assert (error.code, error.message) == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    assert logs.fails("CreateLogStream", logGroupName="x", logStreamName="s").code == "ResourceNotFoundException"


def test_a_deleted_stream_is_gone_with_its_events_and_bytes(logs: Logs) -> None:
    logs.with_stream(GROUP, STREAM, "other")
    logs.put("one")
    logs.put("two", stream="other")
    logs("DeleteLogStream", logGroupName=GROUP, logStreamName=STREAM)
    assert logs.fails("DeleteLogStream", logGroupName=GROUP, logStreamName=STREAM).message == (
        "The specified log stream does not exist."
    )
    assert [event["message"] for event in logs.filter()["events"]] == ["two"]
    assert logs("DescribeLogGroups")["logGroups"][0]["storedBytes"] == 3 + 26


def test_pages_by_name_both_ways(logs: Logs) -> None:
    wanted = sorted(f"s{i}" for i in range(7))
    logs.with_stream(GROUP, *wanted, "other")
    for descending in (False, True):
        found: list[str] = []
        more: dict = {}
        while True:
            page = logs(
                "DescribeLogStreams",
                logGroupName=GROUP,
                logStreamNamePrefix="s",
                descending=descending,
                limit=3,
                **more,
            )
            found += names(page)
            if "nextToken" not in page:
                break
            more = {"nextToken": page["nextToken"]}
        assert found == (wanted[::-1] if descending else wanted)
    assert logs.fails("DescribeLogStreams", logGroupName=GROUP, nextToken="x").code == "InvalidParameterException"


def test_pages_by_time_of_the_last_event(logs: Logs) -> None:
    logs.with_stream(GROUP, "a", "b", "c", "d")
    for stream, age in (("c", 30), ("a", 20), ("d", 20)):
        logs.put("x", stream=stream, at=logs.now - age)
    by_time: dict[str, Any] = {"logGroupName": GROUP, "orderBy": "LastEventTime", "limit": 2}
    first = logs("DescribeLogStreams", **by_time)
    second = logs("DescribeLogStreams", **by_time, nextToken=first["nextToken"])
    assert names(first) + names(second) == ["b", "c", "a", "d"]
    assert names(logs("DescribeLogStreams", **by_time, descending=True)) == ["d", "a"]
    assert logs.fails("DescribeLogStreams", **by_time, logStreamNamePrefix="a").code == "InvalidParameterException"


def test_the_group_is_named_once(logs: Logs) -> None:
    logs.with_stream()
    assert logs.fails("DescribeLogStreams").code == "InvalidParameterException"
    both = logs.fails("DescribeLogStreams", logGroupName=GROUP, logGroupIdentifier=GROUP)
    assert both.code == "InvalidParameterException"
    other = "arn:aws:logs:eu-west-1:000000000001:log-group:" + GROUP
    assert logs.fails("DescribeLogStreams", logGroupIdentifier=other).code == "ResourceNotFoundException"
