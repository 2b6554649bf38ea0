"""`make bench`: the front door's latency and throughput and cold starts, for Python, Node and a custom runtime."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from pathlib import Path

import uvloop
from tools.running_platform import RunningPlatform

from benchmarks.functions import EVENT, Measured, deploy, measured, renew
from benchmarks.load import Call, latencies, percentile, throughput
from tatami.client.tatami_client import TatamiClient

CONNECTIONS = (1, 4, 16)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--warm", type=int, default=3000, help="warm calls on one connection")
    parser.add_argument("--cold", type=int, default=20, help="cold starts")
    parser.add_argument("--isolation", default="auto", help="as of `tatami up`")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each throughput run")
    options = parser.parse_args()
    print(f"kernel {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load average before: {os.getloadavg()[0]:.2f}; load generator on the same machine; {len(EVENT)} byte event")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with RunningPlatform(
            Path(folder) / "data", ["--log-level", "error", "--isolation", options.isolation]
        ) as running:
            print(f"ready after {(time.perf_counter() - began) * 1000:.0f} ms\n")
            heads = [f"{count} conn/s" for count in CONNECTIONS]
            print(f"{'runtime':<22}{'cold p50 ms':>12}{'warm p50 us':>12}{'warm p99 us':>12}" + _row(heads))
            health = TatamiClient(running.endpoint, "us-east-1", "test", "test").health()
            print(f"isolation: {health['isolation']['kind']}")
            for function in measured(health["runtimes"]):
                print(_measure(running, function, options), flush=True)
    print(f"\nload average after: {os.getloadavg()[0]:.2f}")


def _measure(running: RunningPlatform, function: Measured, options: argparse.Namespace) -> str:
    client = running.client("lambda")
    name = f"bench-{function.label}"
    deploy(client, function, name)
    call = Call(running.endpoint, name, EVENT)
    cold = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for number in range(options.cold):
            renew(client, name, number)
            cold += runner.run(latencies(call, 1))
        runner.run(latencies(call, 200))
        warm = runner.run(latencies(call, options.warm))
        rates = [runner.run(throughput(call, count, options.seconds)) for count in CONNECTIONS]
    figures = [percentile(cold, 0.5) * 1e3, percentile(warm, 0.5) * 1e6, percentile(warm, 0.99) * 1e6]
    cells = "".join(f"{figure:>12.1f}" for figure in figures)
    return f"{function.label + ' (' + function.runtime + ')':<22}{cells}" + _row([f"{rate:.0f}" for rate in rates])


def _row(cells: list[str]) -> str:
    return "".join(f"{cell:>12}" for cell in cells)


if __name__ == "__main__":
    main()
