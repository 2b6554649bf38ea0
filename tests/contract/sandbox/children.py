"""Programs that sandboxes are tried with, and how many processes of an environment are left."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tatami.ports.sandbox import ProcessSpec, RunningProcess, SandboxSpec

PYTHON = os.path.realpath(sys.executable)
MARK = "AWS_LAMBDA_LOG_STREAM_NAME"


def spec(folder: Path, environment: str = "5f" * 16) -> SandboxSpec:
    """A sandbox whose package is an empty folder."""
    task = folder / "task"
    task.mkdir(exist_ok=True)
    return SandboxSpec(environment, task, 128)


def shell(script: str, environment: str = "5f" * 16, framed: bool = False, **variables: str) -> ProcessSpec:
    """A shell script as the first process; its environment carries the mark."""
    return ProcessSpec(["/bin/sh", "-c", script], marked(environment, **variables), framed)


def python(script: str, environment: str = "5f" * 16, framed: bool = False) -> ProcessSpec:
    """A Python program as the first process."""
    return ProcessSpec([PYTHON, "-I", "-S", "-c", script], marked(environment), framed)


def marked(environment: str, **variables: str) -> dict[str, str]:
    """Variables with the environment's log stream among them."""
    return {"PATH": "/usr/bin:/bin", MARK: f"2026/11/22/[$LATEST]{environment}", **variables}


def living(environment: str = "5f" * 16) -> list[int]:
    """The processes, zombies aside, that carry the mark of an environment."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                variables = Path(f"/proc/{name}/environ").read_bytes()
            except OSError:
                continue
            if f"{MARK}=2026/11/22/[$LATEST]{environment}".encode() in variables:
                found.append(int(name))
    return found


async def read(descriptor: int, until: bytes = b"") -> bytes:
    """Everything to the end of a pipe, which is closed then; or up to and with `until`."""
    loop, data = asyncio.get_running_loop(), b""
    while not until or until not in data:
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, _once, readable)
        await readable
        loop.remove_reader(descriptor)
        piece = os.read(descriptor, 65536)
        data += piece
        if not piece:
            break
    if not until:
        os.close(descriptor)
    return data


def _once(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


def close(process: RunningProcess) -> None:
    """Close the platform's ends of its pipes."""
    for descriptor in (process.output, process.frames):
        if descriptor is not None:
            os.close(descriptor)
