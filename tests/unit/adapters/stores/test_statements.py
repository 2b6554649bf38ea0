"""The facts of an SQL text, learnt without running it."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import pytest

from tatami.adapters.stores import statements
from tatami.adapters.stores.statements import Statement, Statements


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("sql", "facts"),
    [
        ("SELECT 1", Statement(writes=False, parameters=0, order=None)),
        ("SELECT $1, $2, $1", Statement(writes=False, parameters=2, order=None)),
        ("SELECT $2, $1", Statement(writes=False, parameters=2, order=(1, 0))),
        ("SELECT $3, $1, $3, $2;  \n", Statement(writes=False, parameters=3, order=(2, 0, 1))),
        ("INSERT INTO item (name) VALUES ($1) RETURNING id", Statement(writes=True, parameters=1, order=None)),
        ("WITH a AS (SELECT 1) DELETE FROM item", Statement(writes=True, parameters=0, order=None)),
    ],
)
def test_facts(connection: apsw.Connection, sql: str, facts: Statement) -> None:
    known = Statements(connection)
    assert known.look(sql) == facts
    assert known.look(sql) is known.look(sql)
    assert connection.execute("SELECT count(*) FROM item").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("SELECT ?", "not \\?"),
        ("SELECT :name", "without gaps"),
        ("SELECT $1, $3", "without gaps"),
        ("SELECT $0", "without gaps"),
        ("SELECT 1; DROP TABLE item", "one statement"),
        ("DROP TABLE item; SELECT 1", "one statement"),
        ("COMMIT", "transaction control"),
        ("RELEASE a", "transaction control"),
        ("ATTACH 'a' AS b", "transaction control"),
        ("DETACH b", "transaction control"),
        ("PRAGMA synchronous", "transaction control"),
    ],
)
def test_refusals(connection: apsw.Connection, sql: str, complaint: str) -> None:
    known = Statements(connection)
    for _ in range(2):
        with pytest.raises(ValueError, match=complaint):
            known.look(sql)
    assert connection.execute("SELECT count(*) FROM item").fetchall() == [(0,)]


def test_what_is_no_sql_is_sqlites_error(connection: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError, match="syntax"):
        Statements(connection).look("SELEC 1")


def test_texts_without_end_do_not_fill_the_memory(connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "_MOST_TEXTS", 3)
    known = Statements(connection)
    for number in range(10):
        known.look(f"SELECT {number}")
        assert len(known._known) <= 3
