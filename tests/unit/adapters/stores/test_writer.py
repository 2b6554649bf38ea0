"""The writer thread: what shares a commit, and who is told."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from pathlib import Path

import apsw

from tatami.adapters.stores.session import Session, SqliteTransaction
from tatami.adapters.stores.sqlite import SqliteStore
from tatami.adapters.stores.writer import Writer
from tatami.ports.store import Transaction

account: ContextVar[str] = ContextVar("account", default="nobody")


async def nothing(_transaction: Transaction) -> None:
    """Writes nothing, in a transaction of its own."""


def test_works_given_while_a_group_runs_share_the_next_one(tmp_path: Path) -> None:
    async def test() -> None:
        store = SqliteStore.open(tmp_path / "tatami.db")
        started, go_on = threading.Event(), threading.Event()

        async def slow(_transaction: Transaction) -> None:
            started.set()
            go_on.wait(30)

        first = asyncio.create_task(store.write(slow))
        await asyncio.to_thread(started.wait, 30)
        rest = [asyncio.create_task(store.write(nothing)) for _ in range(40)]
        await asyncio.sleep(0)
        assert store.statistics()["waiting"] == 40
        go_on.set()
        await asyncio.gather(first, *rest)
        statistics = store.statistics()
        assert (statistics["writes"], statistics["groups"], statistics["largest_group"]) == (41, 2, 40)
        assert "'writes': 41" in repr(store)
        await store.close()

    asyncio.run(test())


def test_a_work_cancelled_before_its_group_never_runs(tmp_path: Path) -> None:
    async def test() -> None:
        store = SqliteStore.open(tmp_path / "tatami.db")
        started, go_on = threading.Event(), threading.Event()
        ran: list[str] = []

        async def slow(_transaction: Transaction) -> None:
            started.set()
            go_on.wait(30)
            ran.append("slow")

        async def note(_transaction: Transaction) -> None:
            ran.append("cancelled")

        first = asyncio.create_task(store.write(slow))
        await asyncio.to_thread(started.wait, 30)
        second = asyncio.create_task(store.write(note))
        await asyncio.sleep(0)
        first.cancel()  # runs already: applied whole, though nobody is told
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        go_on.set()
        await store.write(nothing)
        assert ran == ["slow"]
        await store.close()

    asyncio.run(test())


def test_a_work_runs_in_the_context_of_its_caller(tmp_path: Path) -> None:
    async def test() -> None:
        store = SqliteStore.open(tmp_path / "tatami.db")

        async def who(_transaction: Transaction) -> str:
            return account.get()

        async def caller(name: str) -> str:
            account.set(name)
            return await store.write(who)

        assert list(await asyncio.gather(caller("a"), caller("b"))) == ["a", "b"]
        await store.close()

    asyncio.run(test())


def test_a_caller_whose_loop_is_gone_harms_nobody() -> None:
    session = Session(":memory:", apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    writer = Writer(session)
    started, go_on = threading.Event(), threading.Event()

    async def slow(_transaction: SqliteTransaction) -> None:
        started.set()
        go_on.wait(30)

    async def give_up() -> None:
        task = asyncio.create_task(writer.write(slow))
        await asyncio.to_thread(started.wait, 30)
        task.cancel()

    asyncio.run(give_up())
    go_on.set()
    asyncio.run(writer.write(nothing))
    writer.close()
    assert writer.closed
