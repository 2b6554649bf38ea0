"""What scripted extensions can do: external ones (`external(script)`) and internal ones (`Extension(runtime)`)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tests.scenarios.scripted_runtime import Runtime, Script
from tests.scenarios.scripted_wire import Reply, Wire

API = "/2020-01-01/extension"
TELEMETRY = "/2022-07-01/telemetry"
LOGS = "/2020-08-15/logs"
BOTH = ("INVOKE", "SHUTDOWN")
ALL = ("platform", "function", "extension")


class Extension:
    """One extension, which speaks over a connection of its own."""

    def __init__(self, runtime: Runtime, name: str = "") -> None:
        self.runtime = runtime
        self.name = name or runtime.process.spec.argv[0].rpartition("/")[2]
        self.identifier = ""
        self.wire = Wire(runtime.process.spec.variables["AWS_LAMBDA_RUNTIME_API"])
        runtime.at_end.append(self.wire.hang_up)

    async def register(self, events: Sequence[str] = BOTH, **headers: str) -> Reply:
        """Register, and keep the identifier."""
        named = {"Lambda-Extension-Name": self.name, **{key.replace("_", "-"): value for key, value in headers.items()}}
        reply = await self.wire.call("POST", f"{API}/register", named, json.dumps({"events": list(events)}).encode())
        self.identifier = reply.headers.get("lambda-extension-identifier", "")
        return reply

    async def ask(self) -> Reply:
        """The next event, or a refusal."""
        return await self.wire.call("GET", f"{API}/event/next", self._identity())

    async def next(self) -> dict[str, Any]:
        """The next event, which must come."""
        reply = await self.ask()
        assert reply.status == 200, reply
        event: dict[str, Any] = json.loads(reply.body)
        return event

    async def report(self, phase: str, error_type: str) -> Reply:
        """`init` or `exit` error."""
        headers = self._identity() | ({"Lambda-Extension-Function-Error-Type": error_type} if error_type else {})
        return await self.wire.call("POST", f"{API}/{phase}/error", headers, b"{}")

    async def subscribe(self, wish: Mapping[str, Any] | bytes, path: str = TELEMETRY) -> Reply:
        """Ask for telemetry."""
        body = wish if isinstance(wish, bytes) else json.dumps(wish).encode()
        return await self.wire.call("PUT", path, self._identity(), body)

    def _identity(self) -> dict[str, str]:
        return {"Lambda-Extension-Identifier": self.identifier} if self.identifier else {}


ExtensionScript = Callable[[Extension], Awaitable[None]]


def external(script: ExtensionScript) -> Script:
    """A process that is an external extension."""

    @functools.wraps(script)
    async def process(runtime: Runtime) -> None:
        await script(Extension(runtime))

    return process


def follower(events: list[dict[str, Any]], wants: Sequence[str] = BOTH) -> Script:
    """A good extension: notes every event down and exits after SHUTDOWN."""

    async def script(extension: Extension) -> None:
        await extension.register(wants)
        while not events or events[-1]["eventType"] != "SHUTDOWN":
            events.append(await extension.next())

    return external(script)


class Listener:
    """Where telemetry arrives: a server inside the scripted process.

    batches: a list for each HTTP request, or for each TCP line. answers: the statuses to answer with, the last one
    again and again; 0 keeps silent.
    """

    def __init__(self, *answers: int) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.port = 0
        self._answers = list(answers) or [200]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything that has come."""
        return [event for batch in self.batches for event in batch]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[Any]:
        """The records of one type."""
        return [event["record"] for event in self.events if event["type"] == kind]

    async def open(self, runtime: Runtime, protocol: str = "HTTP") -> None:
        """Listen until the process ends."""
        server = await asyncio.start_server(self._http if protocol == "HTTP" else self._tcp, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        runtime.at_end.append(server.close)

    def wish(self, types: Sequence[str] = ALL, schema: str = "2022-12-13", **buffering: int) -> dict[str, Any]:
        """The subscription of an HTTP listener."""
        return {
            "schemaVersion": schema,
            "types": list(types),
            "buffering": buffering or {"timeoutMs": 25},
            "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{self.port}/here?x=1"},
        }

    async def until(self, what: Callable[[Listener], object]) -> None:
        """Let the loop run until `what` is true."""
        async with asyncio.timeout(10):
            while not what(self):
                await asyncio.sleep(0)

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split()[0])
            batch = json.loads(await reader.readexactly(length))
            status = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if status == 200:
                self.paths.append(head.split()[1])
                self.batches.append(batch)
            if not status:
                await reader.read()
            writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % status)
            await writer.drain()

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.closing(writer):
            while line := await reader.readline():
                self.batches.append([json.loads(line)])
