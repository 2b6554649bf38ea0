"""A Lambda room on memory adapters, with a scripted dispatcher and a clock that stands still."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from tatami.adapters.blobs.memory import MemoryBlobs
from tatami.adapters.stores.memory import MemoryStore
from tatami.dispatch.streams import ResponseStream, StreamedOutcome
from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.frame.errors import AwsError
from tatami.frame.operation import Context, Room, Values
from tatami.kit.clock import VirtualClock
from tatami.kit.tasks import Tasks
from tatami.ports.runtimes import RuntimeChoice
from tatami.services.lambda_ import lifecycle
from tatami.services.lambda_.room import room
from tatami.services.lambda_.state import LambdaRoom

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
HANDLER = b"def handler(event, context):\n    return event\n"


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine function."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


def zipped(files: dict[str, bytes] | None = None) -> bytes:
    """A package; by default one with a handler."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files or {"handler.py": HANDLER}).items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """As Lambda prints CodeSha256."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def create_values(name: str = "greet", **values: Any) -> dict[str, Any]:
    """The members of a minimal CreateFunction, changed by `values`."""
    given: dict[str, Any] = {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Handler": "handler.handler",
        "Role": ROLE,
        "Code": {"ZipFile": zipped()},
    }
    return {**given, **values}


class ScriptedDispatch:
    """Records what it is asked and does what the test says.

    prepare waits while `gate` is clear; `unprepared` is raised by it. `answers` are given by invoke in turn.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.unprepared: Exception | None = None
        self.prepared: list[FunctionVersion] = []
        self.invoked: list[tuple[FunctionVersion, Invocation]] = []
        self.retired: list[tuple[str, str | None]] = []
        self.answers: list[Outcome | Exception] = []
        self.streams: list[tuple[str, list[bytes], Outcome | Exception | None]] = []

    async def prepare(self, function: FunctionVersion) -> None:
        self.prepared.append(function)
        await self.gate.wait()
        if self.unprepared is not None:
            raise self.unprepared

    async def invoke(self, function: FunctionVersion, invocation: Invocation) -> Outcome:
        self.invoked.append((function, invocation))
        answer = self.answers.pop(0) if self.answers else Outcome(invocation.payload, function.version)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stream(self, function: FunctionVersion, invocation: Invocation) -> StreamedOutcome:
        """What `streams` says in turn; without it, the answer of `invoke` as a whole."""
        stream = ResponseStream(VirtualClock(), shaped=False)
        result: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if not self.streams:
            result.set_result(await self.invoke(function, invocation))
            stream.end()
        else:
            self.invoked.append((function, invocation))
            content_type, pieces, outcome = self.streams.pop(0)
            stream.begin(content_type)
            for piece in pieces:
                stream.write(piece)
            if outcome is None:
                outcome = Outcome(b"", function.version)
            if isinstance(outcome, Outcome):
                result.set_result(outcome)
            else:
                result.set_exception(outcome)
                result.exception()
            stream.end()
        return StreamedOutcome(function.version, stream, result)

    async def retire(self, account: str, region: str, name: str, keep_generation: str | None) -> None:
        self.retired.append((name, keep_generation))


class FewRuntimes:
    """A machine with two Pythons and the custom runtime; python3.9 falls back when `fallback` is set."""

    def __init__(self) -> None:
        self.fallback = False
        self.installed = {"python3.12": "3.12.1", "python3.11": "3.11.9", "provided.al2023": ""}

    def available(self) -> list[str]:
        return list(self.installed)

    def resolve(self, runtime: str) -> RuntimeChoice | None:
        if runtime in self.installed:
            return RuntimeChoice(runtime, runtime, Path("/usr/bin/python"), self.installed[runtime])
        if self.fallback and runtime.startswith("python"):
            return RuntimeChoice(runtime, "python3.11", Path("/usr/bin/python"), "3.11.9")
        return None


class PlainLocations:
    """Locations that a test can read."""

    def url(self, context: Context, digest: str, name: str) -> str:
        return f"{context.endpoint}/{name}/{digest}"


@dataclass
class RoomUnderTest:
    """The room with everything around it within reach."""

    store: MemoryStore = field(default_factory=MemoryStore)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    dispatch: ScriptedDispatch = field(default_factory=ScriptedDispatch)
    runtimes: FewRuntimes = field(default_factory=FewRuntimes)
    clock: VirtualClock = field(default_factory=VirtualClock)
    tasks: Tasks = field(default_factory=Tasks)
    code_storage_limit: int = 80_530_636_800
    state: LambdaRoom = field(init=False)
    room: Room = field(init=False)
    region: str = REGION
    account: str = ACCOUNT

    def __post_init__(self) -> None:
        self.state = LambdaRoom(
            store=self.store,
            blobs=self.blobs,
            dispatch=self.dispatch,
            runtimes=self.runtimes,
            clock=self.clock,
            tasks=self.tasks,
            locations=PlainLocations(),
            code_storage_limit=self.code_storage_limit,
        )
        self.room = room(self.state)

    async def call(self, operation: str, **values: Any) -> Values:
        context = Context(self.account, self.region, "request-1", endpoint="http://127.0.0.1:4566")
        return await self.room.call(context, operation, values)

    async def fails(self, operation: str, **values: Any) -> AwsError:
        """Call and return the error."""
        with pytest.raises(AwsError) as caught:
            await self.call(operation, **values)
        return caught.value

    async def create(self, name: str = "greet", **values: Any) -> Values:
        """CreateFunction with what it needs."""
        return await self.call("CreateFunction", **create_values(name, **values))

    async def refuses(self, **values: Any) -> AwsError:
        """A CreateFunction that fails, and its error."""
        return await self.fails("CreateFunction", **create_values(**values))

    async def create_active(self, name: str = "greet", **values: Any) -> Values:
        """Create, and let the activation end."""
        answer = await self.create(name, **values)
        await self.tasks.drain()
        return answer

    async def configuration(self, name: str = "greet") -> Values:
        return await self.call("GetFunctionConfiguration", FunctionName=name)


async def started(**parts: Any) -> RoomUnderTest:
    """A room that has started."""
    under_test = RoomUnderTest(**parts)
    await lifecycle.start(under_test.state)
    return under_test
