"""Bringing a component's tables up to date, one step per transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tatami.adapters.stores.session import SqliteTransaction, SqliteWork

_TABLE = """
CREATE TABLE IF NOT EXISTS tatami_schema (
    component TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
)
"""
_VERSION = "SELECT version FROM tatami_schema WHERE component = $1"
_RECORD = """
INSERT INTO tatami_schema (component, version) VALUES ($1, $2)
ON CONFLICT (component) DO UPDATE SET version = $2
"""

Write = Callable[[SqliteWork[int]], Awaitable[int]]
"""A store's `write`, for works that know its Transaction is SqliteTransaction."""


async def migrate(write: Write, component: str, steps: Sequence[str]) -> None:
    """Run the `steps` of `component` that the database has not seen.

    write: runs a work durably. Raises ValueError when the database has seen more steps than there are; whatever a
    step raises, after which the steps before it stay and its own is undone.
    """

    async def advance(transaction: SqliteTransaction) -> int:
        """Apply the first step that is missing; how many steps are applied now."""
        await transaction.execute(_TABLE)
        row = await transaction.fetch_one(_VERSION, component)
        version = 0 if row is None else int(row[0])
        if version > len(steps):
            raise ValueError(
                f"the tables of {component!r} are at version {version}, this program knows {len(steps)}: "
                "the data belong to a newer Tatami"
            )
        if version < len(steps):
            transaction.run_script(steps[version])
            version += 1
            await transaction.execute(_RECORD, component, version)
        return version

    while await write(advance) < len(steps):
        pass
