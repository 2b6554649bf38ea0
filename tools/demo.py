"""`make demo`: starts a platform, deploys the examples, invokes them with boto3, shows what came, stops everything."""

# ruff: noqa: T201  a program for the terminal

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from tools.running_platform import PlatformError, RunningPlatform

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
WARM_INVOCATIONS = 20
LOG_LINES = 6


class DemoError(Exception):
    """A step of the demo did not go as it should; the text says which and how."""


@dataclass(frozen=True)
class Example:
    """One application of examples/. needs: the program without which it is skipped. shown: its result in short."""

    name: str
    runtime: str
    needs: str
    shown: Callable[[Mapping[str, Any]], str]

    @property
    def folder(self) -> Path:
        """Where it is."""
        return EXAMPLES / self.name

    def event(self) -> bytes:
        """The event that it ships."""
        return (self.folder / "event.json").read_bytes()


@dataclass(frozen=True)
class Row:
    """One line of the table: milliseconds from the call to the answer as boto3's caller sees them."""

    function: str
    runtime: str
    cold_ms: float
    warm_ms: float
    result: str


def examples() -> list[Example]:
    """The examples, with the runtimes of this machine: Pillow is built for the Python that runs this."""
    return [
        Example(
            "thumbnail",
            f"python{sys.version_info.major}.{sys.version_info.minor}",
            sys.executable,
            lambda result: f"{result['format']} {result['width']}x{result['height']}",
        ),
        Example(
            "access-log",
            node_runtime(),
            "node",
            lambda result: (
                f"{result['parsed']} lines, {len(result['malformed'])} malformed, {result['byStatus']['404']} not found"
            ),
        ),
        Example(
            "word-count",
            "provided.al2023",
            "curl",
            lambda result: f"{result['words']} words, most often '{result['top'][0]['word']}'",
        ),
    ]


def node_runtime() -> str:
    """`nodejsN.x` of the node on PATH; of 20 when there is none."""
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    return f"nodejs{version.strip().lstrip('v').split('.')[0] or '20'}.x"


def build(example: Example) -> None:
    """Run the example's build script, if it has one, with this interpreter. Raises DemoError."""
    script = example.folder / "build.sh"
    if script.exists():
        environment = {**os.environ, "PYTHON": sys.executable}
        done = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"{script} failed:\n{done.stderr}")


def deploy(platform: RunningPlatform, example: Example) -> None:
    """Deploy with the `tatami` command. Raises DemoError."""
    done = platform.tatami("deploy", str(example.folder), "--runtime", example.runtime)
    if done.returncode:
        raise DemoError(f"tatami deploy {example.name}: {done.stderr.strip()}")


def measure(client: Any, example: Example) -> Row:
    """Invoke once cold and then warm. Raises DemoError when a result is an error or results differ."""
    event = example.event()
    cold_ms, first = invoke(client, example, event)
    warm = [invoke(client, example, event) for _ in range(WARM_INVOCATIONS)]
    if any(result != first for _, result in warm):
        raise DemoError(f"{example.name} answered the same event in different ways")
    return Row(
        example.name,
        example.runtime,
        cold_ms,
        statistics.median(ms for ms, _ in warm),
        example.shown(json.loads(first)),
    )


def invoke(client: Any, example: Example, event: bytes) -> tuple[float, bytes]:
    """One invocation: milliseconds and result. Raises DemoError when the function failed."""
    started = time.perf_counter()
    answer = client.invoke(FunctionName=example.name, Payload=event)
    result: bytes = answer["Payload"].read()
    elapsed = (time.perf_counter() - started) * 1000
    if "FunctionError" in answer:
        raise DemoError(f"{example.name} failed: {result.decode(errors='replace')}")
    return elapsed, result


def print_table(rows: list[Row]) -> None:
    """The rows in columns."""
    cells = [("function", "runtime", "cold ms", "warm ms", "result")]
    cells += [(row.function, row.runtime, f"{row.cold_ms:.0f}", f"{row.warm_ms:.1f}", row.result) for row in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(5)]
    for line in cells:
        name, runtime, cold, warm, result = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"{name}  {runtime}  {cold.rstrip():>{widths[2]}}  {warm.rstrip():>{widths[3]}}  {result}".rstrip())


def print_log(platform: RunningPlatform, name: str) -> None:
    """The first lines that `name` logged. Raises DemoError when there are none."""
    done = platform.tatami("logs", name)
    lines = done.stdout.splitlines()[:LOG_LINES]
    if done.returncode or not lines:
        raise DemoError(f"tatami logs {name}: {done.stderr.strip() or 'no lines'}")
    print(f"\nfirst lines of the log of {name}:")
    for line in lines:
        print(f"  {line}")


def run(folder: Path) -> None:
    """The whole demo with its data in `folder`. Raises DemoError, PlatformError and what boto3 raises."""
    runnable = []
    for example in examples():
        if shutil.which(example.needs):
            runnable.append(example)
        else:
            print(f"skipped {example.name}: this machine has no {example.needs}")
    for example in runnable:
        build(example)
    started = time.perf_counter()
    with RunningPlatform(folder / "data") as platform:
        print(f"tatami serves at {platform.endpoint} ({(time.perf_counter() - started) * 1000:.0f} ms to start)\n")
        client = platform.client("lambda")
        for example in runnable:
            deploy(platform, example)
        print_table([measure(client, example) for example in runnable])
        print_log(platform, runnable[0].name)
    print("\nstopped; no process was left behind")


def main() -> int:
    """Run the demo in a temporary folder; 0 when everything went well."""
    with tempfile.TemporaryDirectory(prefix="tatami-demo-") as folder:
        try:
            run(Path(folder))
        except (DemoError, PlatformError, ClientError, BotoCoreError) as error:
            print(f"\ndemo failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
