"""The durable store: SQL transactions, nothing else.

Promises every adapter keeps (tests/contract/store):

* `write` returns only after the transaction is durable (it survives `kill -9` and, where the disk
  keeps its word, power loss). When it raises, nothing of the transaction remains.
* Transactions are serialisable: a `write` sees all writes that were acknowledged before it began and
  none that fail; a `read` sees one consistent state, which includes every acknowledged write.
* The work is a coroutine function of a `Transaction` and awaits nothing else. It may be run again
  from the start after a conflict, so it must not have effects outside the transaction.
* Work that raises rolls back its own transaction only, and the exception reaches the caller unchanged.
* A cancelled caller never leaves half a transaction: it is applied whole or not at all.

SQL is the common subset of SQLite and PostgreSQL. Parameters are written `$1`, `$2`, ... and first occur in
that order. Values are int, float, str, bytes and None.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

Value = int | float | str | bytes | None
Row = tuple[Any, ...]
T = TypeVar("T")


class StoreFull(Exception):
    """There is no room (or no permission) to write; nothing was changed and reading still works."""


class Transaction(Protocol):
    """One transaction in progress."""

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement and return all of its rows (also those of `RETURNING`)."""
        ...

    async def fetch_one(self, sql: str, *values: Value) -> Row | None:
        """The first row, or None."""
        ...

    async def execute(self, sql: str, *values: Value) -> int:
        """Run one statement and return how many rows it inserted, changed or deleted."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement once per row of values."""
        ...


Work = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """A database shared by every service room; each room owns its tables."""

    async def migrate(self, component: str, steps: Sequence[str]) -> None:
        """Bring `component`'s tables up to date.

        steps: SQL scripts, numbered by position from 1; those not applied yet run in order, each in one
        transaction with the record that it ran. A database with more steps than given is refused (ValueError).
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run read-only work. It must be small (a page of rows): it may run on the caller's event loop."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run work and make it durable."""
        ...

    async def close(self) -> None:
        """Finish what was begun and release the database. Later calls raise RuntimeError."""
        ...
