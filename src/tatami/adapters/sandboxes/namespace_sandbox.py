"""One `namespaces` sandbox, and the processes in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tatami.adapters.sandboxes.doors import DNS_PORT, Doors, original_destination, resolvers
from tatami.adapters.sandboxes.maker import network
from tatami.adapters.sandboxes.maker.cgroups import Group, share_of
from tatami.adapters.sandboxes.maker.orders import CreateOrder, SpawnOrder
from tatami.adapters.sandboxes.maker_link import MakerLink, MakerLost, pid_of, wake
from tatami.ports.sandbox import Exit, ProcessSpec

_FREEZE_TRIES = 200


class NamespaceProcess:
    """A process in a sandbox; see ports.sandbox.RunningProcess."""

    def __init__(self, pidfd: int, output: int, frames: int | None, ended: asyncio.Future[Exit]) -> None:
        self.pid = pid_of(pidfd)
        self.output = output
        self.frames = frames
        self._ended = ended
        self._pidfd = pidfd
        ended.add_done_callback(lambda _: os.close(pidfd))

    def __repr__(self) -> str:
        return f"<NamespaceProcess {self.pid} {self._ended.result() if self._ended.done() else 'running'}>"

    async def wait(self) -> Exit:
        """How it ended."""
        return await asyncio.shield(self._ended)

    def send(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


class NamespaceSandbox:
    """One environment's confinement; see ports.sandbox.Sandbox."""

    def __init__(
        self, environment: str, link: MakerLink, group: Group, freed: Callable[[NamespaceSandbox], None]
    ) -> None:
        self.environment = environment
        self.group = group
        self.slot = 0
        self._link = link
        self._freed = freed
        self._doors = Doors()
        self._listener: socket.socket | None = None
        self._memory_mb = 0
        self._has_first = False
        self._gone = False
        self._to_freeze = False
        """Whether `freeze` was asked last: it tries more than once, and must not do so against a later thaw or kill."""
        self._running: set[asyncio.Future[Exit]] = set()

    def __repr__(self) -> str:
        state = "gone" if self._gone else f"running={len(self._running)}"
        return f"<NamespaceSandbox {self.environment} {state}>"

    # What ports.sandbox promises.

    @property
    def temporary(self) -> str:
        """Empty: there is a private `/tmp`."""
        return ""

    async def spawn(self, process: ProcessSpec) -> NamespaceProcess:
        """Start a process; several may run at once. Raises OSError when it cannot be executed."""
        argv = tuple(process.argv)
        return await self._start(SpawnOrder(argv, dict(process.variables), framed=process.framed))

    async def kill(self) -> None:
        """End every process inside; `/tmp` stays."""
        if not self._has_first or self._gone:
            return
        self._has_first = self._to_freeze = False
        with contextlib.suppress(MakerLost):
            await self._link.ask("kill", sandbox=self.environment)
        await asyncio.gather(*(asyncio.shield(ended) for ended in self._running))

    def peak_memory_bytes(self) -> int:
        """Highest memory use of everything inside, counted by the kernel."""
        return self.group.peak_memory()

    async def remove(self) -> None:
        """End everything; `/tmp`, namespaces and control groups are gone."""
        if self._gone:
            return
        self._gone, self._to_freeze = True, False
        self.abandon()
        try:
            await self._link.ask("remove", sandbox=self.environment)
        except OSError:  # the maker has ended, or never made it
            await asyncio.to_thread(self.group.clear)
        await asyncio.gather(*(asyncio.shield(ended) for ended in self._running))
        self._freed(self)

    # What it can do beyond.

    def take_listener(self) -> tuple[socket.socket, str]:
        """The listening socket of the Runtime API, inside the sandbox's network, and its address there."""
        assert self._listener is not None, "the listener was taken already"
        listener, self._listener = self._listener, None
        return listener, f"{network.RUNTIME_API[0]}:{network.RUNTIME_API[1]}"

    @property
    def oom_kills(self) -> int:
        """How many processes the kernel killed because the memory limit was reached."""
        return self.group.oom_kills()

    async def freeze(self) -> None:
        """Stop every process where it stands; returns when all stand still."""
        if self._gone or "freezer" not in self.group.folders:
            return
        self._to_freeze = True
        for _ in range(_FREEZE_TRIES):
            self.group.set_frozen(True)
            if self.group.is_frozen():
                return
            await asyncio.sleep(0)
            if not self._to_freeze:
                return

    async def thaw(self) -> None:
        """Let every process go on."""
        self._to_freeze = False
        if not self._gone:
            self.group.set_frozen(False)

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a port that a process inside listens on. Raises OSError."""
        loop = asyncio.get_running_loop()
        refused: OSError | None = None
        for host in (network.RUNTIME_API[0], "127.0.0.1"):
            answer = await self._link.ask("socket", sandbox=self.environment)
            connection = socket.socket(fileno=answer.descriptors[0])
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, (host, port))
                return await asyncio.open_connection(sock=connection)
            except OSError as error:
                connection.close()
                refused = error
        assert refused is not None
        raise refused

    def boost(self, on: bool) -> None:
        """While on, at least a whole core: AWS gives the INIT phase more than the function's share."""
        share = share_of(self._memory_mb)
        if not self._gone:
            self.group.set_cpu(max(1.0, share) if on else share)

    # What the provider does with it.

    async def make(self, order: CreateOrder) -> None:
        """Have the maker build it, and open its doors."""
        self._memory_mb = order.memory_mb
        try:
            answer = await self._link.ask("create", order=asdict(order))
        except OSError:
            await self.remove()
            raise
        self._has_first = True
        doors = [socket.socket(fileno=descriptor) for descriptor in answer.descriptors]
        self._listener = doors.pop(0)
        try:
            if order.endpoint_port:
                target = ("127.0.0.1", order.endpoint_port)
                await self._doors.lead(doors.pop(0), lambda _: target)
            if order.egress:
                servers = resolvers()
                await self._doors.lead(doors.pop(0), original_destination)
                await self._doors.resolve(doors.pop(0), servers)
                await self._doors.lead(doors.pop(0), lambda _: (servers[0], DNS_PORT) if servers else None)
        except BaseException:
            for door in doors:
                door.close()
            await self.remove()
            raise

    async def probe(self) -> dict[str, bool]:
        """What is in force inside, found by trying. Raises OSError when a process cannot even enter."""
        process = await self._start(SpawnOrder(()))
        await process.wait()
        try:
            found = json.loads(os.read(process.output, 65536) or b"{}")
        finally:
            os.close(process.output)
        if "failed" in found or not found:
            raise OSError(1, found.get("failed", "the trial process ended without a word"))
        return {name: bool(value) for name, value in found.items()}

    def abandon(self) -> None:
        """Close what the platform holds of it."""
        self._doors.close()
        if self._listener is not None:
            self._listener.close()

    def lost(self) -> None:
        """Its first process ended by itself: nothing runs any more, and what it kept is gone."""
        self._has_first = False

    async def _start(self, order: SpawnOrder) -> NamespaceProcess:
        if self._gone:
            raise OSError(2, "the sandbox has been removed")
        if not self._has_first:
            await self._link.ask("revive", sandbox=self.environment)
            self._has_first = True
            self.group.forget_peak()
        pipes = [_pipe(), _pipe()] + ([_pipe()] if order.framed else [])
        reading, writing = [pipe[0] for pipe in pipes], [pipe[1] for pipe in pipes]
        try:
            try:
                answer = await self._link.ask("spawn", writing, sandbox=self.environment, order=asdict(order))
            finally:
                for descriptor in writing:
                    os.close(descriptor)
            ended = answer.ended
            assert ended is not None
            self._running.add(ended)
            ended.add_done_callback(self._running.discard)
            frames = reading[2] if order.framed else None
            process = NamespaceProcess(answer.descriptors[0], reading[0], frames, ended)
            try:
                await _started(reading[1], order)
            except OSError:
                await process.wait()
                raise
        except BaseException:
            for descriptor in reading:
                os.close(descriptor)
            raise
        os.close(reading[1])
        return process


def _pipe() -> tuple[int, int]:
    """A pipe whose read end does not block."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reading, False)
    return reading, writing


async def _started(status: int, order: SpawnOrder) -> None:
    """Wait for the end of the status pipe, which the execution closes. Raises OSError with what it says instead."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            said = os.read(status, 4)
            break
        except BlockingIOError:
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(status, wake, readable)
            try:
                await readable
            finally:
                loop.remove_reader(status)
    if said:
        number = int.from_bytes(said, "little")
        raise OSError(number, os.strerror(number), str(Path(order.argv[0])) if order.argv else "")
