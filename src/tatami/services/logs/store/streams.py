"""Log streams in the database."""

from __future__ import annotations

from collections.abc import Sequence

from tatami.ports.store import Transaction, Value
from tatami.services.logs.model.groups import Group
from tatami.services.logs.model.streams import NEVER, Stream
from tatami.services.logs.store.groups import LAST_CHARACTER
from tatami.services.logs.store.numbers import next_number

_COLUMNS = "stream_id, name, created_ms, first_event_ms, last_event_ms, last_ingestion_ms, stored_bytes"


async def find(transaction: Transaction, group: Group, name: str) -> Stream | None:
    """The stream of that name in the group."""
    row = await transaction.fetch_one(
        f"SELECT {_COLUMNS} FROM log_streams WHERE group_id = $1 AND name = $2", group.group_id, name
    )
    return None if row is None else Stream(*row)


async def create(transaction: Transaction, group: Group, name: str, now_ms: int) -> Stream:
    """A new, empty stream; the name must be free."""
    stream = Stream(await next_number(transaction, "stream"), name, now_ms)
    await transaction.execute(
        f"INSERT INTO log_streams (group_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        group.group_id,
        stream.stream_id,
        name,
        now_ms,
        NEVER,
        NEVER,
        NEVER,
        0,
    )
    return stream


async def page_by_name(
    transaction: Transaction, group: Group, *, after: str | None, prefix: str, descending: bool, limit: int
) -> list[Stream]:
    """Streams by name, from behind `after`."""
    sql = f"SELECT {_COLUMNS} FROM log_streams WHERE group_id = $1 AND name >= $2 AND name < $3"
    values: list[Value] = [group.group_id, prefix, prefix + LAST_CHARACTER]
    if after is not None:
        sql += f" AND name {'<' if descending else '>'} $4"
        values.append(after)
    order = "DESC" if descending else "ASC"
    rows = await transaction.fetch(f"{sql} ORDER BY name {order} LIMIT ${len(values) + 1}", *values, limit)
    return [Stream(*row) for row in rows]


async def page_by_time(
    transaction: Transaction, group: Group, *, after: tuple[int, str] | None, descending: bool, limit: int
) -> list[Stream]:
    """Streams by the time of their last event, from behind `after`."""
    sql = f"SELECT {_COLUMNS} FROM log_streams WHERE group_id = $1"
    values: list[Value] = [group.group_id]
    if after is not None:
        sql += f" AND (last_event_ms, name) {'<' if descending else '>'} ($2, $3)"
        values += after
    order = "DESC" if descending else "ASC"
    sql = f"{sql} ORDER BY last_event_ms {order}, name {order} LIMIT ${len(values) + 1}"
    return [Stream(*row) for row in await transaction.fetch(sql, *values, limit)]


async def find_all(transaction: Transaction, group: Group, names: Sequence[str]) -> list[Stream]:
    """The streams of these names; fewer when some do not exist."""
    found = [await find(transaction, group, name) for name in dict.fromkeys(names)]
    return [stream for stream in found if stream is not None]


async def delete(transaction: Transaction, group: Group, stream: Stream) -> None:
    """Remove the stream; its events go later."""
    await transaction.execute("DELETE FROM log_streams WHERE stream_id = $1", stream.stream_id)
    await transaction.execute("INSERT INTO log_discarded (stream_id) VALUES ($1)", stream.stream_id)
    await transaction.execute(
        "UPDATE log_groups SET stored_bytes = stored_bytes - $1 WHERE group_id = $2",
        stream.stored_bytes,
        group.group_id,
    )
