"""
Control groups of sandboxes, versions 1 and 2 alike.

All groups of one platform lie in a folder `tatami-INSTANCE` under the platform's own group of each hierarchy, so that
the platform's own limits hold for its functions, and what a killed platform left can be found. Which controller
lives in which hierarchy is read from the machine; one that cannot be used is absent and the limit is not in force.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTROLLERS = ("memory", "cpu", "pids", "freezer")
CPU_PERIOD_US = 20_000
"""Short, so that a small share is spread evenly instead of running for a moment and standing still for long."""
MB_PER_CPU = 1769
"""1,769 MB of memory come with one vCPU (developer guide, configuration-memory)."""
_END_SECONDS = 5.0
PROCESSES = 1024
"""Processes and threads of one environment (developer guide, gettingstarted-limits)."""


@dataclass(frozen=True)
class Hierarchies:
    """Where each usable controller's parent folder lies. unified: the folder is in cgroup v2."""

    folders: Mapping[str, Path]
    unified: frozenset[str] = frozenset()

    def group(self, name: str) -> Group:
        """The group of one sandbox; it need not exist."""
        return Group({controller: folder / name for controller, folder in self.folders.items()}, self.unified)


@dataclass(frozen=True)
class Group:
    """One sandbox's folders, by controller."""

    folders: Mapping[str, Path]
    unified: frozenset[str]

    def paths(self) -> list[Path]:
        """Each folder once."""
        return list(dict.fromkeys(self.folders.values()))

    def make(self, memory_mb: int) -> None:
        """Create the group with its limits."""
        for path in self.paths():
            path.mkdir()
        for controller, path in self.folders.items():
            for file, value, needed in _limits(controller, controller in self.unified, memory_mb):
                _write(path / file, value, needed)

    def join(self) -> None:
        """Move the calling process in."""
        for path in self.paths():
            _write(path / "cgroup.procs", "0", True)

    def remove(self) -> bool:
        """Remove the empty folders; False when one is still in use."""
        gone = True
        for path in self.paths():
            try:
                path.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone

    def clear(self) -> None:
        """End what is inside and remove the folders; for when nobody else will."""
        for path in self.paths():
            sweep(path)

    def set_cpu(self, share: float | None) -> None:
        """Limit to `share` of one core, None for no limit."""
        if (path := self.folders.get("cpu")) is not None:
            quota = None if share is None else max(1000, round(share * CPU_PERIOD_US))
            if "cpu" in self.unified:
                _write(path / "cpu.max", f"{'max' if quota is None else quota} {CPU_PERIOD_US}", False)
            else:
                _write(path / "cpu.cfs_quota_us", str(-1 if quota is None else quota), False)

    def set_frozen(self, frozen: bool) -> None:
        """Stop every process, or let them go on."""
        if (path := self.folders.get("freezer")) is None:
            return
        if "freezer" in self.unified:
            _write(path / "cgroup.freeze", "1" if frozen else "0", True)
        else:
            _write(path / "freezer.state", "FROZEN" if frozen else "THAWED", True)

    def is_frozen(self) -> bool:
        """Whether every process stands still."""
        if (path := self.folders.get("freezer")) is None:
            return False
        if "freezer" in self.unified:
            return "frozen 1" in (path / "cgroup.events").read_text()
        return (path / "freezer.state").read_text().strip() == "FROZEN"

    def peak_memory(self) -> int:
        """Highest memory use of the whole group in bytes; 0 when it is not counted."""
        if (path := self.folders.get("memory")) is None:
            return 0
        file = "memory.peak" if "memory" in self.unified else "memory.max_usage_in_bytes"
        return _number(path / file)

    def forget_peak(self) -> None:
        """Begin to count the peak anew, where the kernel can (v1; v2 since Linux 6.12 by open file only)."""
        if (path := self.folders.get("memory")) is not None and "memory" not in self.unified:
            _write(path / "memory.max_usage_in_bytes", "0", False)

    def oom_kills(self) -> int:
        """How many processes were killed because the group had no memory left."""
        if (path := self.folders.get("memory")) is None:
            return 0
        file = "memory.events" if "memory" in self.unified else "memory.oom_control"
        for line in _lines(path / file):
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
        return 0

    def cpu_seconds(self) -> float:
        """CPU time the group has used; 0.0 where it is not counted."""
        path = self.folders.get("cpu")
        if path is None or "cpu" not in self.unified:
            return 0.0
        return next((int(line.split()[1]) / 1e6 for line in _lines(path / "cpu.stat") if "usage_usec" in line), 0.0)


def share_of(memory_mb: int) -> float:
    """The share of one core that comes with so much memory."""
    return memory_mb / MB_PER_CPU


def _limits(controller: str, unified: bool, memory_mb: int) -> list[tuple[str, str, bool]]:
    """File, value and whether the kernel must take it."""
    size = str(memory_mb * 1024 * 1024)
    quota = max(1000, round(share_of(memory_mb) * CPU_PERIOD_US))
    if controller == "memory":
        if unified:
            return [
                ("memory.max", size, True),
                ("memory.swap.max", "0", False),
                ("memory.oom.group", "1", False),
            ]
        return [
            ("memory.limit_in_bytes", size, True),
            ("memory.memsw.limit_in_bytes", size, False),
            ("memory.swappiness", "0", False),
        ]
    if controller == "cpu":
        if unified:
            weight = min(10_000, max(1, round(100 * share_of(memory_mb))))
            return [("cpu.max", f"{quota} {CPU_PERIOD_US}", True), ("cpu.weight", str(weight), False)]
        return [
            ("cpu.cfs_period_us", str(CPU_PERIOD_US), True),
            ("cpu.cfs_quota_us", str(quota), True),
            ("cpu.shares", str(max(2, round(1024 * share_of(memory_mb)))), False),
        ]
    if controller == "pids":
        return [("pids.max", str(PROCESSES), True)]
    return []


def discover(instance: str) -> Hierarchies:
    """Make the parent folders of `instance` in every hierarchy that can be used."""
    own = _own_groups()
    folders: dict[str, Path] = {}
    unified: set[str] = set()
    mounts = _mounts()
    for controller in CONTROLLERS:
        for root, point, controllers in mounts:
            if controller in controllers and (path := _parent(root, point, own.get(controller, "/"), instance)):
                folders[controller] = path
                break
    two = next(((root, point) for root, point, controllers in mounts if controllers == ("",)), None)
    missing = [controller for controller in CONTROLLERS if controller not in folders]
    if two is not None and missing:
        path = _unified_parent(two[0], two[1], own.get("", "/"), instance, missing)
        for controller in missing if path else ():
            assert path is not None
            if controller == "freezer" or controller in (path / "cgroup.controllers").read_text().split():
                folders[controller] = path
                unified.add(controller)
    return Hierarchies(folders, frozenset(unified))


def _parent(root: str, point: Path, group: str, instance: str) -> Path | None:
    path = point / group.removeprefix(root).lstrip("/") / f"tatami-{instance}"
    try:
        path.mkdir(exist_ok=True)
    except OSError:
        return None
    return path


def _unified_parent(root: str, point: Path, group: str, instance: str, wanted: Sequence[str]) -> Path | None:
    """
    The parent in cgroup v2, with controllers handed down to its children.

    A group that hands controllers down may hold no processes itself, the machine's root excepted. The platform's own
    group is therefore used when it is the root or was delegated with the platform in a child of it; else its parent.
    """
    own = point / group.removeprefix(root).lstrip("/")
    for base in dict.fromkeys((own, own.parent if own != point else own, point)):
        path = base / f"tatami-{instance}"
        try:
            path.mkdir(exist_ok=True)
        except OSError:
            continue
        for controller in wanted:
            if controller != "freezer":
                with contextlib.suppress(OSError):
                    _write(base / "cgroup.subtree_control", f"+{controller}", True)
                    _write(path / "cgroup.subtree_control", f"+{controller}", True)
        given = (path / "cgroup.subtree_control").read_text().split()
        if base == point or all(controller in given for controller in wanted if controller != "freezer"):
            return path
        with contextlib.suppress(OSError):
            path.rmdir()
    return None


def _mounts() -> list[tuple[str, Path, tuple[str, ...]]]:
    """Root, mount point and controllers of every mounted hierarchy; v2 has the controllers ("",)."""
    found: list[tuple[str, Path, tuple[str, ...]]] = []
    for line in _lines(Path("/proc/self/mountinfo")):
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        fields = before.split()
        if kind == "cgroup2":
            found.append((fields[3], Path(fields[4]), ("",)))
        elif kind == "cgroup":
            found.append((fields[3], Path(fields[4]), tuple(options.split(","))))
    return found


def _own_groups() -> dict[str, str]:
    groups: dict[str, str] = {}
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def sweep(folder: Path) -> int:
    """End every process below a folder of groups and remove it; returns how many processes were ended."""
    if not folder.is_dir():
        return 0
    children = [Path(entry) for entry in folder.iterdir() if entry.is_dir()]
    return sum(_end(group) for group in [*children, folder])


def _end(group: Path) -> int:
    """End the processes of one group and remove it."""
    ended: set[int] = set()
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        for pid in map(int, _lines(group / "cgroup.procs")):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended.add(pid)
        # A frozen process does not take its SIGKILL before it is thawed.
        for file, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            _write(group / file, value, False)
        try:
            group.rmdir()
            break
        except FileNotFoundError:
            break
        except OSError:
            time.sleep(0.002)
    return len(ended)


def _write(path: Path, value: str, needed: bool) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError:
        if needed:
            raise


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
