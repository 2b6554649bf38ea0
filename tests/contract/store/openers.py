"""Every store adapter, in the way the contract opens it: each test gets fresh data, which `open` can open again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tatami.adapters.stores.memory import MemoryStore
from tatami.adapters.stores.sqlite import SqliteStore
from tatami.ports.store import Row, Store, Transaction, Value

T = TypeVar("T")


class Opener(Protocol):
    """One adapter with one set of data. durable: the data are there again after close and open."""

    durable: bool

    def open(self) -> Store: ...


class SqliteOpener:
    durable = True

    def __init__(self, folder: Path) -> None:
        self._path = folder / "data" / "tatami.db"

    def open(self) -> Store:
        return SqliteStore.open(self._path)


class MemoryOpener:
    durable = False

    def __init__(self, folder: Path) -> None:
        pass

    def open(self) -> Store:
        return MemoryStore()


OPENERS: dict[str, Callable[[Path], Opener]] = {"sqlite": SqliteOpener, "memory": MemoryOpener}


def opened(opener: Opener) -> AbstractAsyncContextManager[Store]:
    """An open store that is closed at the end."""

    @asynccontextmanager
    async def scope() -> Any:
        store = opener.open()
        try:
            yield store
        finally:
            await store.close()

    return scope()


def run_with(opener: Opener, test: Callable[[Store], Awaitable[T]], *steps: str) -> T:
    """Run `test` on a store whose tables `steps` made."""

    async def body() -> T:
        async with opened(opener) as store:
            await store.migrate("contract", steps)
            return await test(store)

    return asyncio.run(body())


async def fetch(store: Store, sql: str, *values: Value) -> list[Row]:
    """Read the rows of one statement."""

    async def work(transaction: Transaction) -> list[Row]:
        return await transaction.fetch(sql, *values)

    return await store.read(work)


async def execute(store: Store, sql: str, *values: Value) -> int:
    """Write one statement."""

    async def work(transaction: Transaction) -> int:
        return await transaction.execute(sql, *values)

    return await store.write(work)
