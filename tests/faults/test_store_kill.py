"""`kill -9` at random moments: every answered transaction is there, and none is there by half.

This file is also the program that gets killed: it writes transactions of several rows from many tasks and prints
the number of each that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tatami.adapters.stores.lock import DataFolderInUse
from tatami.adapters.stores.sqlite import SqliteStore
from tatami.ports.store import Row, Transaction

STEPS = [
    "CREATE TABLE entry (number BIGINT NOT NULL, part BIGINT NOT NULL, body TEXT, PRIMARY KEY (number, part))",
    "CREATE TABLE total (entries BIGINT NOT NULL); INSERT INTO total (entries) VALUES (0)",
]
PARTS = 5
WRITERS = 16


async def write_until_killed(path: Path, first: int) -> None:
    say("opening")
    store = SqliteStore.open(path)
    await store.migrate("kill", STEPS)

    async def add(number: int, transaction: Transaction) -> None:
        for part in range(PARTS):
            insert = "INSERT INTO entry (number, part, body) VALUES ($1, $2, $3)"
            await transaction.execute(insert, number, part, "x" * (number % 3000))
        await transaction.execute("UPDATE total SET entries = entries + $1", PARTS)

    async def writer(start: int) -> None:
        for number in range(start, start + 1_000_000, WRITERS):
            await store.write(partial(add, number))
            say(str(number))

    await asyncio.gather(*[writer(first + start) for start in range(WRITERS)])


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one call, so a line is printed whole or not at all


def child(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, __file__, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def run_and_kill(path: Path, first: int, answers: int, moment: float) -> list[int]:
    """Kill a writer `moment` seconds after so many answers; the numbers it said were written."""
    process = child(str(path), str(first))
    assert process.stdout is not None
    with process:
        lines = [process.stdout.readline() for _ in range(answers + 1)]
        until = time.perf_counter() + moment
        while time.perf_counter() < until:
            pass
        process.kill()
        lines += process.stdout.readlines()
    assert process.returncode == -9
    return [int(line) for line in lines[1:]]


async def stored(path: Path) -> tuple[list[Row], int]:
    """Rows per transaction, and what the running total says."""
    store = SqliteStore.open(path)
    await store.migrate("kill", STEPS)

    async def work(transaction: Transaction) -> tuple[list[Row], int]:
        rows = await transaction.fetch("SELECT number, count(*) FROM entry GROUP BY number")
        total = await transaction.fetch_one("SELECT entries FROM total")
        assert total is not None
        return rows, total[0]

    try:
        return await store.read(work)
    finally:
        await store.close()


@pytest.mark.fault
@pytest.mark.parametrize("seed", range(3))
def test_ten_kills_lose_nothing_that_was_answered(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "data" / "tatami.db"
    answered: set[int] = set()
    for turn in range(10):
        first = turn * 1_000_000
        answers = 0 if turn == 3 else chance.randrange(1, 120)
        answered |= set(run_and_kill(path, first, answers, chance.random() * 0.005))
        rows, total = asyncio.run(stored(path))
        assert {count for _, count in rows} <= {PARTS}
        assert total == PARTS * len(rows)
        assert answered <= {number for number, _ in rows}
    assert len(answered) > 100


@pytest.mark.fault
def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tatami.db"
    process = child(str(path), "0")
    assert process.stdout is not None
    with process:
        for _ in range(3):
            process.stdout.readline()
        with pytest.raises(DataFolderInUse, match=f"in use by process {process.pid}") as refusal:
            SqliteStore.open(path)
        assert refusal.value.pid == process.pid
        process.kill()
        process.stdout.read()
    rows, total = asyncio.run(stored(path))
    assert total == PARTS * len(rows) > 0


if __name__ == "__main__":
    asyncio.run(write_until_killed(Path(sys.argv[1]), int(sys.argv[2])))
