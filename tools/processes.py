"""Which processes run, read from /proc: tells whether a stopped platform has left any behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `started` (clock ticks since boot) tells it from a later one that was given the same pid."""

    pid: int
    parent: int
    started: int
    state: str
    name: str


def read(pid: int) -> Process | None:
    """The process `pid`, or None when there is none (any more)."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses: proc(5).
    opening, closing = text.index("("), text.rindex(")")
    fields = text[closing + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[19]), fields[0], text[opening + 1 : closing])


def running() -> list[Process]:
    """Every process of this machine that this user may see."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()] if PROC.is_dir() else []
    return [process for pid in pids if (process := read(pid))]


def descendants(pid: int) -> list[Process]:
    """Children of `pid`, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for process in running():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [process.pid for process in below]
    return found


def belonging_to(folder: Path) -> list[Process]:
    """Processes that name `folder` in their arguments or environment, or work in it.

    Finds what `descendants` cannot: processes whose parent has already ended.
    """
    return [process for process in running() if _mentions(process.pid, folder)]


def still_alive(processes: list[Process]) -> list[Process]:
    """Those of `processes` that run now; the dead that nobody has waited for yet do not count."""
    return [
        process
        for process in processes
        if (now := read(process.pid)) and now.started == process.started and now.state not in "ZX"
    ]


def _mentions(pid: int, folder: Path) -> bool:
    entry = PROC / str(pid)
    wanted = str(folder).encode()
    try:
        texts = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        return wanted in texts or (entry / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False
