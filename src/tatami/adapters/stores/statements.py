"""What a store must know of an SQL text before it runs it: its parameters, and whether it writes.

SQLite takes `$1` for a *named* parameter and numbers it by first occurrence, so a plain sequence of values is bound
right only as long as `$1`, `$2`, ... first occur in that order. Each text is therefore prepared once without running
it, and its facts are kept: `SELECT $2, $1` then gets its values turned round, as PostgreSQL would read it.

The same look refuses what would break the transactions around a work (BEGIN, COMMIT, SAVEPOINT, PRAGMA, ATTACH),
a second statement in the same text, and `?` parameters, which PostgreSQL does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

_FORBIDDEN = frozenset(
    {
        apsw.SQLITE_TRANSACTION,
        apsw.SQLITE_SAVEPOINT,
        apsw.SQLITE_PRAGMA,
        apsw.SQLITE_ATTACH,
        apsw.SQLITE_DETACH,
    }
)
_MOST_TEXTS = 4096
"""Texts remembered per connection; code that builds SQL from values must not fill the memory."""


@dataclass(frozen=True)
class Statement:
    """The facts of one SQL text.

    order: for each SQLite parameter the index of its value, or None when they are in order already.
    parameters: how many values it takes.
    """

    writes: bool
    parameters: int
    order: tuple[int, ...] | None


class _AnyValue(dict[str, None]):
    """Satisfies every named parameter while a text is only looked at."""

    def __missing__(self, name: str) -> None:
        return None


class Statements:
    """The SQL texts seen on one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._known: dict[str, Statement] = {}
        self._guarding = False
        connection.authorizer = self._authorize

    def look(self, sql: str) -> Statement:
        """The facts of `sql`. Raises ValueError when a work may not run it, apsw.SQLError when it is no SQL."""
        if (statement := self._known.get(sql)) is not None:
            return statement
        if len(self._known) >= _MOST_TEXTS:
            self._known.clear()
        statement = self._known[sql] = self._probe(sql)
        return statement

    @contextmanager
    def guarded(self, sql: str) -> Iterator[None]:
        """While it lasts, no text that touches the transaction itself can be prepared (ValueError)."""
        self._guarding = True
        try:
            yield
        except apsw.AuthError as error:
            raise ValueError(f"transaction control, PRAGMA and ATTACH are not for a work: {sql}") from error
        finally:
            self._guarding = False

    def _authorize(self, action: int, *_: Any) -> int:
        return apsw.SQLITE_DENY if self._guarding and action in _FORBIDDEN else apsw.SQLITE_OK

    def _probe(self, sql: str) -> Statement:
        """Prepare `sql`, note its facts and stop before it runs."""
        facts: list[Statement] = []

        def inspect(cursor: apsw.Cursor, first: str, _bindings: Any) -> bool:
            if sql[len(first) :].strip():
                raise ValueError(f"one statement at a time: {sql}")
            names = cursor.bindings_names
            facts.append(Statement(not cursor.is_readonly, len(names), _order(names, sql)))
            return False

        cursor = self._connection.cursor()
        cursor.exec_trace = inspect
        try:
            with self.guarded(sql):
                cursor.execute(sql, _AnyValue())
        except apsw.ExecTraceAbort:
            pass
        except apsw.BindingsError as error:
            raise ValueError(f"parameters are written $1, $2, ..., not ?: {sql}") from error
        finally:
            cursor.close(True)
        return facts[0]


def _order(names: Sequence[str | None], sql: str) -> tuple[int, ...] | None:
    """Which value each parameter takes, None for 'as they come'."""
    wanted = [str(number) for number in range(1, len(names) + 1)]
    if list(names) == wanted:
        return None
    if sorted(names, key=str) != sorted(wanted):
        raise ValueError(f"parameters are written $1, $2, ... without gaps: {sql}")
    return tuple(int(str(name)) - 1 for name in names)
