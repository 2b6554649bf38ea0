"""Event stream answers, read by botocore's parser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import botocore.eventstream
import botocore.parsers
import pytest
from tests.wire import judge

from tatami.wire.http import Response
from tatami.wire.models import load_service
from tatami.wire.protocols import UnknownMember, codec

NOW = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)
STREAMS: list[tuple[str, str, str, str, dict[str, Any], list[dict[str, Any]]]] = [
    (
        "lambda",
        "InvokeWithResponseStream",
        "rest-json",
        "EventStream",
        {"ExecutedVersion": "$LATEST"},
        [
            {"PayloadChunk": {"Payload": b"\x00first"}},
            {"InvokeComplete": {"ErrorCode": "Unhandled", "ErrorDetails": "é", "LogResult": "bG9n"}},
        ],
    ),
    (
        "kinesis",
        "SubscribeToShard",
        "json",
        "EventStream",
        {},
        [
            {
                "SubscribeToShardEvent": {
                    "Records": [
                        {
                            "SequenceNumber": "1",
                            "ApproximateArrivalTimestamp": NOW,
                            "Data": b"\xff\x00",
                            "PartitionKey": "p",
                        }
                    ],
                    "ContinuationSequenceNumber": "2",
                    "MillisBehindLatest": 0,
                }
            }
        ],
    ),
    (
        "logs",
        "StartLiveTail",
        "json",
        "responseStream",
        {},
        [{"sessionStart": {"requestId": "r", "logGroupIdentifiers": ["g"]}}, {"sessionUpdate": {"sessionResults": []}}],
    ),
    (
        "s3",
        "SelectObjectContent",
        "rest-xml",
        "Payload",
        {},
        [
            {"Records": {"Payload": b"a,b\n"}},
            {"Stats": {"Details": {"BytesScanned": 4, "BytesReturned": 4}}},
            {"End": {}},
        ],
    ),
]


async def stream(events: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for event in events:
        yield event


def collect(response: Response) -> bytes:
    async def read() -> bytes:
        assert not isinstance(response.body, bytes)
        return b"".join([piece async for piece in response.body])

    return asyncio.run(read())


class Raw:
    """What urllib3 gives botocore."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> list[bytes]:
        return [self.data]

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(("name", "operation", "protocol", "member", "others", "events"), STREAMS)
def test_botocore_reads_the_events(
    name: str, operation: str, protocol: str, member: str, others: dict[str, Any], events: list[dict[str, Any]]
) -> None:
    model = load_service(name).operations[operation]
    response = codec(protocol).encode(model, {**others, member: stream(events)}, "id")
    assert response.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    response.body = Raw(collect(response))  # type: ignore[assignment]
    parsed = judge.parse(name, operation, protocol, response)
    assert {key: parsed[key] for key in others} == others
    assert list(parsed[member]) == events


def test_modelled_errors_in_a_stream_reach_botocore() -> None:
    model = load_service("kinesis").operations["SubscribeToShard"]
    events = [{"InternalFailureException": {"message": "It burned"}}]
    response = codec("json").encode(model, {"EventStream": stream(events)}, "id")
    response.body = Raw(collect(response))  # type: ignore[assignment]
    parsed = judge.parse("kinesis", "SubscribeToShard", "json", response)
    with pytest.raises(botocore.eventstream.EventStreamError, match=r"InternalFailureException.*It burned"):
        list(parsed["EventStream"])


def test_unknown_events_are_refused() -> None:
    model = load_service("kinesis").operations["SubscribeToShard"]
    response = codec("json").encode(model, {"EventStream": stream([{"Nothing": {}}])}, "id")
    with pytest.raises(UnknownMember):
        collect(response)
