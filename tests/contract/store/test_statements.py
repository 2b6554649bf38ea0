"""What the methods of a Transaction take and give."""

from __future__ import annotations

import pytest
from tests.contract.store.openers import Opener, execute, fetch, run_with

from tatami.ports.store import Store, Transaction, Value

VALUES = "CREATE TABLE kept (id BIGINT PRIMARY KEY, number BIGINT, ratio DOUBLE PRECISION, text TEXT, body BLOB)"
PAIRS = "CREATE TABLE pair (id BIGINT PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x')"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("number", number) for number in (0, -1, 2**63 - 1, -(2**63))],
        *[("ratio", ratio) for ratio in (0.1, -1e308, 5e-324, float("inf"), 3.0)],
        *[("text", text) for text in ("", "a", "é漢🍵", 'it\'s "so" $1 ? %s', "line\nline", "x" * 100_000)],
        *[("body", body) for body in (b"", b"\x00\xff", bytes(range(256)) * 40)],
        *[(column, None) for column in ("number", "ratio", "text", "body")],
    ],
)
def test_a_value_comes_back_equal_and_of_its_type(opener: Opener, column: str, value: Value) -> None:
    async def test(store: Store) -> None:
        await execute(store, f"INSERT INTO kept (id, {column}) VALUES ($1, $2)", 1, value)
        [(found,)] = await fetch(store, f"SELECT {column} FROM kept WHERE id = $1", 1)
        assert found == value
        assert type(found) is type(value)

    run_with(opener, test, VALUES)


def test_a_blob_of_many_megabytes(opener: Opener) -> None:
    body = bytes(range(251)) * 80_000  # 20 MB

    async def test(store: Store) -> None:
        await execute(store, "INSERT INTO kept (id, body) VALUES ($1, $2)", 1, body)
        assert await fetch(store, "SELECT body FROM kept") == [(body,)]

    run_with(opener, test, VALUES)


@pytest.mark.parametrize("value", [float("nan"), object(), 2**63, [1]])
def test_a_value_that_cannot_be_kept_is_refused(opener: Opener, value: Value) -> None:
    async def test(store: Store) -> None:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            await execute(store, "INSERT INTO kept (id, number) VALUES ($1, $2)", 1, value)
        assert await fetch(store, "SELECT id FROM kept") == []

    run_with(opener, test, VALUES)


@pytest.mark.parametrize(
    ("sql", "values", "row"),
    [
        ("SELECT $1, $2", (1, 2), (1, 2)),
        ("SELECT $1, $2, $1", (1, 2), (1, 2, 1)),
        ("SELECT $1, $2, $1, $3, $2", (1, 2, 3), (1, 2, 1, 3, 2)),
        ("SELECT $1, '$2', $2 -- $3", (1, 2), (1, "$2", 2)),
        ("SELECT 1", (), (1,)),
        ("SELECT " + ", ".join(f"${n}" for n in range(1, 13)), tuple(range(12)), tuple(range(12))),
    ],
)
def test_parameters_are_bound_by_number(
    opener: Opener, sql: str, values: tuple[Value, ...], row: tuple[Value, ...]
) -> None:
    async def test(store: Store) -> None:
        for _ in range(2):  # the second time from whatever is cached
            assert await fetch(store, sql, *values) == [row]

    run_with(opener, test)


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3)])
def test_too_few_or_too_many_values_are_refused(opener: Opener, values: tuple[Value, ...]) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(ValueError, match="values"):
            await fetch(store, "SELECT $1, $2", *values)

    run_with(opener, test)


def test_fetch_and_fetch_one(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.execute_many("INSERT INTO pair (id, name) VALUES ($1, $2)", [(2, "b"), (1, "a")])
            assert await transaction.fetch("SELECT id, name FROM pair ORDER BY id") == [(1, "a"), (2, "b")]
            assert await transaction.fetch_one("SELECT id FROM pair ORDER BY id") == (1,)
            assert await transaction.fetch_one("SELECT id FROM pair WHERE id = $1", 9) is None
            assert await transaction.fetch("SELECT id FROM pair WHERE id = $1", 9) == []

        await store.write(work)

    run_with(opener, test, PAIRS)


def test_returning_gives_the_rows_and_writes_them_all(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> None:
            inserted = "INSERT INTO pair (id) VALUES ($1), ($2), ($3) RETURNING id, name"
            assert sorted(await transaction.fetch(inserted, 1, 2, 3)) == [(1, "x"), (2, "x"), (3, "x")]
            assert await transaction.fetch_one("UPDATE pair SET name = $1 RETURNING name", "y") == ("y",)
            assert await transaction.fetch("DELETE FROM pair WHERE id = $1 RETURNING id", 2) == [(2,)]

        await store.write(work)
        assert await fetch(store, "SELECT id, name FROM pair ORDER BY id") == [(1, "y"), (3, "y")]

    run_with(opener, test, PAIRS)


def test_execute_counts_rows(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> None:
            assert await transaction.execute("INSERT INTO pair (id) VALUES ($1), ($2)", 1, 2) == 2
            assert await transaction.execute("INSERT INTO pair (id) VALUES ($1) ON CONFLICT DO NOTHING", 1) == 0
            assert await transaction.execute("UPDATE pair SET name = $1", "z") == 2
            assert await transaction.execute("UPDATE pair SET name = $1 WHERE id = $2", "z", 9) == 0
            assert await transaction.execute("CREATE TABLE other (id BIGINT)") == 0
            assert await transaction.execute("UPDATE pair SET name = $1 WHERE id = $2 RETURNING id", "z", 1) == 1
            assert await transaction.execute("DELETE FROM pair") == 2
            assert await transaction.execute("DELETE FROM pair") == 0

        await store.write(work)

    run_with(opener, test, PAIRS)


def test_execute_many_takes_no_row_and_many(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> None:
            insert = "INSERT INTO pair (id, name) VALUES ($1, $2)"
            await transaction.execute_many(insert, [])
            await transaction.execute_many(insert, [[number, str(number)] for number in range(1000)])

        await store.write(work)
        assert await fetch(store, "SELECT count(*), sum(id) FROM pair WHERE name = CAST(id AS TEXT)") == [
            (1000, 499500)
        ]

    run_with(opener, test, PAIRS)


@pytest.mark.parametrize(
    "sql", ["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "PRAGMA foreign_keys = OFF", "SELECT 1; SELECT 2", "SELECT ?"]
)
def test_what_no_work_may_run_is_refused(opener: Opener, sql: str) -> None:
    async def test(store: Store) -> None:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"work|one statement|parameters"):
                await execute(store, sql)
            with pytest.raises(ValueError, match=r"work|one statement|parameters"):
                await fetch(store, sql)
        await execute(store, "INSERT INTO pair (id) VALUES ($1)", 1)
        assert await fetch(store, "SELECT id FROM pair") == [(1,)]

    run_with(opener, test, PAIRS)


def test_a_read_that_writes_is_refused(opener: Opener) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(ValueError, match="a read must not write"):
            await fetch(store, "INSERT INTO pair (id) VALUES ($1) RETURNING id", 1)
        assert await fetch(store, "SELECT id FROM pair") == []

    run_with(opener, test, PAIRS)


def test_foreign_keys_hold(opener: Opener) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            await execute(store, "INSERT INTO child (parent) VALUES ($1)", 1)
        await execute(store, "INSERT INTO pair (id) VALUES ($1)", 1)
        await execute(store, "INSERT INTO child (parent) VALUES ($1)", 1)
        await execute(store, "DELETE FROM pair")
        assert await fetch(store, "SELECT parent FROM child") == []

    run_with(opener, test, PAIRS, "CREATE TABLE child (parent BIGINT REFERENCES pair (id) ON DELETE CASCADE)")
