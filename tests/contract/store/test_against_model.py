"""Every store, whatever is done to it, holds what a dictionary would hold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.contract.store.openers import OPENERS, Opener, fetch

from tatami.ports.store import Transaction

TABLE = "CREATE TABLE item (name TEXT PRIMARY KEY, value BLOB, version BIGINT NOT NULL)"
PUT = """INSERT INTO item (name, value, version) VALUES ($1, $2, 1)
ON CONFLICT (name) DO UPDATE SET value = $2, version = item.version + 1 RETURNING version"""

names = st.sampled_from(["a", "b", "c", "ä", ""])
bodies = st.one_of(st.none(), st.binary(max_size=20))
changes = st.lists(st.one_of(st.tuples(st.just("put"), names, bodies), st.tuples(st.just("drop"), names)), max_size=5)
Model = dict[str, tuple[bytes | None, int]]


class UndoneError(Exception):
    """The work changed its mind."""


def apply_to_model(model: Model, change: tuple[Any, ...]) -> int:
    """Do `change` and give what the store is expected to answer."""
    if change[0] == "drop":
        return 0 if model.pop(change[1], None) is None else 1
    version = model.get(change[1], (None, 0))[1] + 1
    model[change[1]] = (change[2], version)
    return version


async def apply_to_store(transaction: Transaction, change: tuple[Any, ...]) -> int:
    if change[0] == "drop":
        return await transaction.execute("DELETE FROM item WHERE name = $1", change[1])
    row = await transaction.fetch_one(PUT, change[1], change[2])
    assert row is not None
    return int(row[0])


class Stores(RuleBasedStateMachine):
    """All adapters and the model take the same steps."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.openers: dict[str, Opener] = {name: make(self.folder) for name, make in OPENERS.items()}
        self.stores = {name: opener.open() for name, opener in self.openers.items()}
        self.model: Model = {}
        for store in self.stores.values():
            self.loop.run_until_complete(store.migrate("model", [TABLE]))

    @rule(work=changes, undone=st.booleans())
    def write(self, work: list[tuple[Any, ...]], undone: bool) -> None:
        after = dict(self.model)
        expected = [apply_to_model(after, change) for change in work]

        async def run(transaction: Transaction) -> list[int]:
            answers = [await apply_to_store(transaction, change) for change in work]
            if undone:
                raise UndoneError(answers)
            return answers

        for store in self.stores.values():
            try:
                answers = self.loop.run_until_complete(store.write(run))
            except UndoneError as error:
                answers = error.args[0]
            assert answers == expected
        if not undone:
            self.model = after

    @rule(works=st.lists(st.tuples(changes, st.booleans()), min_size=2, max_size=6))
    def write_together(self, works: list[tuple[list[tuple[Any, ...]], bool]]) -> None:
        """At the same time, hence in one group; they are applied in the order they were given."""

        async def run(work: list[tuple[Any, ...]], undone: bool, transaction: Transaction) -> None:
            for change in work:
                await apply_to_store(transaction, change)
            if undone:
                raise UndoneError

        async def together(store: Any) -> list[Any]:
            writes = [store.write(lambda tx, one=one: run(one[0], one[1], tx)) for one in works]
            return await asyncio.gather(*writes, return_exceptions=True)

        for store in self.stores.values():
            outcomes = self.loop.run_until_complete(together(store))
            assert [isinstance(outcome, UndoneError) for outcome in outcomes] == [undone for _, undone in works]
        for work, undone in works:
            for change in () if undone else work:
                apply_to_model(self.model, change)

    @rule()
    def open_again(self) -> None:
        for name, opener in self.openers.items():
            if opener.durable:
                self.loop.run_until_complete(self.stores[name].close())
                self.stores[name] = opener.open()

    @invariant()
    def stores_equal_the_model(self) -> None:
        expected = sorted((name, value, version) for name, (value, version) in self.model.items())
        for store in self.stores.values():
            rows = self.loop.run_until_complete(fetch(store, "SELECT name, value, version FROM item"))
            assert sorted(rows, key=lambda row: str(row[0])) == expected

    def teardown(self) -> None:
        for store in self.stores.values():
            self.loop.run_until_complete(store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
