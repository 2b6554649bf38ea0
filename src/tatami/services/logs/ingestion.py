"""The platform's own way in: batches for many streams in one transaction, groups and streams made on demand.

Unlike PutLogEvents it takes every time stamp and cuts long messages instead of refusing them: what a function printed
is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tatami.ports.store import Transaction
from tatami.ports.telemetry import LogEvent
from tatami.services.logs.model.events import NewEvent, pieces
from tatami.services.logs.model.groups import Group
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import events as events_store
from tatami.services.logs.store import groups as groups_store
from tatami.services.logs.store import streams as streams_store


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Events of one stream, in the order in which they were printed."""

    account: str
    region: str
    group: str
    stream: str
    events: Sequence[LogEvent]


async def append(
    state: LogsState, account: str, region: str, group: str, stream: str, events: Sequence[LogEvent]
) -> None:
    """`append_many` for one stream."""
    await append_many(state, [StreamBatch(account, region, group, stream, events)])


async def append_many(state: LogsState, batches: Iterable[StreamBatch]) -> None:
    """Write all batches in one transaction; a batch without events creates its group and stream.

    Returns when everything is durable. Raises ports.store.StoreFull, then nothing was written.
    """
    now_ms = state.now_ms()
    prepared = [(batch, _prepare(batch.events)) for batch in batches]

    async def work(transaction: Transaction) -> None:
        groups: dict[tuple[str, str, str], Group] = {}
        for batch, events in prepared:
            key = batch.account, batch.region, batch.group
            group = groups.get(key) or await groups_store.find(transaction, *key)
            if group is None:
                group = await groups_store.create(transaction, *key, now_ms)
            stream = await streams_store.find(transaction, group, batch.stream)
            if stream is None:
                stream = await streams_store.create(transaction, group, batch.stream, now_ms)
            if events:
                group, _ = await events_store.insert(transaction, group, stream, events, now_ms)
            groups[key] = group

    await state.store.write(work)


def _prepare(events: Sequence[LogEvent]) -> list[NewEvent]:
    return [piece for event in events if event.message for piece in pieces(event.timestamp_ms, event.message)]
