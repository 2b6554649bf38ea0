"""Layers in the store: one row a version, the highest number ever given, and which functions use which blobs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tatami.ports.store import Row, Store, Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.layers import LayerVersion
from tatami.services.lambda_.store.usage import code_bytes

TABLES = (
    """
    CREATE TABLE lambda_layers (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        last_number BIGINT NOT NULL,
        PRIMARY KEY (account, region, name)
    );
    CREATE TABLE lambda_layer_versions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        number BIGINT NOT NULL,
        code TEXT NOT NULL,
        code_size BIGINT NOT NULL,
        runtimes TEXT NOT NULL,
        architectures TEXT NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (account, region, name, number)
    );
    CREATE INDEX lambda_layer_versions_code ON lambda_layer_versions (code);
    CREATE INDEX lambda_layer_versions_size ON lambda_layer_versions (account, region, code_size);
    """,
)
"""runtimes, architectures: `,python3.12,python3.13,` for the filters of lists. doc: the whole LayerVersion as JSON."""

Key = tuple[str, str, str]

_ANY = "%"
_decoder = msgspec.json.Decoder(LayerVersion)


async def create_tables(store: Store) -> None:
    """Make or migrate the tables of layers."""
    await store.migrate("lambda_layers", TABLES)


async def publish(transaction: Transaction, draft: LayerVersion, code_storage_limit: int) -> LayerVersion:
    """Keep `draft` under the layer's next number. Raises AwsError when the packages need too many bytes."""
    if await code_bytes(transaction, draft.account, draft.region) + draft.code_size > code_storage_limit:
        raise errors.code_storage_exceeded()
    row = await transaction.fetch_one(
        "INSERT INTO lambda_layers (account, region, name, last_number) VALUES ($1, $2, $3, 1) "
        "ON CONFLICT (account, region, name) DO UPDATE SET last_number = lambda_layers.last_number + 1 "
        "RETURNING last_number",
        *draft.reference.key,
    )
    assert row is not None
    version = msgspec.structs.replace(draft, number=int(row[0]))
    await transaction.execute(
        "INSERT INTO lambda_layer_versions "
        "(account, region, name, number, code, code_size, runtimes, architectures, doc) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *version.reference.key,
        version.number,
        version.code,
        version.code_size,
        _words(version.runtimes),
        _words(version.architectures),
        msgspec.json.encode(version).decode(),
    )
    return version


async def find_in(transaction: Transaction, key: Key, number: int) -> LayerVersion | None:
    """The version as `transaction` sees it."""
    row = await transaction.fetch_one(
        "SELECT doc FROM lambda_layer_versions WHERE account = $1 AND region = $2 AND name = $3 AND number = $4",
        *key,
        number,
    )
    return None if row is None else _decoder.decode(row[0])


async def find(store: Store, key: Key, number: int) -> LayerVersion | None:
    """The version, or None."""

    async def work(transaction: Transaction) -> LayerVersion | None:
        return await find_in(transaction, key, number)

    return await store.read(work)


async def replace(transaction: Transaction, version: LayerVersion) -> None:
    """Write an existing version; its code, runtimes and architectures never change."""
    await transaction.execute(
        "UPDATE lambda_layer_versions SET doc = $1 WHERE account = $2 AND region = $3 AND name = $4 AND number = $5",
        msgspec.json.encode(version).decode(),
        *version.reference.key,
        version.number,
    )


async def delete(transaction: Transaction, key: Key, number: int) -> LayerVersion | None:
    """Remove a version; returns what it was, None when there was none. Its number is not given out again."""
    version = await find_in(transaction, key, number)
    if version is not None:
        await transaction.execute(
            "DELETE FROM lambda_layer_versions WHERE account = $1 AND region = $2 AND name = $3 AND number = $4",
            *key,
            number,
        )
    return version


async def versions(
    store: Store, key: Key, before: int, size: int, runtime: str = "", architecture: str = ""
) -> list[LayerVersion]:
    """At most `size` versions of a layer with numbers below `before`, the newest first, that suit both filters."""

    async def work(transaction: Transaction) -> list[Row]:
        return await transaction.fetch(
            "SELECT doc FROM lambda_layer_versions WHERE account = $1 AND region = $2 AND name = $3 AND number < $4 "
            f"AND runtimes LIKE $5 AND architectures LIKE $6 ORDER BY number DESC LIMIT {int(size)}",
            *key,
            before,
            _like(runtime),
            _like(architecture),
        )

    return [_decoder.decode(row[0]) for row in await store.read(work)]


async def newest(
    store: Store, account: str, region: str, after: str, size: int, runtime: str = "", architecture: str = ""
) -> list[LayerVersion]:
    """The newest version that suits both filters of each layer whose name comes after `after`; at most `size`."""

    async def work(transaction: Transaction) -> list[Row]:
        return await transaction.fetch(
            "SELECT version.doc FROM lambda_layer_versions AS version JOIN ("
            "SELECT account, region, name, MAX(number) AS number FROM lambda_layer_versions "
            "WHERE account = $1 AND region = $2 AND name > $3 AND runtimes LIKE $4 AND architectures LIKE $5 "
            f"GROUP BY account, region, name ORDER BY name LIMIT {int(size)}) AS latest "
            "ON version.account = latest.account AND version.region = latest.region "
            "AND version.name = latest.name AND version.number = latest.number ORDER BY version.name",
            account,
            region,
            after,
            _like(runtime),
            _like(architecture),
        )

    return [_decoder.decode(row[0]) for row in await store.read(work)]


def _words(values: Iterable[str] | None) -> str:
    return f",{','.join(values or ())},"


def _like(value: str) -> str:
    """A LIKE pattern for one of `_words`; `_` stands for any character, which no two known values differ by."""
    return f"%,{value},%" if value else _ANY
