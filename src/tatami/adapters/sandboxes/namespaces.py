"""
The `namespaces` sandbox: Linux namespaces, control groups, seccomp, an unprivileged user; no container engine.

The work is done by a helper, the maker (see maker.serve for the theory of operation). Here is the platform's side:
users and images are given out, the doors are served, what is in force is found out by trying, and what a
killed platform left is swept.

Rootless, the maker works in a user namespace of its own. Then all sandboxes run as the platform's user on the outside
(inside each is a user of its own without rights), `/tmp` is memory, and limits are in force where a control group
was delegated.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import secrets
import select
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tatami.adapters.sandboxes.confinement import (
    LAYERS_ROOT,
    TASK_ROOT,
    interpreter_mounts,
    interpreter_place,
    linked_mounts,
)
from tatami.adapters.sandboxes.maker import cgroups
from tatami.adapters.sandboxes.maker.cgroups import Group
from tatami.adapters.sandboxes.maker.orders import CreateOrder
from tatami.adapters.sandboxes.maker_link import MakerLink
from tatami.adapters.sandboxes.namespace_sandbox import NamespaceSandbox
from tatami.adapters.sandboxes.scratch import ScratchImages
from tatami.ports.sandbox import ReadOnlyMount, SandboxSpec

_MARK = ".namespaces-"
_USERS = 10_000
_FIRST_USER = 500_000_000
_FIRST_NAME = 1051
"""`sbx_user1051` is the user that AWS's runtimes show."""
_ROOTLESS_USER = 993
_SWEEP_SECONDS = 30.0


class NamespacesUnavailable(Exception):
    """This machine does not let the platform make namespace sandboxes; the text says what it refused."""


class NamespaceSandboxes:
    """Makes `namespaces` sandboxes. Use `open`; `close` ends every sandbox."""

    def __init__(self, folder: Path, endpoint_port: Callable[[], int], egress: bool, rootless: bool) -> None:
        self._instance = secrets.token_hex(4)
        self._run = folder
        self._folder = folder / f"{_MARK}{self._instance}"
        self._endpoint_port = endpoint_port
        self._egress = egress
        self._rootless = rootless
        self._link: MakerLink | None = None
        self._starting = asyncio.Lock()
        self._hierarchies = cgroups.Hierarchies({})
        self._images = ScratchImages(self._folder)
        self._isolation: dict[str, bool | str] = {"kind": "namespaces"}
        self._users = list(reversed(range(_USERS)))
        # Two platforms on one machine must not share users: limits on processes count by user.
        self._first_user = _FIRST_USER + int(self._instance, 16) % 100_000 * _USERS
        self._living: dict[str, NamespaceSandbox] = {}

    def __repr__(self) -> str:
        return f"<NamespaceSandboxes {self._instance} living={len(self._living)} {self._link}>"

    @classmethod
    async def open(
        cls,
        folder: Path,
        endpoint_port: Callable[[], int] = lambda: 0,
        egress: bool = True,
        rootless: bool | None = None,
    ) -> NamespaceSandboxes:
        """
        Start, and find out what is in force.

        folder: for the platform's own files. endpoint_port: the port on loopback where the platform is reached, 0 for
        none; asked at each creation, and the same inside. egress: whether functions may reach the internet through this
        machine. rootless: None for what the platform's user allows. Raises NamespacesUnavailable.
        """
        made = cls(folder, endpoint_port, egress, os.geteuid() != 0 if rootless is None else rootless)
        try:
            await made._start()
        except OSError as refused:
            await made.close()
            raise NamespacesUnavailable(str(refused)) from refused
        return made

    async def close(self) -> None:
        """End every sandbox; nothing is left."""
        for sandbox in list(self._living.values()):
            sandbox.abandon()
        if self._link is not None:
            self._link.close()
            await self._link.ended()
            self._link = None
        for parent in set(self._hierarchies.folders.values()):
            await asyncio.to_thread(cgroups.sweep, parent)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    @property
    def isolation(self) -> Mapping[str, bool | str]:
        """What is in force, as found by trying when the platform started."""
        return dict(self._isolation)

    def task_root(self, spec: SandboxSpec) -> str:
        """The package is always seen at `/var/task`."""
        return TASK_ROOT

    def layers_root(self, spec: SandboxSpec) -> str:
        """The layers are always seen at `/opt`."""
        return LAYERS_ROOT

    def interpreter(self, spec: SandboxSpec) -> str:
        """At `/var/lang`, as on AWS, unless it is one of the system's."""
        return interpreter_place(spec.interpreter) if spec.interpreter else ""

    def seen(self, mount: ReadOnlyMount) -> str:
        """At its place."""
        return mount.place

    async def create(self, spec: SandboxSpec) -> NamespaceSandbox:
        """Make an empty sandbox. Raises OSError."""
        link = await self._maker()
        if not self._users:
            raise OSError(errno.EAGAIN, f"there are {_USERS} sandboxes already")
        slot = self._users.pop()
        try:
            order = await self._order(spec, slot)
            sandbox = NamespaceSandbox(spec.environment, link, self._hierarchies.group(spec.environment), self._freed)
            sandbox.slot = slot
            self._living[spec.environment] = sandbox
            await sandbox.make(order)
        except BaseException:
            self._living.pop(spec.environment, None)
            self._users.append(slot)
            raise
        return sandbox

    async def sweep(self) -> int:
        """Remove what killed platforms with this folder left: processes, control groups, files."""
        if not self._run.is_dir():
            return 0
        removed = 0
        for folder in sorted(self._run.glob(f"{_MARK}*")):
            if folder != self._folder:
                removed += await asyncio.to_thread(_sweep, folder)
        return removed

    def _freed(self, sandbox: NamespaceSandbox) -> None:
        if self._living.get(sandbox.environment) is sandbox:
            del self._living[sandbox.environment]
            self._users.append(sandbox.slot)

    async def _order(self, spec: SandboxSpec, slot: int) -> CreateOrder:
        group = self._hierarchies.group(spec.environment)
        scratch = await self._images.of(spec.ephemeral_mb) if self._isolation.get("tmp_on_disk") else ""
        mounts = [ReadOnlyMount(spec.task_root, TASK_ROOT), *_mounts(spec)]
        if spec.layers_root is not None:
            mounts.append(ReadOnlyMount(spec.layers_root, LAYERS_ROOT))
        return CreateOrder(
            name=spec.environment,
            user=_ROOTLESS_USER if self._rootless else self._first_user + slot,
            user_name=f"sbx_user{_FIRST_NAME + slot}",
            mounts=tuple((str(one.source), one.place) for one in mounts),
            scratch=scratch,
            tmp_mb=spec.ephemeral_mb,
            memory_mb=spec.memory_mb,
            endpoint_port=self._endpoint_port(),
            egress=self._egress and spec.egress and self._isolation.get("egress") == "host",
            group=tuple((controller, str(path)) for controller, path in group.folders.items()),
            unified=tuple(group.unified),
        )

    async def _maker(self) -> MakerLink:
        """The maker; a new one when the last has died, which ended its sandboxes."""
        async with self._starting:
            if self._link is None or self._link.is_lost:
                self._link = await MakerLink.start(self._folder / "root", self._rootless, self._lost)
                self._remember(self._link)
            return self._link

    def _lost(self, environment: str) -> None:
        if (sandbox := self._living.get(environment)) is not None:
            sandbox.lost()

    def _remember(self, link: MakerLink) -> None:
        """Write down what the next platform needs to sweep after this one was killed."""
        facts = {
            "maker": link.pid,
            "started": _started(link.pid),
            "groups": sorted({str(path) for path in self._hierarchies.folders.values()}),
        }
        partial = self._folder / "instance.partial"
        partial.write_text(json.dumps(facts))
        partial.rename(self._folder / "instance.json")

    async def _start(self) -> None:
        (self._folder / "root").mkdir(parents=True, mode=0o700)
        self._hierarchies = cgroups.discover(self._instance)
        await self._maker()
        on_disk = not self._rootless and await self._images.usable()
        (self._folder / "empty").mkdir()
        sandbox = await self._first_that_works(
            [
                (egress, disk)
                for egress in dict.fromkeys((self._egress, False))
                for disk in dict.fromkeys((on_disk, False))
            ]
        )
        try:
            found = await sandbox.probe()
            self._isolation |= self._described(found, sandbox.group)
        finally:
            await sandbox.remove()

    async def _first_that_works(self, ways: list[tuple[bool, bool]]) -> NamespaceSandbox:
        """A trial sandbox with as much of egress and a disk for `/tmp` as the kernel lets it have."""
        spec = SandboxSpec(f"probe-{self._instance}", self._folder / "empty", 128, 512)
        refused: OSError | None = None
        for egress, disk in ways:
            self._isolation |= {"egress": "host" if egress else "none", "tmp_on_disk": disk}
            try:
                return await self.create(spec)
            except OSError as error:
                refused = refused or error
        raise refused or OSError(errno.EPERM, "no namespaces can be made")

    def _described(self, found: Mapping[str, bool], group: Group) -> dict[str, bool | str]:
        folders = group.folders
        freezer = False
        with contextlib.suppress(OSError):
            group.set_frozen(True)
            freezer = "freezer" in folders
            group.set_frozen(False)
        return {
            "rootless": "yes" if self._rootless else "no",
            "clean_environment": True,
            **found,
            "user_per_environment": not self._rootless,
            "memory_limit": "memory" in folders,
            "tmp_size_limit": True,
            "cpu_share": "cpu" in folders,
            "process_limit": "pids" in folders or found["process_limit"],
            "freezer": freezer,
        }


def _mounts(spec: SandboxSpec) -> list[ReadOnlyMount]:
    """What a runtime needs to see of the machine."""
    found = list(interpreter_mounts(spec.interpreter)) if spec.interpreter else []
    for mount in spec.mounts:
        found += linked_mounts(mount.source, mount.place) if mount.links else [mount]
    return found


def _started(pid: int) -> str:
    """When a process started, in ticks since boot: with the id it names a process for good. "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _sweep(folder: Path) -> int:
    """Remove one killed platform's leftovers; how many processes and folders."""
    removed = 1
    with contextlib.suppress(OSError, ValueError, KeyError):
        facts = json.loads((folder / "instance.json").read_text())
        maker = _maker_of(facts)
        if maker is not None:
            # It is cleaning up, or was left alone: its end is everything's end, but for what is frozen.
            signal.pidfd_send_signal(maker, signal.SIGKILL)
            removed += 1
        deadline = time.monotonic() + _SWEEP_SECONDS
        parents = [Path(group) for group in facts["groups"]]
        while any(parent.is_dir() for parent in parents) and time.monotonic() < deadline:
            removed += sum(cgroups.sweep(parent) for parent in parents)
        if maker is not None:
            select.select([maker], [], [], max(0.0, deadline - time.monotonic()))
            os.close(maker)
    shutil.rmtree(folder, ignore_errors=True)
    return removed


def _maker_of(facts: Mapping[str, Any]) -> int | None:
    """A pidfd of the maker that a file tells of, if it still lives."""
    try:
        pidfd = os.pidfd_open(facts["maker"])
    except OSError:
        return None
    if not facts["started"] or _started(facts["maker"]) != facts["started"]:
        os.close(pidfd)
        return None
    return pidfd
