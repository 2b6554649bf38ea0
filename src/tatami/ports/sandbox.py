"""What confines one function's processes.

Promises (tests/contract/sandbox): the first process runs with exactly the environment, arguments and working folder
of its spec and inherits no other descriptor of the platform; `kill` ends every process that was started inside,
however deep, and returns when none is left; `remove` deletes the private `/tmp`. What an adapter cannot enforce
it says in `isolation`; it never pretends.
"""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Protocol


@dataclass(frozen=True)
class ReadOnlyMount:
    """A folder or file of the machine to be shown inside.

    place: absolute. links: it is a folder of links, and what they mean is to be shown.
    """

    source: Path
    place: str
    links: bool = False


@dataclass(frozen=True)
class SandboxSpec:
    """One environment's confinement, in real paths of the platform.

    task_root: the unpacked package. layers_root: the merged layers (`/opt`), None without any. memory_mb,
    ephemeral_mb: limits, enforced where `isolation` says so. interpreter: the runtime's program, None when the package
    brings its own. mounts: what else the runtime needs. egress: whether it may reach the internet, where the provider
    lets anybody.
    """

    environment: str
    task_root: Path
    memory_mb: int
    ephemeral_mb: int = 512
    layers_root: Path | None = None
    interpreter: Path | None = None
    mounts: tuple[ReadOnlyMount, ...] = ()
    egress: bool = True


@dataclass(frozen=True)
class ProcessSpec:
    """The first process of a runtime.

    variables is its whole environment; with `framed` the sandbox adds `_LAMBDA_TELEMETRY_LOG_FD`, the number of
    the write end of a pipe for framed log events (AWS's managed runtimes use the same variable).
    """

    argv: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    framed: bool = False


@dataclass(frozen=True)
class Exit:
    """How a process ended: an exit code, or the signal that killed it (then code is None)."""

    code: int | None
    signal: int | None = None


class RunningProcess(Protocol):
    """The runtime's first process."""

    @property
    def pid(self) -> int:
        """Its process id as the platform sees it."""
        ...

    @property
    def output(self) -> int:
        """Read end (non-blocking) of a pipe with everything printed to stdout and stderr."""
        ...

    @property
    def frames(self) -> int | None:
        """Read end (non-blocking) of the pipe of framed log events; None when not framed."""
        ...

    async def wait(self) -> Exit:
        """Return when it has ended; may be called by several waiters."""
        ...

    def send(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        ...


class Sandbox(Protocol):
    """The confinement of one environment; processes come and go in it, `/tmp` stays until `remove`."""

    @property
    def temporary(self) -> str:
        """A private folder for temporary files where no private `/tmp` can be mounted; "" where it can."""
        ...

    def take_listener(self) -> tuple[socket, str] | None:
        """The listening socket for the Runtime API and its `host:port`, in the sandbox's own network.

        None where it shares the machine's. The caller owns the socket, and closes it before `remove`.
        """
        ...

    def boost(self, on: bool) -> None:
        """While on, more CPU than the function's share, as AWS gives the INIT phase; where CPU is limited at all."""
        ...

    async def spawn(self, process: ProcessSpec) -> RunningProcess:
        """Start a process: an extension, or the runtime's first. Several may live in one sandbox at a time.

        Raises OSError (ENOENT, EACCES, ENOEXEC) when it cannot be executed.
        """
        ...

    async def connect(self, port: int) -> tuple[StreamReader, StreamWriter]:
        """Connect to a TCP port that a process inside listens on (at any address of its own). Raises OSError."""
        ...

    async def freeze(self) -> None:
        """Let nothing inside run until `thaw`, where `isolation` says `freezer`; elsewhere do nothing."""
        ...

    async def thaw(self) -> None:
        """Let everything run again; may be called when nothing is frozen."""
        ...

    async def kill(self) -> None:
        """End every process inside and wait until none is left."""
        ...

    def peak_memory_bytes(self) -> int:
        """Highest memory use of the running processes so far."""
        ...

    async def remove(self) -> None:
        """`kill`, then delete what the sandbox kept. May be repeated."""
        ...


class SandboxProvider(Protocol):
    """Makes sandboxes of one kind."""

    @property
    def isolation(self) -> Mapping[str, bool | str]:
        """What is in force: `kind` and one entry a protection."""
        ...

    def task_root(self, spec: SandboxSpec) -> str:
        """Where the code is seen from inside (`LAMBDA_TASK_ROOT`)."""
        ...

    def layers_root(self, spec: SandboxSpec) -> str:
        """Where the layers are seen from inside: `/opt`, unless nothing can be mounted there."""
        ...

    def interpreter(self, spec: SandboxSpec) -> str:
        """Where the interpreter is seen from inside; "" without one."""
        ...

    def seen(self, mount: ReadOnlyMount) -> str:
        """Where a mount is seen from inside: at its place, or where it lies when nothing can be mounted."""
        ...

    async def create(self, spec: SandboxSpec) -> Sandbox:
        """Make an empty sandbox. Raises OSError."""
        ...

    async def sweep(self) -> int:
        """Remove what a killed platform left behind; returns how many processes and folders were removed."""
        ...

    async def close(self) -> None:
        """End every sandbox and whatever the provider itself keeps running."""
        ...
