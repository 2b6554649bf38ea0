"""A node with scripted sandboxes, real Runtime API listeners and virtual time: where scenarios are played."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import os
import zipfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec

from tests.scenarios.scripted_runtime import Runtime, Script, ScriptedSandbox, ScriptedSandboxes, echo

from tatami.adapters.blobs.memory import MemoryBlobs
from tatami.adapters.engines.local import LocalEngine
from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.environments.launch import RuntimeFolders
from tatami.environments.node import Node
from tatami.environments.packages import Packages
from tatami.environments.variables import Credentials
from tatami.kit.clock import VirtualClock, settle
from tatami.kit.tasks import Tasks
from tatami.ports.runtimes import RuntimeChoice
from tatami.ports.telemetry import LogEvent
from tatami.runtime_api.server import RuntimeApi

P = ParamSpec("P")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:scripted"


def played(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A scenario, which is a coroutine, as a test."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Logs:
    """ports.telemetry.LogSink that keeps everything."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, LogEvent]] = []

    def write(self, account: str, region: str, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        self.events += [(group, stream, event) for event in events]

    @property
    def messages(self) -> list[str]:
        """Every message, in the order of writing."""
        return [event.message for _, _, event in self.events]


class OneRuntime:
    """ports.runtimes.RuntimeCatalog of python3.12 and provided.al2023."""

    def available(self) -> list[str]:
        return ["python3.12", "provided.al2023"]

    def resolve(self, runtime: str) -> RuntimeChoice | None:
        if runtime == "python3.12":
            return RuntimeChoice(runtime, runtime, Path("/lang/bin/python3.12"), "3.12.1")
        return RuntimeChoice(runtime, runtime) if runtime == "provided.al2023" else None


class KnownCredentials:
    """Issues numbered credentials and knows which are in force."""

    def __init__(self) -> None:
        self.in_force: list[Credentials] = []
        self._issued = 0

    def issue(self, function: FunctionVersion) -> Credentials:
        self._issued += 1
        self.in_force.append(Credentials(f"AKID{self._issued}", "secret", "token"))
        return self.in_force[-1]

    def revoke(self, credentials: Credentials) -> None:
        self.in_force.remove(credentials)


class Stage:
    """The engine under test and what it is asked to do. As a context manager it leaves nothing open behind."""

    def __init__(
        self,
        folder: Path,
        *scripts: Script | OSError,
        timeout: int = 3,
        runtime: str = "python3.12",
        extensions: Mapping[str, Script | OSError | list[Script | OSError]] | None = None,
        log_format: str = "Text",
    ) -> None:
        """extensions: external ones by file name, each with a script a boot."""
        self.clock = VirtualClock()
        self.logs = Logs()
        self.tasks = Tasks()
        self.blobs = MemoryBlobs()
        self.credentials = KnownCredentials()
        self._extensions = {
            name: given if isinstance(given, list) else [given] for name, given in (extensions or {}).items()
        }
        self.sandboxes = ScriptedSandboxes(self.clock, list(scripts) or [echo], self._extensions)
        self.node = Node(
            Packages(self.blobs, folder / "code"),
            self.sandboxes,
            RuntimeApi(),
            OneRuntime(),
            RuntimeFolders(Path("/var/python"), Path("/var/node"), Path("/var/sdk")),
            self.credentials,
            self.logs,
            self.clock,
            self.tasks,
            lambda: "",
        )
        self.engine = LocalEngine(self.node, starts=8)
        self.function = FunctionVersion(
            "000000000000", "us-east-1", "scripted", "$LATEST", "g1", ARN, runtime, "index.handler", "",
            timeout_seconds=timeout, log_group="/aws/lambda/scripted", log_format=log_format,
        )  # fmt: skip
        self._descriptors = 0
        self._requests = 0

    async def __aenter__(self) -> Stage:
        self._descriptors = len(os.listdir("/proc/self/fd"))
        digest = await self.blobs.put(package({"bootstrap": b"#!/bin/true\n"}))
        object.__setattr__(self.function, "code", digest)
        if self._extensions:
            programs = {f"extensions/{name}": b"#!/bin/true\n" for name in self._extensions}
            object.__setattr__(self.function, "layers", (await self.blobs.put(package(programs)),))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.engine.close()
        await self.tasks.drain()
        if kind is None:
            assert not self.sandboxes.errors, self.sandboxes.errors
            assert not self.credentials.in_force, "credentials end with their environment, once"
            await self._nothing_is_open()

    async def _nothing_is_open(self) -> None:
        for _ in range(100):
            if len(os.listdir("/proc/self/fd")) <= self._descriptors:
                return
            await settle()
        raise AssertionError(f"descriptors were left open: {os.listdir('/proc/self/fd')}")

    async def start(self) -> str:
        """Start an environment."""
        return await self.engine.start(self.function)

    async def invoke(self, environment: str, payload: bytes = b"{}", tail: bool = False) -> Outcome:
        """Run an invocation (request ids are `r-1`, `r-2` ...) until the environment is idle again."""
        outcomes: list[Outcome] = []
        await self.engine.invoke(environment, self.invocation(payload, tail), outcomes.append)
        assert len(outcomes) == 1, "the outcome is delivered exactly once"
        return outcomes[0]

    def invoking(self, environment: str, payload: bytes = b"{}", tail: bool = False) -> asyncio.Task[Outcome]:
        """The same, in the background."""
        return asyncio.get_running_loop().create_task(self.invoke(environment, payload, tail))

    def invocation(self, payload: bytes = b"{}", tail: bool = False) -> Invocation:
        """The next invocation."""
        self._requests += 1
        return Invocation(f"r-{self._requests}", payload, ARN, log_tail=tail)

    @property
    def sandbox(self) -> ScriptedSandbox:
        """The only sandbox."""
        assert len(self.sandboxes.made) == 1
        return self.sandboxes.made[0]

    async def hung(self, process: int = 0, sandbox: int = 0) -> None:
        """Wait until a script hangs, its process counted from 0."""
        while len(self.sandboxes.made) <= sandbox or len(self.sandboxes.made[sandbox].processes) <= process:
            await asyncio.sleep(0)
        await self.sandboxes.made[sandbox].processes[process].hung.wait()
        await settle()

    def line(self, beginning: str) -> str:
        """The last log line that begins so."""
        return [message for message in self.logs.messages if message.startswith(beginning)][-1]


def package(files: dict[str, bytes]) -> bytes:
    """A zip of executable files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, data)
    return content.getvalue()


def said(outcome: Outcome) -> dict[str, Any]:
    """The error object of an outcome."""
    error: dict[str, Any] = json.loads(outcome.payload)
    return error


__all__ = ["ARN", "Logs", "Runtime", "Stage", "package", "played", "said"]
