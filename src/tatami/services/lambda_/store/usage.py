"""Which blobs are needed, and how many bytes an account has: over functions, layers in use and layer versions."""

from __future__ import annotations

from collections.abc import Iterable

from tatami.ports.store import Row, Store, Transaction

TABLES = (
    """
    CREATE TABLE lambda_used_layers (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        code TEXT NOT NULL,
        PRIMARY KEY (account, region, name, code)
    );
    CREATE INDEX lambda_used_layers_code ON lambda_used_layers (code);
    """,
)
"""name: of a function; code: the blob digest of a layer that it shows or serves, though its version may be deleted."""

Key = tuple[str, str, str]

_HOLDERS = (
    ("lambda_functions", "code"),
    ("lambda_functions", "serving_code"),
    ("lambda_layer_versions", "code"),
    ("lambda_used_layers", "code"),
)
"""Every place that names a blob, each with an index of its own."""


async def create_tables(store: Store) -> None:
    """Make or migrate the table of used layers."""
    await store.migrate("lambda_used_layers", TABLES)


async def digests(store: Store) -> set[str]:
    """Every blob that something refers to."""

    async def work(transaction: Transaction) -> list[Row]:
        return await transaction.fetch(" UNION ".join(f"SELECT {column} FROM {table}" for table, column in _HOLDERS))

    return {row[0] for row in await store.read(work) if row[0]}


async def is_used(store: Store, digest: str) -> bool:
    """Whether anything refers to the blob `digest`."""

    async def work(transaction: Transaction) -> bool:
        for table, column in _HOLDERS:
            if await transaction.fetch_one(f"SELECT 1 FROM {table} WHERE {column} = $1 LIMIT 1", digest):
                return True
        return False

    return await store.read(work)


async def use_layers(transaction: Transaction, key: Key, codes: Iterable[str]) -> None:
    """The function of `key` needs these layers' blobs, and no others any more."""
    await transaction.execute("DELETE FROM lambda_used_layers WHERE account = $1 AND region = $2 AND name = $3", *key)
    rows = [(*key, code) for code in sorted(set(codes))]
    if rows:
        await transaction.execute_many(
            "INSERT INTO lambda_used_layers (account, region, name, code) VALUES ($1, $2, $3, $4)", rows
        )


async def code_bytes(transaction: Transaction, account: str, region: str) -> int:
    """Bytes (zipped) of all function packages and layer versions of an account in a Region."""
    total = 0
    for table in ("lambda_functions", "lambda_layer_versions"):
        row = await transaction.fetch_one(
            f"SELECT COALESCE(SUM(code_size), 0) FROM {table} WHERE account = $1 AND region = $2", account, region
        )
        total += int(row[0]) if row else 0
    return total
