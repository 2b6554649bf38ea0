"""One SQLite connection and the works that run on it, one after the other.

A work is a coroutine that awaits nothing but its Transaction, and the methods of this Transaction never suspend.
So a work needs no event loop: `drive` runs it to its end in the calling thread, be that the writer thread or a thread
whose event loop reads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import isnan
from pathlib import Path
from typing import Any, TypeVar

import apsw

from tatami.adapters.stores.statements import Statement, Statements
from tatami.ports.store import Row, Value

T = TypeVar("T")

STORAGE_FAILURES = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError)
"""What SQLite raises when the disk does not take the data."""

_CACHED_STATEMENTS = 400
_BUSY_MILLISECONDS = 5_000
_CACHE_KIBIBYTES = 16_384


class Session:
    """A connection with the settings every connection of a store has."""

    def __init__(self, database: Path | str, flags: int, vfs: str | None = None) -> None:
        self.connection = apsw.Connection(str(database), flags, vfs=vfs, statementcachesize=_CACHED_STATEMENTS)
        self.connection.set_busy_timeout(_BUSY_MILLISECONDS)
        # "text" in double quotes must mean a column, as it does in PostgreSQL, and never a forgiving string.
        self.connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        self.connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        for setting in ("foreign_keys = ON", "temp_store = MEMORY", f"cache_size = -{_CACHE_KIBIBYTES}"):
            self.run(f"PRAGMA {setting}")
        self.statements = Statements(self.connection)
        self.storage_failure: apsw.Error | None = None

    def run(self, sql: str) -> list[Row]:
        """Run a statement of the store's own."""
        return self.connection.execute(sql).fetchall()

    def drive(self, work: SqliteWork[T], *, writes: bool) -> T:
        """Run `work` to its end. Raises what it raises, and TypeError when it waits for anything else.

        A storage failure stays in `storage_failure`, also when the work swallowed it.
        """
        self.storage_failure = None
        transaction = SqliteTransaction(self, writes)
        try:
            return finish(work(transaction))
        finally:
            transaction.expire()

    def read(self, work: SqliteWork[T]) -> T:
        """Run `work` on one consistent state."""
        self.run("BEGIN /* read */")
        try:
            return self.drive(work, writes=False)
        finally:
            self.roll_back()

    def roll_back(self) -> None:
        """End the transaction, which SQLite may have rolled back by itself already."""
        if self.connection.in_transaction:
            self.run("ROLLBACK /* store */")

    def close(self) -> None:
        """Release the connection."""
        self.connection.close(True)


class SqliteTransaction:
    """ports.store.Transaction on a session, until its work has ended."""

    __slots__ = ("_session", "_writes")

    def __init__(self, session: Session, writes: bool) -> None:
        self._session: Session | None = session
        self._writes = writes

    def expire(self) -> None:
        """From now on every use is refused: the connection serves somebody else."""
        self._session = None

    async def fetch(self, sql: str, *values: Value) -> list[Row]:
        return self._run(sql, values)

    async def fetch_one(self, sql: str, *values: Value) -> Row | None:
        rows = self._run(sql, values)
        return rows[0] if rows else None

    async def execute(self, sql: str, *values: Value) -> int:
        connection = self._live().connection
        before = connection.total_changes()
        self._run(sql, values)
        # changes() still tells of the statement before when this one was no INSERT, UPDATE or DELETE.
        return connection.changes() if connection.total_changes() != before else 0

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        session = self._live()
        statement = self._statement(session, sql)
        bound = [_bind(statement, values, sql) for values in rows]
        try:
            session.connection.executemany(sql, bound).fetchall()
        except STORAGE_FAILURES as error:
            session.storage_failure = error
            raise

    def run_script(self, script: str) -> None:
        """Run a migration step: several statements, which may do all that a work may."""
        session = self._live()
        try:
            with session.statements.guarded(script):
                session.connection.execute(script).fetchall()
        except STORAGE_FAILURES as error:
            session.storage_failure = error
            raise

    def _run(self, sql: str, values: Sequence[Value]) -> list[Row]:
        session = self._live()
        statement = self._statement(session, sql)
        try:
            return session.connection.execute(sql, _bind(statement, values, sql)).fetchall()
        except STORAGE_FAILURES as error:
            session.storage_failure = error
            raise

    def _statement(self, session: Session, sql: str) -> Statement:
        statement = session.statements.look(sql)
        if statement.writes and not self._writes:
            raise ValueError(f"a read must not write: {sql}")
        return statement

    def _live(self) -> Session:
        if self._session is None:
            raise RuntimeError("this transaction has ended: its work returned or raised")
        return self._session


SqliteWork = Callable[[SqliteTransaction], Awaitable[T]]
"""A work that knows which transaction it gets; every ports.store.Work is one."""


def _bind(statement: Statement, values: Sequence[Value], sql: str) -> Sequence[Value]:
    """The values in the order of SQLite's parameters. Raises ValueError."""
    if len(values) != statement.parameters:
        raise ValueError(f"{statement.parameters} values wanted, {len(values)} given: {sql}")
    for value in values:
        if isinstance(value, float) and isnan(value):  # SQLite would keep NULL in silence where PostgreSQL keeps NaN
            raise ValueError(f"NaN cannot be stored: {sql}")
    if statement.order is None:
        return values
    return [values[index] for index in statement.order]


def finish(work: Awaitable[T]) -> T:
    """Run an awaitable that never suspends and return what it returns. Raises TypeError when it does suspend."""
    if not isinstance(work, Awaitable):
        raise TypeError(f"the work must be a coroutine function of a Transaction, it returned {work!r}")
    steps = work.__await__()
    try:
        waits_for: Any = next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    try:
        if (close := getattr(steps, "close", None)) is not None:
            close()
    except RuntimeError:
        pass  # it would not even stop; nobody resumes it
    raise TypeError(f"a work awaits its Transaction and nothing else, this one waits for {waits_for!r}")
