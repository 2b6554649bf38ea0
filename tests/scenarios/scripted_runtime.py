"""
A sandbox whose processes are Python coroutines: scripts of what a runtime does, good or bad.

The pipes and the HTTP are real; the time is virtual: `passes` turns the clock, `hang` waits to be killed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from tests.scenarios.scripted_wire import RUNTIME, Reply, Wire

from tatami.kit.clock import VirtualClock
from tatami.ports.sandbox import Exit, ProcessSpec, ReadOnlyMount, SandboxSpec

Script = Callable[["Runtime"], Awaitable[None]]
MEGABYTE = 1024 * 1024


class _Ended(Exception):
    def __init__(self, how: Exit) -> None:
        super().__init__(how)
        self.how = how


@dataclass(frozen=True)
class Event:
    """What `/next` gave."""

    request_id: str
    body: bytes
    headers: Mapping[str, str]


class Runtime:
    """What a script can do."""

    def __init__(self, process: ScriptedProcess, clock: VirtualClock) -> None:
        self.process = process
        self.clock = clock
        self.wire = Wire(process.spec.variables["AWS_LAMBDA_RUNTIME_API"])
        self.event: Event | None = None
        self.at_end: list[Callable[[], object]] = [self.wire.hang_up]
        """What a kernel would do when the process ends: close its sockets."""

    async def ask_next(self) -> Event:
        """Wait for an event, which must come."""
        reply = await self.wire.call("GET", f"{RUNTIME}/invocation/next")
        assert reply.status == 200, reply
        self.event = Event(reply.headers["lambda-runtime-aws-request-id"], reply.body, reply.headers)
        return self.event

    def path(self, action: str, request_id: str = "") -> str:
        """The path of `response` or `error` of the current or the named invocation."""
        if not request_id:
            assert self.event is not None
            request_id = self.event.request_id
        return f"{RUNTIME}/invocation/{request_id}/{action}"

    async def respond(self, body: bytes, request_id: str = "", headers: Mapping[str, str] | None = None) -> Reply:
        """Post a response."""
        return await self.wire.call("POST", self.path("response", request_id), headers, body)

    async def fail(self, body: bytes, error_type: str = "Runtime.Boom") -> Reply:
        """Post an error of the current invocation."""
        return await self.wire.call("POST", self.path("error"), _typed(error_type), body)

    async def fail_init(self, body: bytes, error_type: str = "Runtime.Boom") -> Reply:
        """Post an error of INIT."""
        return await self.wire.call("POST", f"{RUNTIME}/init/error", _typed(error_type), body)

    async def send_half_a_response(self) -> None:
        """Announce ten bytes, send five, hang up."""
        head = f"POST {self.path('response')} HTTP/1.1\r\nHost: runtime\r\nContent-Length: 10\r\n\r\n"
        await self.wire.send(head.encode() + b"12345")
        self.wire.hang_up()

    async def print(self, text: str | bytes) -> None:
        """Write to stdout, exactly this."""
        await self.process.write(self.process.stdout, text.encode() if isinstance(text, str) else text)

    async def frame(self, text: str, microseconds: int | None = None) -> None:
        """Write one framed log event."""
        assert self.process.frames_end is not None
        payload = text.encode()
        stamp = int(self.clock.now() * 1e6) if microseconds is None else microseconds
        await self.process.write(
            self.process.frames_end, struct.pack(">IIQ", 0xA55A0003, len(payload), stamp) + payload
        )

    async def passes(self, seconds: float) -> None:
        """Let virtual time pass."""
        await self.clock.advance(seconds)

    async def hang(self) -> NoReturn:
        """Do nothing more until killed."""
        self.process.hung.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    def exit(self, code: int) -> NoReturn:
        """End with an exit code."""
        raise _Ended(Exit(code))

    def die(self, signal: int) -> NoReturn:
        """End by a signal."""
        raise _Ended(Exit(None, signal))


class ScriptedProcess:
    """ports.sandbox.RunningProcess that runs a script."""

    _pids = itertools.count(10_000)

    def __init__(self, spec: ProcessSpec, script: Script, clock: VirtualClock, errors: list[BaseException]) -> None:
        self.spec = spec
        self.pid = next(self._pids)
        self.hung = asyncio.Event()
        self.signals: list[int] = []
        self.ignored: set[int] = set()
        self.output, self.stdout = _pipe()
        self.frames: int | None = None
        self.frames_end: int | None = None
        if spec.framed:
            self.frames, self.frames_end = _pipe()
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._errors = errors
        self._runtime = Runtime(self, clock)
        self._task = asyncio.get_running_loop().create_task(self._run(script))

    async def wait(self) -> Exit:
        return await asyncio.shield(self._ended)

    async def kill(self) -> None:
        self._task.cancel()
        await self.wait()

    def send(self, number: int) -> None:
        """A signal, which ends it unless it is ignored."""
        self.signals.append(number)
        if number in self.ignored:
            return
        self._task.cancel()

    async def write(self, descriptor: int, data: bytes) -> None:
        """Write everything, waiting for the reader as a process would."""
        loop, rest = asyncio.get_running_loop(), memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                writable: asyncio.Future[None] = loop.create_future()
                loop.add_writer(descriptor, _once, writable)
                try:
                    await writable
                finally:
                    loop.remove_writer(descriptor)

    async def _run(self, script: Script) -> None:
        how = Exit(0)
        try:
            await script(self._runtime)
        except _Ended as ended:
            how = ended.how
        except asyncio.CancelledError:
            how = Exit(None, self.signals[-1] if self.signals else 9)
        except BaseException as error:
            self._errors.append(error)
            how = Exit(70)
        # A kernel closes what a process had open before it tells of the end.
        for close in self._runtime.at_end:
            close()
        for descriptor in (self.stdout, self.frames_end):
            if descriptor is not None:
                os.close(descriptor)
        self._ended.set_result(how)


@dataclass
class ScriptedSandbox:
    """ports.sandbox.Sandbox of scripted processes; `temporary` is a name that must stay the same."""

    spec: SandboxSpec
    provider: ScriptedSandboxes
    processes: list[ScriptedProcess] = field(default_factory=list)
    memory: int = 26 * MEGABYTE
    removed: bool = False
    frozen: bool = False
    boosted: bool = False

    @property
    def temporary(self) -> str:
        return f"/private/{self.spec.environment}"

    async def spawn(self, process: ProcessSpec) -> ScriptedProcess:
        assert not self.removed, "a process in a sandbox that was removed"
        script = self.provider.next_script(process.argv[0])
        if isinstance(script, OSError):
            raise script
        started = ScriptedProcess(process, script, self.provider.clock, self.provider.errors)
        self.processes.append(started)
        return started

    async def kill(self) -> None:
        for process in self.processes:
            await process.kill()

    def take_listener(self) -> None:
        pass

    def boost(self, on: bool) -> None:
        self.boosted = on

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", port)

    async def freeze(self) -> None:
        assert not self.frozen, "frozen twice"
        self.frozen = True

    async def thaw(self) -> None:
        self.frozen = False

    def peak_memory_bytes(self) -> int:
        return self.memory

    async def remove(self) -> None:
        self.removed = True
        await self.kill()


class ScriptedSandboxes:
    """ports.sandbox.SandboxProvider; each process started takes the next script, the last one again and again.

    extensions: the scripts of each external extension, by file name.
    """

    def __init__(
        self,
        clock: VirtualClock,
        scripts: list[Script | OSError],
        extensions: Mapping[str, list[Script | OSError]] | None = None,
    ) -> None:
        self.clock = clock
        self.made: list[ScriptedSandbox] = []
        self.errors: list[BaseException] = []
        self._scripts = scripts
        self._extensions = extensions or {}

    @property
    def isolation(self) -> Mapping[str, bool | str]:
        return {"kind": "scripted"}

    def task_root(self, spec: SandboxSpec) -> str:
        return "/var/task"

    def layers_root(self, spec: SandboxSpec) -> str:
        return "/opt"

    def interpreter(self, spec: SandboxSpec) -> str:
        return str(spec.interpreter or "")

    def seen(self, mount: ReadOnlyMount) -> str:
        return str(mount.source)

    async def close(self) -> None:
        pass

    async def create(self, spec: SandboxSpec) -> ScriptedSandbox:
        self.made.append(ScriptedSandbox(spec, self))
        return self.made[-1]

    async def sweep(self) -> int:
        return 0

    def next_script(self, program: str) -> Script | OSError:
        folder, _, name = program.rpartition("/")
        scripts = self._extensions[name] if folder == "/opt/extensions" else self._scripts
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


def _typed(error_type: str) -> dict[str, str]:
    return {"Lambda-Runtime-Function-Error-Type": error_type} if error_type else {}


def _once(writable: asyncio.Future[None]) -> None:
    if not writable.done():
        writable.set_result(None)


def _pipe() -> tuple[int, int]:
    read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    return read_end, write_end


async def echo(runtime: Runtime) -> None:
    """A good runtime: answers every event with the event."""
    while True:
        event = await runtime.ask_next()
        await runtime.respond(event.body)
