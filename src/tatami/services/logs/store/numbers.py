"""Numbers that are given once."""

from __future__ import annotations

from tatami.ports.store import Transaction


async def next_number(transaction: Transaction, name: str) -> int:
    """The next number of the series `name`, from 1."""
    row = await transaction.fetch_one(
        "INSERT INTO log_numbers (name, value) VALUES ($1, 1) "
        "ON CONFLICT (name) DO UPDATE SET value = log_numbers.value + 1 RETURNING value",
        name,
    )
    assert row is not None
    return int(row[0])
