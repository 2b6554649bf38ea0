"""Resource-based policies in the store: one row for each function (or version or alias) that has one."""

from __future__ import annotations

import msgspec

from tatami.ports.store import Store, Transaction
from tatami.services.lambda_.model.policies import NO_POLICY, Policy

TABLES = (
    """
    CREATE TABLE lambda_policies (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        qualifier TEXT NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (account, region, name, qualifier)
    );
    """,
)
"""qualifier: a version, an alias or "". doc: the whole Policy as JSON."""

Key = tuple[str, str, str]

_decoder = msgspec.json.Decoder(Policy)


async def create_tables(store: Store) -> None:
    """Make or migrate the tables of policies."""
    await store.migrate("lambda-policies", TABLES)


async def find_in(transaction: Transaction, key: Key, qualifier: str) -> Policy:
    """The policy, NO_POLICY when there is none."""
    row = await transaction.fetch_one(
        "SELECT doc FROM lambda_policies WHERE account = $1 AND region = $2 AND name = $3 AND qualifier = $4",
        *key,
        qualifier,
    )
    return NO_POLICY if row is None else _decoder.decode(row[0])


async def keep(transaction: Transaction, key: Key, qualifier: str, policy: Policy) -> None:
    """Write a policy; one without statements is removed."""
    if not policy.statements:
        await transaction.execute(
            "DELETE FROM lambda_policies WHERE account = $1 AND region = $2 AND name = $3 AND qualifier = $4",
            *key,
            qualifier,
        )
        return
    await transaction.execute(
        "INSERT INTO lambda_policies (account, region, name, qualifier, doc) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (account, region, name, qualifier) DO UPDATE SET doc = $5",
        *key,
        qualifier,
        msgspec.json.encode(policy).decode(),
    )


async def delete_of_function(transaction: Transaction, key: Key) -> None:
    """Remove every policy of a function that goes."""
    await transaction.execute("DELETE FROM lambda_policies WHERE account = $1 AND region = $2 AND name = $3", *key)
