"""Removing events for good, a few thousand at a time so that no transaction holds up the others."""

from __future__ import annotations

from tatami.ports.store import Transaction
from tatami.services.logs.model.retention import oldest_kept_ms
from tatami.services.logs.model.streams import NEVER

STEP = 2_000


async def expired_streams(transaction: Transaction, now_ms: int, limit: int) -> list[tuple[int, int, int]]:
    """Streams that hold events past their group's retention, as (stream, group, oldest kept time)."""
    limited = await transaction.fetch(
        "SELECT group_id, retention_days FROM log_groups WHERE retention_days IS NOT NULL ORDER BY group_id"
    )
    found: list[tuple[int, int, int]] = []
    for group_id, days in limited:
        oldest = oldest_kept_ms(days, now_ms)
        rows = await transaction.fetch(
            "SELECT stream_id FROM log_streams WHERE group_id = $1 AND first_event_ms <> $2 AND first_event_ms < $3 "
            "ORDER BY stream_id LIMIT $4",
            group_id,
            NEVER,
            oldest,
            limit - len(found),
        )
        found += [(stream_id, group_id, oldest) for (stream_id,) in rows]
        if len(found) >= limit:
            break
    return found


async def discarded_streams(transaction: Transaction, limit: int) -> list[int]:
    """Streams that were deleted and whose events may still be there."""
    rows = await transaction.fetch("SELECT stream_id FROM log_discarded ORDER BY stream_id LIMIT $1", limit)
    return [stream_id for (stream_id,) in rows]


async def remove_oldest(transaction: Transaction, stream_id: int, before_ms: int) -> tuple[int, int]:
    """Remove up to STEP events of a stream from before `before_ms`; how many, and their bytes."""
    rows = await transaction.fetch(
        "SELECT timestamp_ms, sequence, size FROM log_events WHERE stream_id = $1 AND timestamp_ms < $2 "
        "ORDER BY timestamp_ms, sequence LIMIT $3",
        stream_id,
        before_ms,
        STEP,
    )
    if not rows:
        return 0, 0
    await transaction.execute(
        "DELETE FROM log_events WHERE stream_id = $1 AND (timestamp_ms, sequence) <= ($2, $3)",
        stream_id,
        rows[-1][0],
        rows[-1][1],
    )
    return len(rows), sum(row[2] for row in rows)


async def account_for_removal(transaction: Transaction, stream_id: int, group_id: int, size: int) -> None:
    """Correct the stored bytes and the stream's first event after `remove_oldest`."""
    first = await transaction.fetch_one(
        "SELECT timestamp_ms FROM log_events WHERE stream_id = $1 ORDER BY timestamp_ms LIMIT 1", stream_id
    )
    changed = await transaction.execute(
        "UPDATE log_streams SET stored_bytes = stored_bytes - $1, first_event_ms = $2 WHERE stream_id = $3",
        size,
        NEVER if first is None else first[0],
        stream_id,
    )
    if not changed:
        return  # deleted in the meantime, and all its bytes with it
    if first is None:
        await transaction.execute("UPDATE log_streams SET last_event_ms = $1 WHERE stream_id = $2", NEVER, stream_id)
    await transaction.execute(
        "UPDATE log_groups SET stored_bytes = stored_bytes - $1 WHERE group_id = $2", size, group_id
    )


async def forget_discarded(transaction: Transaction, stream_id: int) -> None:
    """Nothing of the deleted stream is left."""
    await transaction.execute("DELETE FROM log_discarded WHERE stream_id = $1", stream_id)
