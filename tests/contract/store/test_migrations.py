"""Tables are brought up to date step by step, each step once."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.store.openers import Opener, execute, fetch, opened, run_with

from tatami.ports.store import Store

ONE = "CREATE TABLE one (id BIGINT); INSERT INTO one (id) VALUES (1);"
TWO = "ALTER TABLE one ADD COLUMN name TEXT DEFAULT 'two'"
THREE = "-- fills\nUPDATE one SET name = 'three; or so';\nCREATE INDEX one_name ON one (name);\n"


def test_fresh_repeated_and_more(opener: Opener) -> None:
    async def test(store: Store) -> None:
        await store.migrate("rooms", [])
        await store.migrate("rooms", [ONE, TWO])
        await store.migrate("rooms", [ONE, TWO])
        assert await fetch(store, "SELECT id, name FROM one") == [(1, "two")]
        await store.migrate("rooms", [ONE, TWO, THREE])
        assert await fetch(store, "SELECT id, name FROM one") == [(1, "three; or so")]
        assert await fetch(store, "SELECT version FROM tatami_schema WHERE component = $1", "rooms") == [(3,)]

    run_with(opener, test)


def test_components_are_numbered_apart(opener: Opener) -> None:
    async def test(store: Store) -> None:
        await store.migrate("a", ["CREATE TABLE a (id BIGINT)"])
        await store.migrate("b", ["CREATE TABLE b (id BIGINT)", "ALTER TABLE b ADD COLUMN name TEXT"])
        rows = await fetch(store, "SELECT component, version FROM tatami_schema WHERE component <> $1", "contract")
        assert sorted(rows) == [("a", 1), ("b", 2)]

    run_with(opener, test)


def test_a_failing_step_is_undone_whole_and_the_steps_before_it_stay(opener: Opener) -> None:
    broken = "CREATE TABLE two (id BIGINT); INSERT INTO nowhere VALUES (1)"

    async def test(store: Store) -> None:
        with pytest.raises(Exception, match="nowhere"):
            await store.migrate("rooms", [ONE, broken, THREE])
        assert await fetch(store, "SELECT version FROM tatami_schema WHERE component = $1", "rooms") == [(1,)]
        with pytest.raises(Exception, match="two"):
            await fetch(store, "SELECT id FROM two")
        await store.migrate("rooms", [ONE, TWO])
        assert await fetch(store, "SELECT id, name FROM one") == [(1, "two")]

    run_with(opener, test)


def test_a_newer_database_is_refused_and_left_alone(opener: Opener) -> None:
    async def test(store: Store) -> None:
        await store.migrate("rooms", [ONE, TWO])
        with pytest.raises(ValueError, match=r"'rooms' are at version 2, this program knows 1"):
            await store.migrate("rooms", [ONE])
        await store.migrate("rooms", [ONE, TWO])

    run_with(opener, test)


def test_a_step_cannot_end_its_transaction(opener: Opener) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(ValueError, match="not for a work"):
            await store.migrate("rooms", ["CREATE TABLE one (id BIGINT); COMMIT; CREATE TABLE two (id BIGINT)"])
        await store.migrate("rooms", [ONE])

    run_with(opener, test)


def test_two_at_once_run_each_step_once(opener: Opener) -> None:
    async def test(store: Store) -> None:
        await asyncio.gather(*[store.migrate("rooms", [ONE, TWO, THREE]) for _ in range(5)])
        assert await fetch(store, "SELECT id FROM one") == [(1,)]

    run_with(opener, test)


def test_steps_are_remembered_after_opening_again(opener: Opener) -> None:
    if not opener.durable:
        pytest.skip("keeps nothing, by purpose")

    async def test() -> None:
        for steps in ([ONE], [ONE, TWO], [ONE, TWO]):
            async with opened(opener) as store:
                await store.migrate("rooms", steps)
                await execute(store, "INSERT INTO one (id) VALUES ($1)", 5)
        async with opened(opener) as store:
            assert await fetch(store, "SELECT count(*) FROM one") == [(4,)]
            with pytest.raises(ValueError, match="newer"):
                await store.migrate("rooms", [])

    asyncio.run(test())
