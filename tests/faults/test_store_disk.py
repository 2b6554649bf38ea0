"""A disk that fills up or breaks at the N-th call: StoreFull, nothing half done, and the store goes on afterwards."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tatami.adapters.stores.sqlite import SqliteStore
from tatami.ports.store import StoreFull, Transaction

FAILURES = [apsw.FullError("full"), apsw.IOError("broken"), apsw.ReadOnlyError("read-only")]
INSERT = "INSERT INTO item (id, body) VALUES ($1, $2)"


class BreakableFile(apsw.VFSFile):
    """A file that asks its disk before every change."""

    def __init__(self, disk: BreakableDisk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._place = "log" if flags[0] & apsw.SQLITE_OPEN_WAL else "database"

    def xWrite(self, data: Any, offset: int) -> None:
        self._disk.ask("write", self._place)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.ask("sync", self._place)
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        self._disk.ask("truncate", self._place)
        super().xTruncate(size)


class BreakableDisk(apsw.VFS):
    """SQLite's file system, failing from the N-th change on for so many changes."""

    name = "breakable"

    def __init__(self) -> None:
        super().__init__(self.name, "")
        self.failed: list[str] = []
        self.repair()

    def xOpen(self, name: Any, flags: list[int]) -> BreakableFile:
        return BreakableFile(self, name, flags)

    def repair(self) -> None:
        self.fail(None, FAILURES[0], 0)

    def fail(self, after: int | None, error: apsw.Error, times: int, only: str = "") -> None:
        """Fail `times` changes once `after` of them went well; None: never. only: of the log, or of the database."""
        self._left, self._error, self._times, self._only = after, error, times, only

    def ask(self, change: str, place: str) -> None:
        if self._left is None or self._only not in ("", place):
            return
        self._left -= 1
        if self._left < 0 and self._times > 0:
            self._times -= 1
            self.failed.append(change)
            raise type(self._error)(*self._error.args)


@pytest.fixture
def disk() -> Iterator[BreakableDisk]:
    disk = BreakableDisk()
    yield disk
    disk.unregister()


def adding(number: int, size: int = 3000) -> Callable[[Transaction], Awaitable[None]]:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, number, b"x" * size)
        await transaction.execute(INSERT, -number, b"y" * size)

    return work


async def numbers(store: SqliteStore) -> set[int]:
    async def work(transaction: Transaction) -> set[int]:
        return {number for (number,) in await transaction.fetch("SELECT id FROM item")}

    return await store.read(work)


async def opened(path: Path, vfs: str | None = None) -> SqliteStore:
    store = SqliteStore.open(path, vfs=vfs)
    await store.migrate("disk", ["CREATE TABLE item (id BIGINT PRIMARY KEY, body BLOB)"])
    return store


async def numbers_after_a_crash(path: Path, elsewhere: Path) -> set[int]:
    """What a start would find if the process died now: the files are copied as they are, then opened."""
    elsewhere.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", elsewhere / f"{path.name}{suffix}")
    store = await opened(elsewhere / path.name)
    try:
        return await numbers(store)
    finally:
        await store.close()


def with_negatives(positives: set[int]) -> set[int]:
    return positives | {-number for number in positives}


@pytest.mark.fault
@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_the_nth_change_fails(tmp_path: Path, disk: BreakableDisk, error: apsw.Error) -> None:
    """For every N: the failed group is gone (also for a crash right after), everything else is there."""

    async def test() -> None:
        path = tmp_path / "data" / "tatami.db"
        store = await opened(path, disk.name)
        kept: set[int] = set()
        refused = 0
        for n in range(30):
            batch = range(1 + n * 10, 4 + n * 10)
            disk.fail(n, error, 1)
            outcomes = await asyncio.gather(*[store.write(adding(number)) for number in batch], return_exceptions=True)
            disk.repair()
            assert {type(outcome) for outcome in outcomes} <= {type(None), StoreFull}
            kept |= {number for number, outcome in zip(batch, outcomes, strict=True) if outcome is None}
            refused += sum(outcome is not None for outcome in outcomes)
            assert await numbers(store) == with_negatives(kept)
            assert await numbers_after_a_crash(path, tmp_path / str(n)) == with_negatives(kept)
            await store.write(adding(9 + n * 10))
            kept.add(9 + n * 10)
        assert refused > 20
        assert {"write", "sync"} <= set(disk.failed)
        await store.close()
        again = await opened(path, disk.name)
        assert await numbers(again) == with_negatives(kept)
        await again.close()

    asyncio.run(test())


@pytest.mark.fault
def test_a_full_disk_refuses_writes_serves_reads_and_recovers(tmp_path: Path, disk: BreakableDisk) -> None:
    async def test() -> None:
        store = await opened(tmp_path / "tatami.db", disk.name)
        await store.write(adding(1))
        disk.fail(0, FAILURES[0], 1_000_000)
        for number in (2, 3):
            with pytest.raises(StoreFull, match="nothing was written: full"):
                await store.write(adding(number))
            assert await numbers(store) == {1, -1}
        disk.repair()
        await store.write(adding(2))
        assert await numbers(store) == {1, -1, 2, -2}
        await store.close()

    asyncio.run(test())


@pytest.mark.fault
def test_a_work_cannot_hide_a_full_disk(tmp_path: Path, disk: BreakableDisk) -> None:
    """The work is larger than the cache, so its own statements reach the disk and fail there."""

    async def test() -> None:
        store = await opened(tmp_path / "tatami.db", disk.name)

        async def stubborn(transaction: Transaction) -> str:
            for number in range(30):
                try:
                    await transaction.execute(INSERT, number, b"x" * 1_000_000)
                except apsw.Error:
                    return "never mind"
            return "there was room"

        disk.fail(10, FAILURES[0], 1_000_000)
        outcomes = await asyncio.gather(store.write(stubborn), store.write(adding(100)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreFull, StoreFull]
        disk.repair()
        assert await numbers(store) == set()
        assert await store.write(stubborn) == "there was room"
        await store.close()

    asyncio.run(test())


@pytest.mark.fault
def test_a_log_that_cannot_be_moved_fails_no_write(
    tmp_path: Path, disk: BreakableDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """Many pages make the writer move the log into the database between groups; a failure there is nobody's error."""

    async def test() -> None:
        store = await opened(tmp_path / "tatami.db", disk.name)
        disk.fail(0, FAILURES[0], 1_000_000, only="database")
        for number in range(1, 4):
            await store.write(adding(number, 5_000_000))
        assert store.statistics()["log_pages"] > 5_000
        assert "the write-ahead log grows" in caplog.text
        disk.repair()
        await store.write(adding(4))
        await store.write(adding(5))  # behind the move that follows number 4, so the log starts again
        assert store.statistics()["log_pages"] < 1_000
        disk.fail(0, FAILURES[0], 1_000_000, only="database")
        await store.close()
        assert "stays for the next start" in caplog.text
        disk.repair()
        again = await opened(tmp_path / "tatami.db")
        assert await numbers(again) == with_negatives({1, 2, 3, 4, 5})
        await again.close()

    asyncio.run(test())


@pytest.mark.fault
def test_a_failed_open_leaves_the_folder_free(tmp_path: Path, disk: BreakableDisk) -> None:
    async def test() -> None:
        path = tmp_path / "tatami.db"
        disk.fail(0, FAILURES[1], 1_000_000)
        with pytest.raises(apsw.IOError):
            SqliteStore.open(path, vfs=disk.name)
        disk.repair()
        store = await opened(path, disk.name)
        await store.close()

    asyncio.run(test())
