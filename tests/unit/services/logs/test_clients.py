"""What real clients do: botocore's paginators, and a tail that follows."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recorded.calling import room_client
from tests.unit.services.logs.harness import CONTEXT, GROUP, STREAM, Logs


@pytest.fixture
def client(logs: Logs) -> Any:
    return room_client(logs.room, CONTEXT, logs.runner)


def test_paginators_see_everything_once(logs: Logs, client: Any) -> None:
    streams = [f"s{i}" for i in range(5)]
    logs.with_stream(GROUP, *streams)
    for number, stream in enumerate(streams):
        logs.put(f"m{number}", stream=stream, at=logs.now + number)
    small = {"PageSize": 2}
    pages = client.get_paginator("describe_log_streams").paginate(logGroupName=GROUP, PaginationConfig=small)
    assert [stream["logStreamName"] for page in pages for stream in page["logStreams"]] == streams
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=GROUP, PaginationConfig=small)
    assert [event["message"] for page in pages for event in page["events"]] == [f"m{i}" for i in range(5)]
    pages = client.get_paginator("describe_log_groups").paginate(PaginationConfig=small)
    assert [group["logGroupName"] for page in pages for group in page["logGroups"]] == [GROUP]


def test_a_tail_follows(logs: Logs, client: Any) -> None:
    """As `aws logs tail --follow` does it: pages to the end, then again from the last time, known ids left out."""
    logs.with_stream(GROUP, STREAM, "other")
    printed: list[str] = []
    known: set[str] = set()
    request: dict[str, Any] = {"logGroupName": GROUP, "startTime": logs.now, "interleaved": True, "limit": 2}

    def poll() -> None:
        last = request["startTime"]
        for page in client.get_paginator("filter_log_events").paginate(**request):
            for event in page["events"]:
                if event["eventId"] not in known:
                    known.add(event["eventId"])
                    printed.append(event["message"])
                last = max(last, event["timestamp"])
        request["startTime"] = last

    poll()
    for round_ in range(4):
        logs.put(f"a{round_}", f"b{round_}", stream=STREAM, step=0)
        poll()
        logs.put(f"c{round_}", stream="other")
        poll()
        logs.run(logs.clock.advance(0.001 * (round_ % 2)))
    assert printed == [f"{letter}{round_}" for round_ in range(4) for letter in "abc"]
