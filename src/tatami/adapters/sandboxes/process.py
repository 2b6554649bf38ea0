"""
The `process` sandbox: plain processes of the platform's own user.

What it does: a clean environment, a working folder, no inherited descriptor, a session of its own, a private folder
for temporary files, a limit on open files, and an end of everything that was started inside. What it does not:
hide the machine's files, limit memory or CPU, or change the user; `isolation` says so.

Finding everything that was started inside. The runtime leads a session, which covers ordinary children. A child that
left the session is recognised by its parent, or, when its parents are gone too, by the environment's own
`AWS_LAMBDA_LOG_STREAM_NAME` among the variables it inherited. A daemon that both left the session and emptied
its variables is not found: only namespaces can do that.

Exits are noticed through a pidfd: no signal handler and no race with a reused process id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tatami.ports.sandbox import Exit, ProcessSpec, ReadOnlyMount, SandboxSpec

OPEN_FILES = 1024
"""RLIMIT_NOFILE as recorded on AWS."""

_MARK = "AWS_LAMBDA_LOG_STREAM_NAME"

_KILL_SECONDS = 5
"""How long a killed process may take to end before that is given up and logged (it hangs in the kernel)."""

log = logging.getLogger(__name__)


class ProcessSandboxes:
    """Makes `process` sandboxes, each with a folder under `folder` named by its environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def isolation(self) -> Mapping[str, bool | str]:
        """Honest: nothing but separate processes."""
        return {
            "kind": "process",
            "clean_environment": True,
            "private_tmp": "TMPDIR",
            "open_files_limit": str(OPEN_FILES),
            "private_root": False,
            "unprivileged_user": False,
            "memory_limit": False,
            "tmp_size_limit": False,
            "cpu_share": False,
            "network": False,
            "freezer": False,
            "seccomp": False,
        }

    def task_root(self, spec: SandboxSpec) -> str:
        """The package where it lies: nothing is mounted."""
        return str(spec.task_root)

    def layers_root(self, spec: SandboxSpec) -> str:
        """The merged layers where they lie."""
        return str(spec.layers_root or "/opt")

    def interpreter(self, spec: SandboxSpec) -> str:
        """The interpreter where it lies."""
        return str(spec.interpreter or "")

    def seen(self, mount: ReadOnlyMount) -> str:
        """What is to be shown, where it lies."""
        return str(mount.source)

    async def create(self, spec: SandboxSpec) -> ProcessSandbox:
        """Make an empty sandbox."""
        folder = self._folder / spec.environment
        (folder / "tmp").mkdir(parents=True, mode=0o700)
        return ProcessSandbox(spec, folder)

    async def sweep(self) -> int:
        """Remove what a killed platform left behind."""
        if not self._folder.is_dir():
            return 0
        # A name with a dot belongs to another provider of this machine.
        found = await asyncio.to_thread(lambda: sorted(self._folder.iterdir()))
        leftovers = [folder for folder in found if not folder.name.startswith(".")]
        removed = len(leftovers)
        for folder in leftovers:
            removed += await asyncio.to_thread(_kill_marked, folder.name)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return removed

    async def close(self) -> None:
        """Nothing is kept running."""


class ProcessSandbox:
    """One environment's processes and its private temporary folder."""

    def __init__(self, spec: SandboxSpec, folder: Path) -> None:
        self._spec = spec
        self._folder = folder
        self._processes: list[_Process] = []

    def __repr__(self) -> str:
        return f"<ProcessSandbox {self._spec.environment} pids={[process.pid for process in self._processes]}>"

    @property
    def temporary(self) -> str:
        """The folder that stands in for `/tmp`."""
        return str(self._folder / "tmp")

    def take_listener(self) -> None:
        """Processes inside share the machine's network."""

    def boost(self, on: bool) -> None:
        """CPU is not limited."""

    async def spawn(self, process: ProcessSpec) -> _Process:
        """Start a process; see ports.sandbox."""
        self._processes.append(_spawn(process, self._spec.task_root))
        return self._processes[-1]

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a port of the machine's loopback, which processes inside share."""
        return await asyncio.open_connection("127.0.0.1", port)

    async def freeze(self) -> None:
        """There is no freezer without cgroups; `isolation` says so."""

    async def thaw(self) -> None:
        """Nothing is ever frozen."""

    async def kill(self) -> None:
        """End every process inside."""
        if not self._processes:
            return
        processes, self._processes = self._processes, []
        # Held while their parents still tell who they are.
        held = _hold(child for process in processes for child in _children(process.pid))
        for process in processes:
            process.kill_session()
        for process in processes:
            await process.wait()
        await asyncio.to_thread(_end, held)
        await asyncio.to_thread(_kill_marked, self._spec.environment)

    def peak_memory_bytes(self) -> int:
        """The peaks of the processes and of their present children, each by itself, added up."""
        started = [process.pid for process in self._processes]
        return sum(_peak(pid) for parent in started for pid in (parent, *_children(parent)))

    async def remove(self) -> None:
        """End everything and delete the temporary folder."""
        await self.kill()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


class _Process:
    """A started process, its pipes and its end."""

    def __init__(self, popen: subprocess.Popen[bytes], output: int, frames: int | None) -> None:
        self.pid = popen.pid
        self.output = output
        self.frames = frames
        self._popen = popen
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Exit] = loop.create_future()
        self._pidfd = os.pidfd_open(popen.pid)
        loop.add_reader(self._pidfd, self._reap)

    async def wait(self) -> Exit:
        """How it ended."""
        return await asyncio.shield(self._ended)

    def send(self, number: int) -> None:
        """Send a signal to it alone."""
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_session(self) -> None:
        """SIGKILL to the whole process group; its id cannot be reused before the leader is reaped."""
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        # Children in the group hold no claim on it: they end with the runtime, before its id can be given away.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._popen.wait()
        self._ended.set_result(Exit(None, -code) if code < 0 else Exit(code))


def _spawn(process: ProcessSpec, folder: Path) -> _Process:
    output, output_end = _pipe()
    frames, frames_end = _pipe() if process.framed else (None, None)
    variables = dict(process.variables)
    if frames_end is not None:
        variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(frames_end)
    try:
        popen = subprocess.Popen(
            list(process.argv),
            env=variables,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output_end,
            stderr=output_end,
            pass_fds=() if frames_end is None else (frames_end,),
            start_new_session=True,
        )
    except BaseException:
        for descriptor in (output, frames):
            if descriptor is not None:
                os.close(descriptor)
        raise
    finally:
        for descriptor in (output_end, frames_end):
            if descriptor is not None:
                os.close(descriptor)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(popen.pid, resource.RLIMIT_NOFILE, (files, files))
        resource.prlimit(popen.pid, resource.RLIMIT_CORE, (0, 0))
    return _Process(popen, output, frames)


def _pipe() -> tuple[int, int]:
    """A pipe whose read end does not block."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read_end, False)
    return read_end, write_end


def _kill_marked(environment: str) -> int:
    """SIGKILL every process that carries the environment's mark, until none is left; returns how many there were."""
    mark, killed = environment.encode(), 0
    deadline = time.monotonic() + _KILL_SECONDS
    while marked := [pid for pid in _pids() if mark in _mark_of(pid)]:
        held = _hold(marked)
        # A process id may have been given away between the listing and the hold.
        mine = {pid: held.pop(pid) for pid in list(held) if mark in _mark_of(pid)}
        for descriptor in held.values():
            os.close(descriptor)
        killed += len(mine)
        _end(mine)
        if time.monotonic() > deadline:
            log.error("processes of environment %s cannot be ended: %s", environment, marked)
            break
    return killed


def _hold(pids: Iterable[int]) -> dict[int, int]:
    """A pidfd for each process that still exists: a name for it that is never given to another."""
    held = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            held[pid] = os.pidfd_open(pid)
    return held


def _end(held: Mapping[int, int]) -> None:
    """SIGKILL the held processes, wait until they have ended, and let go of them."""
    for descriptor in held.values():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    for descriptor in held.values():
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.poll(_KILL_SECONDS * 1000)
        os.close(descriptor)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _mark_of(pid: int) -> bytes:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
    prefix = f"{_MARK}=".encode()
    return next((entry for entry in variables.split(b"\0") if entry.startswith(prefix)), b"")


def _children(pid: int) -> list[int]:
    children = [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]
    return children + [grandchild for child in children for grandchild in _children(child)]


def _peak(pid: int) -> int:
    """VmHWM in bytes; 0 for a process that has ended."""
    found = _read(f"/proc/{pid}/status").partition(b"VmHWM:")[2].split(maxsplit=1)
    return int(found[0]) * 1024 if found else 0


def _read(path: str) -> bytes:
    """A file of /proc in one read, b"" when its process has ended. After every invocation, so without ceremony."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
