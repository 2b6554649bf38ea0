"""Log events in the database: written in batches, read in windows.

A window is cut before its messages are read: first positions and sizes alone, from which follows how many events fit,
then those events. So a page costs what it shows, however long the messages behind it are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from tatami.ports.store import Row, Transaction
from tatami.services.logs.model.events import Event, NewEvent, Position
from tatami.services.logs.model.groups import Group
from tatami.services.logs.model.streams import NEVER, Stream


@dataclass(frozen=True, slots=True)
class Span:
    """The events between two positions, neither included."""

    low: Position
    high: Position
    descending: bool = False

    def behind(self, position: Position) -> Span:
        """What is left of the span after reading up to `position`, included."""
        return replace(self, high=position) if self.descending else replace(self, low=position)


@dataclass(frozen=True, slots=True)
class Window:
    """Some events, in the order of reading. reached: how far it looked; None when nothing is left."""

    events: Sequence[Event]
    reached: Position | None
    looked_at: int = 0


Look = Callable[[Transaction], Awaitable[Window]]


async def insert(
    transaction: Transaction, group: Group, stream: Stream, events: Sequence[NewEvent], now_ms: int
) -> tuple[Group, Stream]:
    """Write `events` (at least one) and what follows for group and stream, which are returned as they are now."""
    await transaction.execute_many(
        "INSERT INTO log_events (stream_id, timestamp_ms, sequence, group_id, ingestion_ms, size, message) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (stream.stream_id, event.timestamp_ms, sequence, group.group_id, now_ms, event.size, event.message)
            for sequence, event in enumerate(events, group.next_sequence)
        ],
    )
    total = sum(event.size for event in events)
    first = min(event.timestamp_ms for event in events)
    stream = replace(
        stream,
        first_event_ms=first if stream.first_event_ms == NEVER else min(stream.first_event_ms, first),
        last_event_ms=max(stream.last_event_ms, *(event.timestamp_ms for event in events)),
        last_ingestion_ms=now_ms,
        stored_bytes=stream.stored_bytes + total,
    )
    group = replace(group, stored_bytes=group.stored_bytes + total, next_sequence=group.next_sequence + len(events))
    await transaction.execute(
        "UPDATE log_streams SET first_event_ms = $1, last_event_ms = $2, last_ingestion_ms = $3, stored_bytes = $4 "
        "WHERE stream_id = $5",
        stream.first_event_ms,
        stream.last_event_ms,
        stream.last_ingestion_ms,
        stream.stored_bytes,
        stream.stream_id,
    )
    await transaction.execute(
        "UPDATE log_groups SET stored_bytes = $1, next_sequence = $2 WHERE group_id = $3",
        group.stored_bytes,
        group.next_sequence,
        group.group_id,
    )
    return group, stream


async def of_stream(transaction: Transaction, stream: Stream, span: Span, *, limit: int, budget: int) -> Window:
    """Events of one stream: at most `limit`, and `budget` bytes (but at least one)."""
    return await _window(transaction, "stream_id", stream.stream_id, span, limit, budget)


async def of_group(transaction: Transaction, group: Group, span: Span, *, limit: int, budget: int) -> Window:
    """Events of all streams of a group."""
    return await _window(transaction, "group_id", group.group_id, span, limit, budget)


async def of_streams(
    transaction: Transaction, streams: Sequence[Stream], span: Span, *, limit: int, budget: int
) -> Window:
    """Events of a few streams, merged: each gives its part, and what all have looked through is shown."""
    if not streams:
        return Window((), None)
    share = max(20, limit // len(streams))
    windows = [
        await of_stream(transaction, stream, span, limit=share, budget=max(1, budget // len(streams)))
        for stream in streams
    ]
    events = sorted(
        (event for window in windows for event in window.events),
        key=lambda event: event.position,
        reverse=span.descending,
    )
    looked_at = sum(window.looked_at for window in windows)
    unfinished = [window.reached for window in windows if window.reached is not None]
    if not unfinished:
        return Window(events, None, looked_at)
    reached = max(unfinished) if span.descending else min(unfinished)
    seen = [event for event in events if _is_within(event.position, reached, span.descending)]
    return Window(seen, reached, looked_at)


def _is_within(position: Position, reached: Position, descending: bool) -> bool:
    return position >= reached if descending else position <= reached


async def _window(transaction: Transaction, column: str, number: int, span: Span, limit: int, budget: int) -> Window:
    order = "DESC" if span.descending else "ASC"
    sizes = await transaction.fetch(
        f"SELECT timestamp_ms, sequence, size FROM log_events WHERE {column} = $1 "
        "AND (timestamp_ms, sequence) > ($2, $3) AND (timestamp_ms, sequence) < ($4, $5) "
        f"ORDER BY timestamp_ms {order}, sequence {order} LIMIT $6",
        number,
        *span.low,
        *span.high,
        limit + 1,
    )
    fitting = _fitting(sizes, limit, budget)
    if not fitting:
        return Window((), None)
    last = Position(*sizes[fitting - 1][:2])
    until, since, start = (">=", "<", span.high) if span.descending else ("<=", ">", span.low)
    rows = await transaction.fetch(
        "SELECT e.timestamp_ms, e.sequence, e.ingestion_ms, e.message, s.name FROM log_events e "
        f"JOIN log_streams s ON s.stream_id = e.stream_id WHERE e.{column} = $1 "
        f"AND (e.timestamp_ms, e.sequence) {until} ($2, $3) "
        f"AND (e.timestamp_ms, e.sequence) {since} ($4, $5) "
        f"ORDER BY e.timestamp_ms {order}, e.sequence {order}",
        number,
        *last,
        *start,
    )
    events = [Event(Position(row[0], row[1]), row[2], row[3], row[4]) for row in rows]
    return Window(events, last if len(sizes) > fitting else None, fitting)


def _fitting(sizes: Sequence[Row], limit: int, budget: int) -> int:
    """How many of the rows are shown."""
    total = 0
    for count, (_, _, size) in enumerate(sizes):
        total += size
        if count == limit or (count and total > budget):
            return count
    return len(sizes)
