"""A load generator: raw HTTP/1.1 on asyncio with signed requests; boto3 would measure boto3."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tatami.wire.http import Request
from tatami.wire.sigv4 import Credentials, sign

CREDENTIALS = Credentials("test", "test")


@dataclass(frozen=True)
class Call:
    """What is sent, again and again; each time it is signed anew."""

    endpoint: str
    function: str
    payload: bytes

    def encode(self) -> bytes:
        """The bytes of one signed request."""
        host = urlsplit(self.endpoint).netloc
        path = f"/2015-03-31/functions/{self.function}/invocations"
        request = Request("POST", path, "", {"host": host}, self.payload)
        signed = sign(request, CREDENTIALS, "us-east-1", "lambda", time.time())
        head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.headers.items())]
        head.append(f"content-length: {len(self.payload)}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + self.payload


class Connection:
    """One keep-alive connection that sends a call and waits for its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, endpoint: str) -> Connection:
        """Connect to the platform at `endpoint`."""
        address = urlsplit(endpoint)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        return cls(reader, writer)

    async def send(self, call: Call) -> tuple[float, bytes]:
        """Seconds from the first byte sent to the last byte received, and the body. Raises on any other answer than a
        successful one."""
        began = time.perf_counter()
        self._writer.write(call.encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        took = time.perf_counter() - began
        if not head.startswith(b"http/1.1 200") or b"x-amz-function-error" in head:
            raise RuntimeError(f"{head.decode()}{body.decode(errors='replace')}")
        return took, body

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


async def latencies(call: Call, count: int) -> list[float]:
    """Seconds of `count` calls on one connection, one after the other."""
    connection = await Connection.open(call.endpoint)
    try:
        return [(await connection.send(call))[0] for _ in range(count)]
    finally:
        await connection.close()


async def throughput(call: Call, connections: int, seconds: float) -> float:
    """Answers a second over `connections` connections, each of which sends as soon as it has its answer."""
    opened = [await Connection.open(call.endpoint) for _ in range(connections)]
    try:
        # One round first: every connection's environment is warm before the clock runs.
        await asyncio.gather(*(connection.send(call) for connection in opened))
        end = time.perf_counter() + seconds
        began = time.perf_counter()
        counts = await asyncio.gather(*(_until(connection, call, end) for connection in opened))
        return sum(counts) / (time.perf_counter() - began)
    finally:
        for connection in opened:
            await connection.close()


async def _until(connection: Connection, call: Call, end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        await connection.send(call)
        count += 1
    return count


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
