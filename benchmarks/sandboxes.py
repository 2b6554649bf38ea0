"""`python -m benchmarks.sandboxes`: what isolation costs, where the machine lets us have all of it (as root)."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import uvloop

from tatami.adapters.sandboxes.namespace_sandbox import NamespaceSandbox
from tatami.adapters.sandboxes.namespaces import NamespaceSandboxes
from tatami.ports.sandbox import ProcessSpec, SandboxSpec

T = TypeVar("T")

PROGRAM = Path(sys.executable).resolve()
IDLE = "import sys, time; sys.stdout.write('up'); sys.stdout.flush(); time.sleep(3600)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.sandboxes", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="sandboxes for the medians")
    parser.add_argument("--crowd", type=int, default=200, help="sandboxes that live at once")
    options = parser.parse_args()
    print(f"kernel {platform.release()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, tempfile.TemporaryDirectory() as folder:
        runner.run(_measure(Path(folder), options.count, options.crowd))


async def _measure(folder: Path, count: int, crowd: int) -> None:
    (folder / "task").mkdir()
    began = time.perf_counter()
    provider = await NamespaceSandboxes.open(folder / "run")
    print(f"{'provider ready, tried out':<44}{(time.perf_counter() - began) * 1e3:8.1f} ms")
    try:
        await _medians(provider, folder, count)
        await _crowd(provider, folder, crowd)
    finally:
        await provider.close()


async def _medians(provider: NamespaceSandboxes, folder: Path, count: int) -> None:
    took: dict[str, list[float]] = {}
    for number in range(count):
        await asyncio.sleep(0.05)  # the provider refills its spares in the background, as between real starts
        sandbox = await _timed(took, "create", partial(provider.create, _spec(folder, f"one-{number}")))
        await _timed(took, "spawn to first output (python -I -S)", partial(_start, sandbox))
        await _timed(took, "freeze", sandbox.freeze)
        await _timed(took, "thaw", sandbox.thaw)
        await _timed(took, "kill", sandbox.kill)
        await _timed(took, "remove", sandbox.remove)
    for what, values in took.items():
        ordered = sorted(values)
        p99 = ordered[int(len(ordered) * 0.99)]
        print(f"{what:<44}{statistics.median(values) * 1e3:8.2f} ms p50{p99 * 1e3:10.2f} ms p99")


async def _crowd(provider: NamespaceSandboxes, folder: Path, crowd: int) -> None:
    free = _available()
    began = time.perf_counter()
    living = [await provider.create(_spec(folder, f"crowd-{number}")) for number in range(crowd)]
    created = time.perf_counter() - began
    for sandbox in living:
        await _start(sandbox)
        await sandbox.freeze()
    used = (free - _available()) / crowd
    print(f"{f'{crowd} at once: created in':<44}{created:8.2f} s")
    print(f"{'memory of each, idle python, frozen':<44}{used / 1024:8.2f} MB")
    began = time.perf_counter()
    await asyncio.gather(*(sandbox.remove() for sandbox in living))
    print(f"{'all removed in':<44}{time.perf_counter() - began:8.2f} s")


def _spec(folder: Path, name: str) -> SandboxSpec:
    return SandboxSpec(name, folder / "task", memory_mb=512, interpreter=PROGRAM)


async def _start(sandbox: NamespaceSandbox) -> None:
    process = await sandbox.spawn(ProcessSpec([str(PROGRAM), "-I", "-S", "-c", IDLE], {"PATH": "/usr/bin"}))
    loop = asyncio.get_running_loop()
    said: asyncio.Future[None] = loop.create_future()
    loop.add_reader(process.output, _wake, said)
    await said
    loop.remove_reader(process.output)
    os.close(process.output)


async def _timed(took: dict[str, list[float]], what: str, work: Callable[[], Awaitable[T]]) -> T:
    began = time.perf_counter()
    result = await work()
    took.setdefault(what, []).append(time.perf_counter() - began)
    return result


def _wake(said: asyncio.Future[None]) -> None:
    if not said.done():
        said.set_result(None)


def _available() -> int:
    """kB of memory that is available, as the kernel says."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
