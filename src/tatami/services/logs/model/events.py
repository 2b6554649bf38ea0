"""Log events: what PutLogEvents accepts, where an event stands, and the tokens of the reading operations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tatami.frame.operation import Values
from tatami.services.logs.errors import invalid_parameter, invalid_token
from tatami.services.logs.model.retention import DAY_MS, oldest_kept_ms

OVERHEAD_BYTES = 26
MOST_BATCH_BYTES = 1_048_576
MOST_EVENT_BYTES = MOST_BATCH_BYTES - OVERHEAD_BYTES
MOST_PAGE_BYTES = 1_048_576
MOST_PAGE_EVENTS = 10_000
TOO_OLD_MS = 14 * DAY_MS
TOO_NEW_MS = 2 * 3_600_000
NEWEST_FIRST_SINCE_MS = 1_704_067_200_000
"""FilterLogEvents goes backwards only from a `startTime` of 2024 or later."""

_FOR_EVER_MS = 2**62
_TOKEN = re.compile(r"([fb])/(\d{20})(\d{36})/s")


class Position(NamedTuple):
    """Where an event stands in its group and in its stream: by time, then in the order of arrival."""

    timestamp_ms: int
    sequence: int

    @classmethod
    def before_time(cls, time_ms: int) -> Position:
        """Before every event of `time_ms`, behind every earlier one. Clients say "for ever" with the largest long."""
        return cls(min(time_ms, _FOR_EVER_MS), -1)


THE_END = Position(_FOR_EVER_MS, 0)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is stored."""

    position: Position
    ingestion_ms: int
    message: str
    stream: str

    @property
    def size(self) -> int:
        """What it counts towards a page: UTF-8 bytes and overhead."""
        return len(self.message.encode()) + OVERHEAD_BYTES


class NewEvent(NamedTuple):
    """One event on its way in; size: UTF-8 bytes and overhead."""

    timestamp_ms: int
    message: str
    size: int


@dataclass(frozen=True)
class Batch:
    """What PutLogEvents stores, and what it says about the rest."""

    accepted: list[NewEvent] = field(default_factory=list)
    rejected: Values = field(default_factory=dict)


def incoming(timestamp_ms: int, message: str) -> NewEvent:
    """An event with its size; halves of surrogate pairs, which no UTF-8 can hold, become `?`."""
    try:
        content = message.encode()
    except UnicodeEncodeError:
        content = message.encode(errors="replace")
        message = content.decode()
    return NewEvent(timestamp_ms, message, len(content) + OVERHEAD_BYTES)


def pieces(timestamp_ms: int, message: str) -> Iterator[NewEvent]:
    """A message of any length as events of allowed size, cut between characters."""
    event = incoming(timestamp_ms, message)
    if event.size <= MOST_EVENT_BYTES + OVERHEAD_BYTES:
        yield event
        return
    content = event.message.encode()
    while content:
        piece = content[:MOST_EVENT_BYTES].decode(errors="ignore")
        yield incoming(timestamp_ms, piece)
        content = content[len(piece.encode()) :]


def check_batch(events: Sequence[Values]) -> list[NewEvent]:
    """The events of a PutLogEvents request. Raises AwsError when it breaks a rule as a whole."""
    batch = [incoming(event["timestamp"], event["message"]) for event in events]
    for event in batch:
        if event.size - OVERHEAD_BYTES > MOST_EVENT_BYTES:
            raise invalid_parameter(f"Log event too large: {event.size} bytes exceeds limit of {MOST_BATCH_BYTES}")
    total = sum(event.size for event in batch)
    if total > MOST_BATCH_BYTES:
        raise invalid_parameter(f"Upload too large: {total} bytes exceeds limit of {MOST_BATCH_BYTES}")
    if any(later.timestamp_ms < earlier.timestamp_ms for earlier, later in pairwise(batch)):
        raise invalid_parameter("Log events in a single PutLogEvents request must be in chronological order.")
    return batch


def sort_out(batch: Sequence[NewEvent], retention_days: int | None, now_ms: int) -> Batch:
    """Which events of an ordered batch are stored. Raises AwsError when those span more than a day."""
    too_old = sum(event.timestamp_ms < now_ms - TOO_OLD_MS for event in batch)
    expired = sum(event.timestamp_ms < oldest_kept_ms(retention_days, now_ms) for event in batch)
    too_new = sum(event.timestamp_ms > now_ms + TOO_NEW_MS for event in batch)
    accepted = list(batch[max(too_old, expired) : len(batch) - too_new])
    if accepted and accepted[-1].timestamp_ms - accepted[0].timestamp_ms > DAY_MS:
        raise invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    rejected: Values = {}
    if too_new:
        rejected["tooNewLogEventStartIndex"] = len(batch) - too_new
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    return Batch(accepted, rejected)


def event_id(event: Event) -> str:
    """56 digits, unique in the group, in the order of the events."""
    return f"{event.position.timestamp_ms:020d}{event.position.sequence:036d}"


def forward_token(position: Position) -> str:
    """The token for the events behind `position`."""
    return f"f/{position.timestamp_ms:020d}{position.sequence + 1:036d}/s"


def backward_token(position: Position) -> str:
    """The token for the events before `position`."""
    return f"b/{position.timestamp_ms:020d}{position.sequence + 1:036d}/s"


def read_token(token: str) -> tuple[bool, Position]:
    """Whether a token of GetLogEvents goes forward, and from where. Raises AwsError."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise invalid_token()
    return found[1] == "f", Position(min(int(found[2]), _FOR_EVER_MS), min(int(found[3]), _FOR_EVER_MS) - 1)
