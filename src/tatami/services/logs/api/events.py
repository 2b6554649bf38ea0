"""Log events: put, get from one stream, filter in a group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tatami.domain.log_pattern import InvalidPattern, LogPattern, compile_pattern
from tatami.frame.operation import Context, Values, operation
from tatami.frame.paging import InvalidToken, decode_token, encode_token
from tatami.ports.store import Transaction
from tatami.services.logs.api.finding import group_named, group_of, stream_named
from tatami.services.logs.errors import invalid_parameter, invalid_token, stream_missing
from tatami.services.logs.model.events import (
    MOST_PAGE_BYTES,
    MOST_PAGE_EVENTS,
    NEWEST_FIRST_SINCE_MS,
    THE_END,
    Event,
    Position,
    backward_token,
    check_batch,
    event_id,
    forward_token,
    read_token,
    sort_out,
)
from tatami.services.logs.model.groups import Group
from tatami.services.logs.model.retention import oldest_kept_ms
from tatami.services.logs.model.streams import Stream, sequence_token
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import events as store
from tatami.services.logs.store import streams as streams_store
from tatami.services.logs.store.events import Span, Window

MOST_LOOKED_AT = 100_000
"""Events that one FilterLogEvents looks at; then it answers with what it has and a token, as AWS does."""
_CHUNK_EVENTS = 1_000
_MOST_MERGED_STREAMS = 100


@operation("PutLogEvents", action="logs:PutLogEvents")
async def put_log_events(state: LogsState, context: Context, values: Values) -> Values:
    """Store an ordered batch; what is too old, too new or expired is named in the answer.

    Any `sequenceToken` is taken (as by AWS since 2023). An `entity` is answered with `rejectedEntityInfo`, because
    nothing here would act on it.
    """
    batch = check_batch(values["logEvents"])
    now_ms = state.now_ms()

    async def work(transaction: Transaction) -> Values:
        group = await group_named(transaction, context, values["logGroupName"])
        stream = await stream_named(transaction, group, values["logStreamName"])
        sorted_out = sort_out(batch, group.retention_days, now_ms)
        if sorted_out.accepted:
            group, stream = await store.insert(transaction, group, stream, sorted_out.accepted, now_ms)
        answer: Values = {"nextSequenceToken": sequence_token(now_ms, group.next_sequence)}
        if sorted_out.rejected:
            answer["rejectedLogEventsInfo"] = sorted_out.rejected
        return answer

    answer = await state.store.write(work)
    if values.get("entity"):
        answer["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
    return answer


@operation("GetLogEvents", action="logs:GetLogEvents")
async def get_log_events(state: LogsState, context: Context, values: Values) -> Values:
    """A page of one stream, oldest first; the newest page unless `startFromHead` or a token says otherwise.

    A token names a place between two events, so the token of an end that is reached comes back unchanged, and
    leads to what arrives later.
    """
    forward, place = bool(values.get("startFromHead")), None
    if values.get("nextToken") is not None:
        forward, place = read_token(values["nextToken"])

    async def work(transaction: Transaction) -> tuple[Position, Window]:
        group = await group_of(transaction, context, values)
        stream = await stream_named(transaction, group, values["logStreamName"])
        start = Position.before_time(max(values.get("startTime", 0), _oldest(state, group)))
        end = Position.before_time(values["endTime"]) if "endTime" in values else THE_END
        low, high = start, end
        if place is not None:
            low, high = (max(low, place), high) if forward else (low, min(high, place))
        limit = values.get("limit", MOST_PAGE_EVENTS)
        window = await store.of_stream(
            transaction, stream, Span(low, high, descending=not forward), limit=limit, budget=MOST_PAGE_BYTES
        )
        return start, window

    start, window = await state.store.read(work)
    events = window.events if forward else window.events[::-1]
    first, last = _edges(events, forward, place, start)
    return {
        "events": [
            {"timestamp": event.position.timestamp_ms, "message": event.message, "ingestionTime": event.ingestion_ms}
            for event in events
        ],
        "nextForwardToken": forward_token(last),
        "nextBackwardToken": backward_token(first),
    }


def _edges(
    events: Sequence[Event], forward: bool, place: Position | None, start: Position
) -> tuple[Position, Position]:
    """Where the backward and the forward token of a page point."""
    if events:
        return events[0].position, events[-1].position
    if place is None:
        return start, start
    # The neighbour across the place: going back from a forward token must show the event it stands behind.
    if forward:
        return Position(place.timestamp_ms, place.sequence + 1), place
    return place, Position(place.timestamp_ms, max(-1, place.sequence - 1))


@dataclass(frozen=True)
class _Search:
    """One FilterLogEvents: where it looks and what it wants."""

    span: Span
    pattern: LogPattern
    limit: int
    group: Group
    streams: Sequence[Stream] | None
    prefix: str


@dataclass
class _Page:
    """What a search has found so far. last: the position from which the next page would go on."""

    events: list[Event] = field(default_factory=list)
    size: int = 0
    last: Position | None = None

    def add(self, event: Event, limit: int) -> bool:
        """Take the event in, unless the page is full."""
        if len(self.events) >= limit or (self.events and self.size + event.size > MOST_PAGE_BYTES):
            return False
        self.events.append(event)
        self.size += event.size
        self.last = event.position
        return True


@operation("FilterLogEvents", action="logs:FilterLogEvents")
async def filter_log_events(state: LogsState, context: Context, values: Values) -> Values:
    """A page of the events of a group that match, over all its streams or some, in the order of time."""
    if values.get("logStreamNames") and values.get("logStreamNamePrefix"):
        raise invalid_parameter("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
    try:
        pattern = compile_pattern(values.get("filterPattern", ""))
    except InvalidPattern as error:
        raise invalid_parameter(str(error)) from error
    kind = f"logs:FilterLogEvents {values.get('logGroupName')} {values.get('logGroupIdentifier')}"
    descending, place = _direction(kind, values)

    async def prepare(transaction: Transaction) -> _Search:
        group = await group_of(transaction, context, values)
        low = Position.before_time(max(values.get("startTime", 0), _oldest(state, group)))
        high = Position.before_time(values["endTime"] + 1) if "endTime" in values else THE_END
        if place is not None:
            low, high = (low, min(high, place)) if descending else (max(low, place), high)
        streams = await _chosen_streams(transaction, group, values)
        limit, prefix = values.get("limit", MOST_PAGE_EVENTS), values.get("logStreamNamePrefix", "")
        return _Search(Span(low, high, descending), pattern, limit, group, streams, prefix)

    page, more = await _search(state, await state.store.read(prepare))
    answer: Values = {"events": [_filtered(event) for event in page.events], "searchedLogStreams": []}
    if more and page.last is not None:
        answer["nextToken"] = encode_token(kind, int(descending), *page.last)
    return answer


async def _search(state: LogsState, search: _Search) -> tuple[_Page, bool]:
    """Look through the span in chunks; whether there may be more behind the page."""
    page, looked_at = _Page(), 0
    span: Span | None = search.span
    while span is not None:
        window = await state.store.read(_look(search, span))
        for event in window.events:
            if search.pattern.matches(event.message) and not page.add(event, search.limit):
                return page, True
        looked_at += window.looked_at
        span = None if window.reached is None else span.behind(window.reached)
        if span is not None and looked_at >= MOST_LOOKED_AT:
            page.last = window.reached
            return page, True
        await asyncio.sleep(0)  # a search shares the loop with everybody else
    return page, False


def _look(search: _Search, span: Span) -> store.Look:
    """The reading of the next chunk."""

    async def work(transaction: Transaction) -> Window:
        limits = {"limit": _CHUNK_EVENTS, "budget": MOST_PAGE_BYTES}
        if search.streams is not None:
            return await store.of_streams(transaction, search.streams, span, **limits)
        window = await store.of_group(transaction, search.group, span, **limits)
        if not search.prefix:
            return window
        chosen = [event for event in window.events if event.stream.startswith(search.prefix)]
        return replace(window, events=chosen)

    return work


async def _chosen_streams(transaction: Transaction, group: Group, values: Values) -> Sequence[Stream] | None:
    """The streams to read one by one; None when the whole group is read, because all are meant or very many.

    Raises AwsError when a named one is not there.
    """
    if names := values.get("logStreamNames"):
        found = await streams_store.find_all(transaction, group, names)
        if len(found) < len(set(names)):
            raise stream_missing()
        return found
    if prefix := values.get("logStreamNamePrefix"):
        found = await streams_store.page_by_name(
            transaction, group, after=None, prefix=prefix, descending=False, limit=_MOST_MERGED_STREAMS + 1
        )
        return found if len(found) <= _MOST_MERGED_STREAMS else None
    return None


def _direction(kind: str, values: Values) -> tuple[bool, Position | None]:
    """Whether the search goes from the newest, and from where. A token decides over `startFromHead`."""
    if values.get("nextToken") is not None:
        try:
            descending, timestamp_ms, sequence = decode_token(kind, values["nextToken"])
        except (InvalidToken, ValueError) as error:
            raise invalid_token() from error
        return bool(descending), Position(int(timestamp_ms), int(sequence))
    descending = values.get("startFromHead") is False
    if descending and values.get("startTime", 0) < NEWEST_FIRST_SINCE_MS:
        raise invalid_parameter("startFromHead can be false only with a startTime on or after January 1, 2024.")
    return descending, None


def _oldest(state: LogsState, group: Group) -> int:
    return oldest_kept_ms(group.retention_days, state.now_ms())


def _filtered(event: Event) -> Values:
    return {
        "logStreamName": event.stream,
        "timestamp": event.position.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingestion_ms,
        "eventId": event_id(event),
    }
