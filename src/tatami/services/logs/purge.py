"""The background work of the logs room: events past their retention and events of deleted streams go for good.

Readers do not depend on it: they never show what is past its retention or what belongs to no stream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tatami.ports.store import Transaction
from tatami.services.logs.model.events import THE_END
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import retention

_STREAMS_AT_ONCE = 200


async def purge(state: LogsState, now_ms: int) -> int:
    """Remove what `now_ms` has made invisible; returns how many events went. To be called every few minutes."""
    removed = 0
    while expired := await state.store.read(lambda tx: retention.expired_streams(tx, now_ms, _STREAMS_AT_ONCE)):
        for stream_id, group_id, oldest in expired:
            removed += await _remove_all(state, _expired_step(stream_id, group_id, oldest))
    while discarded := await state.store.read(lambda tx: retention.discarded_streams(tx, _STREAMS_AT_ONCE)):
        for stream_id in discarded:
            removed += await _remove_all(state, _discarded_step(stream_id))
    return removed


Step = Callable[[Transaction], Awaitable[int]]


async def _remove_all(state: LogsState, step: Step) -> int:
    """Repeat the step, each time in a transaction of its own, until it finds less than a full measure."""
    total = 0
    while True:
        count = await state.store.write(step)
        total += count
        if count < retention.STEP:
            return total


def _expired_step(stream_id: int, group_id: int, oldest: int) -> Step:
    async def step(transaction: Transaction) -> int:
        count, size = await retention.remove_oldest(transaction, stream_id, oldest)
        # Also when nothing was found: a first event that is recorded too early must not be looked for for ever.
        await retention.account_for_removal(transaction, stream_id, group_id, size)
        return count

    return step


def _discarded_step(stream_id: int) -> Step:
    async def step(transaction: Transaction) -> int:
        count, _ = await retention.remove_oldest(transaction, stream_id, THE_END.timestamp_ms)
        if count < retention.STEP:
            await retention.forget_discarded(transaction, stream_id)
        return count

    return step
