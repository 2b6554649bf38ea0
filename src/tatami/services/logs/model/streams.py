"""A log stream and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from tatami.frame.operation import Context, Values
from tatami.services.logs.model.groups import group_arn

MOST_DESCRIBED = 50
NEVER = -1
"""The time of an event that has not come; a number, because databases do not agree where NULL sorts."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One log stream as stored; times in milliseconds since the epoch."""

    stream_id: int
    name: str
    created_ms: int
    first_event_ms: int = NEVER
    last_event_ms: int = NEVER
    last_ingestion_ms: int = NEVER
    stored_bytes: int = 0


def described(context: Context, group: str, stream: Stream) -> Values:
    """The stream as DescribeLogStreams shows it; AWS reports `storedBytes` as 0 since 2019."""
    answer: Values = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": f"{group_arn(context, group)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    if stream.last_event_ms != NEVER:
        answer["firstEventTimestamp"] = stream.first_event_ms
        answer["lastEventTimestamp"] = stream.last_event_ms
        answer["lastIngestionTime"] = stream.last_ingestion_ms
        answer["uploadSequenceToken"] = sequence_token(stream.last_ingestion_ms, stream.stream_id)
    return answer


def sequence_token(time_ms: int, number: int) -> str:
    """A sequence token: 56 digits that nobody reads any more (PutLogEvents takes any)."""
    return f"49{time_ms:020d}{number:034d}"
