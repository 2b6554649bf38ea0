"""Log groups in the database."""

from __future__ import annotations

from tatami.ports.store import Transaction, Value
from tatami.services.logs.model.groups import Group
from tatami.services.logs.store.numbers import next_number

LAST_CHARACTER = "\U0010ffff"
_COLUMNS = "group_id, name, created_ms, retention_days, stored_bytes, next_sequence"


async def find(transaction: Transaction, account: str, region: str, name: str) -> Group | None:
    """The group of that name."""
    row = await transaction.fetch_one(
        f"SELECT {_COLUMNS} FROM log_groups WHERE account = $1 AND region = $2 AND name = $3", account, region, name
    )
    return None if row is None else Group(*row)


async def create(transaction: Transaction, account: str, region: str, name: str, now_ms: int) -> Group:
    """A new, empty group; the name must be free."""
    group = Group(await next_number(transaction, "group"), name, now_ms, None, 0, 0)
    await transaction.execute(
        f"INSERT INTO log_groups (account, region, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        account,
        region,
        group.group_id,
        name,
        now_ms,
        None,
        0,
        0,
    )
    return group


async def page(
    transaction: Transaction,
    account: str,
    region: str,
    *,
    after: str = "",
    prefix: str = "",
    containing: str = "",
    limit: int,
) -> list[Group]:
    """Groups by name, from behind `after`. REPLACE tells a substring with regard to case in every database."""
    sql = f"SELECT {_COLUMNS} FROM log_groups WHERE account = $1 AND region = $2 AND name > $3"
    values: list[Value] = [account, region, after]
    if prefix:
        sql += " AND name >= $4 AND name < $5"
        values += [prefix, prefix + LAST_CHARACTER]
    elif containing:
        sql += " AND REPLACE(name, $4, '') <> name"
        values.append(containing)
    rows = await transaction.fetch(f"{sql} ORDER BY name LIMIT ${len(values) + 1}", *values, limit)
    return [Group(*row) for row in rows]


async def delete(transaction: Transaction, group: Group) -> None:
    """Remove the group, its tags and streams; the events go later."""
    await transaction.execute(
        "INSERT INTO log_discarded (stream_id) SELECT stream_id FROM log_streams WHERE group_id = $1", group.group_id
    )
    for table in ("log_streams", "log_tags", "log_groups"):
        await transaction.execute(f"DELETE FROM {table} WHERE group_id = $1", group.group_id)


async def set_retention(transaction: Transaction, group: Group, days: int | None) -> None:
    """Keep events for `days`, or for ever."""
    await transaction.execute("UPDATE log_groups SET retention_days = $1 WHERE group_id = $2", days, group.group_id)


async def tags(transaction: Transaction, group: Group) -> dict[str, str]:
    """The group's tags."""
    rows = await transaction.fetch("SELECT name, value FROM log_tags WHERE group_id = $1 ORDER BY name", group.group_id)
    return dict(rows)


async def set_tags(transaction: Transaction, group: Group, tags: dict[str, str]) -> None:
    """Let the group have these tags and no others."""
    await transaction.execute("DELETE FROM log_tags WHERE group_id = $1", group.group_id)
    rows = [(group.group_id, name, value) for name, value in tags.items()]
    if rows:
        await transaction.execute_many("INSERT INTO log_tags (group_id, name, value) VALUES ($1, $2, $3)", rows)
