"""Functions in the store: one row each, found by name, listed in the order of names."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tatami.ports.store import Row, Store, Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.functions import Function
from tatami.services.lambda_.store.usage import code_bytes, use_layers

TABLES = (
    """
    CREATE TABLE lambda_functions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        created BIGINT NOT NULL,
        code TEXT NOT NULL,
        serving_code TEXT NOT NULL,
        code_size BIGINT NOT NULL,
        unsettled INTEGER NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (account, region, name)
    );
    CREATE INDEX lambda_functions_size ON lambda_functions (account, region, code_size);
    CREATE INDEX lambda_functions_code ON lambda_functions (code);
    CREATE INDEX lambda_functions_serving_code ON lambda_functions (serving_code);
    """,
)
"""created: seconds. code, serving_code: blob digests ("" when nothing serves), so that a package is kept while
either needs it. unsettled: 1 while a background transition is due. doc: the whole Function as JSON.
The index by size spares a create of reading every row to know what the account uses."""

Key = tuple[str, str, str]

_decoder = msgspec.json.Decoder(Function)


async def create_tables(store: Store) -> None:
    """Make or migrate this room's tables."""
    await store.migrate("lambda", TABLES)


async def find(store: Store, key: Key) -> Function | None:
    """The function of `key` (account, Region, name), or None."""

    async def work(transaction: Transaction) -> Function | None:
        return await find_in(transaction, key)

    return await store.read(work)


async def find_in(transaction: Transaction, key: Key) -> Function | None:
    """The function of `key` as `transaction` sees it."""
    row = await transaction.fetch_one(
        "SELECT doc FROM lambda_functions WHERE account = $1 AND region = $2 AND name = $3", *key
    )
    return None if row is None else _function(row)


async def page(store: Store, account: str, region: str, after: str, size: int) -> list[Function]:
    """At most `size` functions whose names come after `after` (exclusive; "" starts), in the order of names."""

    async def work(transaction: Transaction) -> list[Row]:
        return await transaction.fetch(
            "SELECT doc FROM lambda_functions WHERE account = $1 AND region = $2 AND name > $3 "
            f"ORDER BY name LIMIT {int(size)}",
            account,
            region,
            after,
        )

    return [_function(row) for row in await store.read(work)]


async def usage(store: Store, account: str, region: str) -> tuple[int, int]:
    """Bytes of all packages and layers (zipped) and the number of functions."""

    async def work(transaction: Transaction) -> tuple[int, int]:
        row = await transaction.fetch_one(
            "SELECT COUNT(*) FROM lambda_functions WHERE account = $1 AND region = $2", account, region
        )
        return await code_bytes(transaction, account, region), int(row[0]) if row else 0

    return await store.read(work)


async def unsettled(store: Store) -> list[Function]:
    """Every function, of all accounts and Regions, that a background transition is due for."""

    async def work(transaction: Transaction) -> list[Row]:
        return await transaction.fetch("SELECT doc FROM lambda_functions WHERE unsettled = 1")

    return [_function(row) for row in await store.read(work)]


async def insert(transaction: Transaction, function: Function, code_storage_limit: int) -> None:
    """Add a new function. Raises AwsError when its name is taken or the packages need too many bytes."""
    if await find_in(transaction, function.key) is not None:
        raise errors.function_exists(function.name)
    await _check_storage(transaction, function, code_storage_limit, replaced=0)
    await transaction.execute(
        "INSERT INTO lambda_functions (account, region, name, created, code, serving_code, code_size, unsettled, doc) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *function.key,
        int(function.created),
        *_columns(function),
    )
    await use_layers(transaction, function.key, function.layer_codes)


async def replace(
    transaction: Transaction, function: Function, code_storage_limit: int | None = None, replaced: int = 0
) -> None:
    """Write an existing function. With a limit, raises AwsError when its new package (instead of one of
    `replaced` bytes) needs too many."""
    if code_storage_limit is not None:
        await _check_storage(transaction, function, code_storage_limit, replaced)
    await transaction.execute(
        "UPDATE lambda_functions SET code = $1, serving_code = $2, code_size = $3, unsettled = $4, doc = $5 "
        "WHERE account = $6 AND region = $7 AND name = $8",
        *_columns(function),
        *function.key,
    )
    await use_layers(transaction, function.key, function.layer_codes)


async def delete(transaction: Transaction, key: Key) -> None:
    """Remove the function of `key`."""
    await transaction.execute("DELETE FROM lambda_functions WHERE account = $1 AND region = $2 AND name = $3", *key)
    await use_layers(transaction, key, ())


def _function(row: Sequence[str]) -> Function:
    return _decoder.decode(row[0])


def _columns(function: Function) -> tuple[str, str, int, int, str]:
    return (
        function.configuration.code,
        function.serving.code if function.serving else "",
        function.configuration.code_size,
        0 if function.is_settled else 1,
        msgspec.json.encode(function).decode(),
    )


async def _check_storage(transaction: Transaction, function: Function, limit: int, replaced: int) -> None:
    used = await code_bytes(transaction, function.account, function.region)
    if used - replaced + function.configuration.code_size > limit:
        raise errors.code_storage_exceeded()
