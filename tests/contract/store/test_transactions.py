"""All or nothing, one after the other, and what happens to the neighbours of a work that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from tests.contract.store.openers import Opener, execute, fetch, opened, run_with

from tatami.ports.store import Store, Transaction

LEDGER = "CREATE TABLE account (name TEXT PRIMARY KEY, amount BIGINT NOT NULL CHECK (amount >= 0))"
PAIRS = """CREATE TABLE pair (id BIGINT PRIMARY KEY);
CREATE TABLE child (parent BIGINT REFERENCES pair (id) DEFERRABLE INITIALLY DEFERRED)"""
INSERT = "INSERT INTO pair (id) VALUES ($1)"


class RefusedError(Exception):
    """A work's own error."""


def inserting(number: int, error: BaseException | None = None) -> Callable[[Transaction], Awaitable[int]]:
    """A work that inserts `number`, then fails with `error` if there is one."""

    async def work(transaction: Transaction) -> int:
        await transaction.execute(INSERT, number)
        if error is not None:
            raise error
        return number

    return work


def test_writes_are_read_by_whoever_comes_later(opener: Opener) -> None:
    async def test(store: Store) -> None:
        for number in range(50):
            assert await store.write(inserting(number)) == number
            assert await fetch(store, "SELECT max(id), count(*) FROM pair") == [(number, number + 1)]

    run_with(opener, test, PAIRS)


def test_a_work_reads_its_own_writes(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.execute(INSERT, 1)
            assert await transaction.fetch("SELECT id FROM pair") == [(1,)]

        await store.write(work)

    run_with(opener, test, PAIRS)


@pytest.mark.parametrize("kind", [RefusedError, KeyError, KeyboardInterrupt, asyncio.CancelledError])
def test_the_error_of_a_work_reaches_its_caller_unchanged(opener: Opener, kind: type[BaseException]) -> None:
    async def test(store: Store) -> None:
        error = kind("no")
        try:
            await store.write(inserting(1, error))
        except BaseException as caught:
            assert type(caught) is kind
            assert isinstance(caught, asyncio.CancelledError) or caught is error
        else:
            raise AssertionError("nothing was raised")
        assert await fetch(store, "SELECT id FROM pair") == []

        async def reading(_transaction: Transaction) -> None:
            raise error

        with pytest.raises(kind):
            await store.read(reading)
        assert await fetch(store, "SELECT id FROM pair") == []

    run_with(opener, test, PAIRS)


def test_a_failing_work_takes_nobody_with_it(opener: Opener) -> None:
    async def test(store: Store) -> None:
        errors = {number: RefusedError(number) for number in range(0, 100, 3)}
        outcomes = await asyncio.gather(
            *[store.write(inserting(number, errors.get(number))) for number in range(100)], return_exceptions=True
        )
        assert outcomes == [errors.get(number, number) for number in range(100)]
        kept = await fetch(store, "SELECT id FROM pair ORDER BY id")
        assert [number for (number,) in kept] == [number for number in range(100) if number % 3]

    run_with(opener, test, PAIRS)


@pytest.mark.parametrize(
    "spoiler", ["INSERT INTO child (parent) VALUES ($1)", "INSERT OR ROLLBACK INTO pair (id) VALUES ($1 - 995)"]
)
def test_even_a_work_that_spoils_the_commit_fails_alone(opener: Opener, spoiler: str) -> None:
    async def test(store: Store) -> None:
        async def spoil(transaction: Transaction) -> None:
            await transaction.execute(INSERT, 500)
            await transaction.execute(spoiler, 999)

        works: list[Awaitable[object]] = [store.write(inserting(number)) for number in range(10)]
        works.insert(5, store.write(spoil))
        outcomes = await asyncio.gather(*works, return_exceptions=True)
        failed = outcomes.pop(5)
        assert isinstance(failed, Exception)
        assert "constraint" in str(failed).lower()
        assert outcomes == list(range(10))
        assert await fetch(store, "SELECT id FROM pair ORDER BY id") == [(number,) for number in range(10)]
        assert await fetch(store, "SELECT parent FROM child") == []

    run_with(opener, test, PAIRS)


def test_a_failed_statement_that_is_caught_leaves_the_work_alive(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> str:
            await transaction.execute(INSERT, 1)
            return "done" if await transaction.execute(f"{INSERT} ON CONFLICT DO NOTHING", 1) == 0 else "twice"

        assert await store.write(work) == "done"

    run_with(opener, test, PAIRS)


def test_two_hundred_writers_lose_no_update(opener: Opener) -> None:
    async def test(store: Store) -> None:
        await execute(store, "INSERT INTO account (name, amount) VALUES ($1, $2)", "all", 0)

        async def deposit(transaction: Transaction) -> None:
            row = await transaction.fetch_one("SELECT amount FROM account")
            assert row is not None
            await transaction.execute("UPDATE account SET amount = $1", row[0] + 1)

        async def writer() -> None:
            for _ in range(5):
                await store.write(deposit)

        await asyncio.gather(*[writer() for _ in range(200)])
        assert await fetch(store, "SELECT amount FROM account") == [(1000,)]

    run_with(opener, test, LEDGER)


def test_a_read_sees_one_state_while_others_write(opener: Opener) -> None:
    """Money moves between accounts all the time; whoever reads, in this thread or another, sees the same sum."""

    async def test(store: Store) -> None:
        await execute(store, "INSERT INTO account (name, amount) VALUES ($1, 500), ($2, 500)", "a", "b")
        ended = threading.Event()

        async def move(transaction: Transaction) -> None:
            await transaction.execute("UPDATE account SET amount = amount - 1 WHERE name = $1", "a")
            await transaction.execute("UPDATE account SET amount = amount + 1 WHERE name = $1", "b")

        async def look(transaction: Transaction) -> int:
            first = await transaction.fetch_one("SELECT amount FROM account WHERE name = $1", "a")
            second = await transaction.fetch_one("SELECT amount FROM account WHERE name = $1", "b")
            assert first is not None
            assert second is not None
            return int(first[0] + second[0])

        async def watch() -> set[int]:
            sums = {await store.read(look)}
            while not ended.is_set():
                sums.add(await store.read(look))
            return sums

        elsewhere = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(watch())))
        sums = set()
        for _ in range(60):
            await asyncio.gather(*[store.write(move) for _ in range(5)])
            sums.add(await store.read(look))
        ended.set()
        assert sums | await elsewhere == {1000}
        assert await fetch(store, "SELECT amount FROM account ORDER BY name") == [(200,), (800,)]

    run_with(opener, test, LEDGER)


def test_a_cancelled_caller_leaves_all_or_nothing(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def both(number: int, transaction: Transaction) -> None:
            await transaction.execute(INSERT, number)
            await transaction.execute(INSERT, -number)

        def task(number: int) -> asyncio.Task[None]:
            return asyncio.create_task(store.write(partial(both, number)))

        tasks = [task(number) for number in range(1, 121)]
        for turn, cancelled in enumerate(tasks):
            if turn % 2:
                cancelled.cancel()
            if turn % 10 == 0:
                await asyncio.sleep(0)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await store.write(inserting(1000))  # behind all of them
        kept = {number for (number,) in await fetch(store, "SELECT id FROM pair")} - {1000}
        assert kept == {-number for number in kept}
        assert {number for number, outcome in enumerate(outcomes, 1) if outcome is None} <= kept

    run_with(opener, test, PAIRS)


@pytest.mark.parametrize("writes", [True, False])
def test_a_work_that_waits_for_something_else_is_refused(opener: Opener, writes: bool) -> None:
    async def test(store: Store) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.fetch("SELECT id FROM pair")
            await asyncio.sleep(0)

        with pytest.raises(TypeError, match="awaits its Transaction and nothing else"):
            await (store.write(work) if writes else store.read(work))
        with pytest.raises(TypeError, match="coroutine function"):
            await (store.write(lambda _: 1) if writes else store.read(lambda _: 1))  # type: ignore[arg-type, return-value]
        assert await store.write(inserting(1)) == 1

    run_with(opener, test, PAIRS)


@pytest.mark.parametrize("outer_writes", [True, False])
@pytest.mark.parametrize("inner", ["read", "write", "migrate"])
def test_a_work_that_calls_the_store_is_refused(opener: Opener, outer_writes: bool, inner: str) -> None:
    async def test(store: Store) -> None:
        async def work(_transaction: Transaction) -> None:
            if inner == "migrate":
                await store.migrate("nested", ["CREATE TABLE nested (id BIGINT)"])
            else:
                await getattr(store, inner)(inserting(1))

        with pytest.raises(RuntimeError, match="not the store itself"):
            await (store.write(work) if outer_writes else store.read(work))
        assert await fetch(store, "SELECT id FROM pair") == []

    run_with(opener, test, PAIRS)


def test_a_transaction_is_worthless_after_its_work(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def leak(transaction: Transaction) -> Transaction:
            return transaction

        for leaked in (await store.write(leak), await store.read(leak)):
            with pytest.raises(RuntimeError, match="has ended"):
                await leaked.execute(INSERT, 1)

    run_with(opener, test, PAIRS)


def test_event_loops_of_several_threads_share_a_store(opener: Opener) -> None:
    async def test(store: Store) -> None:
        async def writer(first: int) -> None:
            for number in range(first, first + 20):
                await store.write(inserting(number))
                assert await fetch(store, "SELECT id FROM pair WHERE id = $1", number) == [(number,)]

        await asyncio.gather(writer(0), *[asyncio.to_thread(asyncio.run, writer(first)) for first in (100, 200, 300)])
        assert await fetch(store, "SELECT count(*) FROM pair") == [(80,)]

    run_with(opener, test, PAIRS)


def test_close_finishes_what_was_begun_and_refuses_the_rest(opener: Opener) -> None:
    async def test() -> None:
        store = opener.open()
        await store.migrate("contract", [PAIRS])
        begun = [asyncio.ensure_future(store.write(inserting(number))) for number in range(100)]
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.gather(*begun) == list(range(100))
        with pytest.raises(RuntimeError, match="closed"):
            await store.write(inserting(200))
        with pytest.raises(RuntimeError, match="closed"):
            await fetch(store, "SELECT 1")
        with pytest.raises(RuntimeError, match="closed"):
            await store.migrate("contract", [PAIRS])
        await store.close()

        if opener.durable:
            async with opened(opener) as again:
                assert await fetch(again, "SELECT count(*) FROM pair") == [(100,)]

    asyncio.run(test())


def test_what_was_written_is_there_after_opening_again(opener: Opener) -> None:
    if not opener.durable:
        pytest.skip("keeps nothing, by purpose")

    async def test(number: int, store: Store) -> None:
        assert await store.write(inserting(number)) == number
        assert await fetch(store, "SELECT id FROM pair ORDER BY id") == [(kept,) for kept in range(number + 1)]

    for number in range(3):
        run_with(opener, partial(test, number), PAIRS)
