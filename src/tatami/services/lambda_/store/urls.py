"""Function URLs in the store: one row each, found by id or by function."""

from __future__ import annotations

import msgspec

from tatami.ports.store import Store, Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.policies import Policy
from tatami.services.lambda_.model.urls import UrlConfig
from tatami.services.lambda_.store import policies

TABLES = (
    """
    CREATE TABLE lambda_urls (
        id TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        qualifier TEXT NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (account, region, name, qualifier)
    );
    """,
)
"""qualifier: an alias or "". doc: the whole UrlConfig as JSON."""

Key = tuple[str, str, str]

_decoder = msgspec.json.Decoder(UrlConfig)


async def create_tables(store: Store) -> None:
    """Make or migrate the tables of function URLs."""
    await store.migrate("lambda-urls", TABLES)


async def serving(store: Store, url_id: str) -> tuple[UrlConfig, Policy] | None:
    """The URL `url_id` and the policy that guards it, as of one moment."""

    async def work(transaction: Transaction) -> tuple[UrlConfig, Policy] | None:
        row = await transaction.fetch_one("SELECT doc FROM lambda_urls WHERE id = $1", url_id)
        if row is None:
            return None
        config = _decoder.decode(row[0])
        return config, await policies.find_in(transaction, config.function, config.qualifier)

    return await store.read(work)


async def find_in(transaction: Transaction, key: Key, qualifier: str) -> UrlConfig | None:
    """The URL of a function (or of its alias `qualifier`)."""
    row = await transaction.fetch_one(
        "SELECT doc FROM lambda_urls WHERE account = $1 AND region = $2 AND name = $3 AND qualifier = $4",
        *key,
        qualifier,
    )
    return None if row is None else _decoder.decode(row[0])


async def of_function(transaction: Transaction, key: Key) -> list[UrlConfig]:
    """All URLs of a function, its own before those of its aliases. There are no more than it has aliases."""
    rows = await transaction.fetch(
        "SELECT doc FROM lambda_urls WHERE account = $1 AND region = $2 AND name = $3 ORDER BY qualifier", *key
    )
    return [_decoder.decode(row[0]) for row in rows]


async def insert(transaction: Transaction, config: UrlConfig) -> None:
    """Add a URL. Raises AwsError when the function or alias has one."""
    if await find_in(transaction, config.function, config.qualifier) is not None:
        raise errors.resource_conflict(
            f"Failed to create function url config for [functionArn = {config.arn}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function"
        )
    await transaction.execute(
        "INSERT INTO lambda_urls (id, account, region, name, qualifier, doc) VALUES ($1, $2, $3, $4, $5, $6)",
        config.id,
        *config.function,
        config.qualifier,
        _text(config),
    )


async def replace(transaction: Transaction, config: UrlConfig) -> None:
    """Write an existing URL."""
    await transaction.execute("UPDATE lambda_urls SET doc = $1 WHERE id = $2", _text(config), config.id)


async def delete(transaction: Transaction, config: UrlConfig) -> None:
    """Remove a URL."""
    await transaction.execute("DELETE FROM lambda_urls WHERE id = $1", config.id)


async def delete_of_function(transaction: Transaction, key: Key) -> None:
    """Remove every URL of a function that goes."""
    await transaction.execute("DELETE FROM lambda_urls WHERE account = $1 AND region = $2 AND name = $3", *key)


def _text(config: UrlConfig) -> str:
    return msgspec.json.encode(config).decode()
