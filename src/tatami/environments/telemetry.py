"""
The Telemetry API's subscriptions of one boot, and the older Logs API's.

An event goes to every subscriber of its kind, through a buffer of the subscriber's own limits: it is sent when it has
`maxItems` or `maxBytes`, or `timeoutMs` after its first event. Events from before the subscription, from the boot on,
are sent as well. A subscriber that does not take its batches loses the oldest events and is told how many.

Reference: developer guide, "Telemetry API" and its schema reference; rapi/telemetry of AWS's emulator.
"""

from __future__ import annotations

import asyncio
import datetime
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tatami.environments.logs_api import translated
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.kit.clock import Clock, Timer
from tatami.kit.tasks import Tasks

KINDS = ("platform", "function", "extension")
MOST_BACKLOG = 10_000
MOST_BACKLOG_BYTES = 2 * 1_048_576
"""Of the text that a function prints before anybody has subscribed: as much as one subscriber is owed at most."""
JSON_RECORDS_SINCE = "2022-12-13"
"""The schema from which on a line that is a JSON object is sent as one, when the function's log format is JSON."""
HOSTS = frozenset({"sandbox.localdomain", "sandbox"})

Record = Mapping[str, Any]
"""One event: `time` (ISO 8601 with milliseconds, UTC), `type`, `record`."""

Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Connects to a port inside the sandbox. Raises OSError."""


@dataclass(frozen=True)
class Buffering:
    """When a batch is sent. max_bytes: of its JSON text. timeout_ms: after its first event."""

    max_items: int = 10_000
    max_bytes: int = 262_144
    timeout_ms: int = 1_000


@dataclass(frozen=True)
class Subscription:
    """Who wants what, and where it is to be sent. protocol: `HTTP` or `TCP`."""

    name: str
    kinds: frozenset[str]
    protocol: str
    port: int
    path: str
    buffering: Buffering
    schema: str
    is_logs_api: bool = False


class Telemetry:
    """Takes the events of one boot and sends them to those who have subscribed.

    json_records: whether the function's log format is JSON.
    """

    def __init__(self, clock: Clock, tasks: Tasks, connect: Connect, json_records: bool = False) -> None:
        self._clock = clock
        self._tasks = tasks
        self._connect = connect
        self._json_records = json_records
        self._backlog: deque[tuple[str, Record]] = deque()
        self._backlog_size = 0
        self._subscribers: dict[str, _Subscriber] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<Telemetry {list(self._subscribers.values())}>"

    @property
    def listens(self) -> bool:
        """Whether anybody hears of an event, or may still ask for it; else it need not be made."""
        return not self._closed or bool(self._subscribers)

    def publish(self, kind: str, event: Record) -> None:
        """An event has happened. kind: one of KINDS."""
        if not self._closed:
            self._keep(kind, event)
        for subscriber in self._subscribers.values():
            subscriber.take(kind, event)

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscriber, or replace its earlier subscription. Raises RuntimeApiRefusal after INIT."""
        if self._closed:
            api = "Logs" if subscription.is_logs_api else "Telemetry"
            raise RuntimeApiRefusal(403, f"{api}.SubscriptionClosed", f"{api} API subscription is closed already")
        if earlier := self._subscribers.pop(subscription.name, None):
            earlier.end()
        subscriber = _Subscriber(subscription, self._clock, self._tasks, self._connect, self._json_records)
        self._subscribers[subscription.name] = subscriber
        for kind, event in self._backlog:
            subscriber.take(kind, event)

    def close_subscription(self) -> None:
        """INIT is over: nobody can subscribe any more, so nothing needs to be kept."""
        self._closed = True
        self._backlog.clear()

    async def flush(self) -> None:
        """Send what is waiting and return when it has been sent or could not be."""
        await asyncio.gather(*(subscriber.flush() for subscriber in self._subscribers.values()))

    def end(self) -> None:
        """The sandbox is gone: nothing is sent any more."""
        for subscriber in self._subscribers.values():
            subscriber.end()
        self._subscribers.clear()

    def _keep(self, kind: str, event: Record) -> None:
        self._backlog.append((kind, event))
        self._backlog_size += _size(event)
        while len(self._backlog) > MOST_BACKLOG or self._backlog_size > MOST_BACKLOG_BYTES:
            self._backlog_size -= _size(self._backlog.popleft()[1])


class _Subscriber:
    """One subscriber's buffer and its sending."""

    def __init__(
        self, subscription: Subscription, clock: Clock, tasks: Tasks, connect: Connect, json_records: bool
    ) -> None:
        self._json_records = json_records and subscription.schema >= JSON_RECORDS_SINCE
        self._subscription = subscription
        self._clock = clock
        self._tasks = tasks
        self._connect = connect
        self._waiting: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._dropped_bytes = 0
        self._timer: Timer | None = None
        self._sending: asyncio.Task[Any] | None = None
        self._flushing = False
        self._ended = False

    def __repr__(self) -> str:
        return f"<Subscriber {self._subscription.name} waiting={len(self._waiting)} dropped={self._dropped}>"

    def take(self, kind: str, event: Record) -> None:
        """Keep an event for the next batch, if it is wanted."""
        if self._ended or kind not in self._subscription.kinds:
            return
        for each in self._worded(event):
            self._take(each)

    def _worded(self, event: Record) -> Sequence[Record]:
        """As the subscriber's API and schema have it."""
        if self._subscription.is_logs_api:
            return translated(event, self._subscription.schema)
        if event["type"] == "platform.logsSubscription":
            return []
        return [event]

    def _take(self, event: Record) -> None:
        text = _text(event, self._json_records)
        limits = self._subscription.buffering
        while self._waiting and self._size + len(text) > 2 * limits.max_bytes:
            lost = self._waiting.pop(0)
            self._size -= len(lost)
            self._dropped += 1
            self._dropped_bytes += len(lost)
        self._waiting.append(text)
        self._size += len(text)
        if self._is_full:
            self._send()
        elif self._timer is None:
            self._wait()

    @property
    def _is_full(self) -> bool:
        limits = self._subscription.buffering
        return len(self._waiting) >= limits.max_items or self._size >= limits.max_bytes

    def _wait(self) -> None:
        self._timer = self._clock.call_later(self._subscription.buffering.timeout_ms / 1000, self._send)

    async def flush(self) -> None:
        """Send everything now, and wait for it."""
        self._flushing = True
        self._send()
        if self._sending:
            await asyncio.wait([self._sending])

    def end(self) -> None:
        """Send nothing more."""
        self._ended = True
        if self._timer:
            self._timer.cancel()
        if self._sending:
            self._sending.cancel()

    def _send(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if (self._sending is None or self._sending.done()) and self._waiting and not self._ended:
            self._sending = self._tasks.spawn(f"telemetry to {self._subscription.name}", self._deliver())

    async def _deliver(self) -> None:
        """Send a batch, and further ones as long as there are full ones; the rest waits for its own time."""
        while self._waiting and not self._ended:
            batch = self._waiting[: self._subscription.buffering.max_items]
            size = sum(map(len, batch))
            del self._waiting[: len(batch)]
            self._size -= size
            lost, lost_bytes = self._dropped, self._dropped_bytes
            try:
                await self._post([*batch, self._loss(lost, lost_bytes)] if lost else batch)
                self._dropped -= lost
                self._dropped_bytes -= lost_bytes
            except (OSError, EOFError, ValueError):
                self._dropped += len(batch)
                self._dropped_bytes += size
                break
            if not self._is_full and not self._flushing:
                break
        if self._waiting and self._timer is None and not self._ended:
            self._wait()

    def _loss(self, lost: int, size: int) -> bytes:
        reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
        record = {"reason": reason, "droppedRecords": lost, "droppedBytes": size}
        event = {"time": iso_time(self._clock.now()), "type": "platform.logsDropped", "record": record}
        return json.dumps(event, separators=(",", ":")).encode()

    async def _post(self, batch: list[bytes]) -> None:
        reader, writer = await self._connect(self._subscription.port)
        try:
            if self._subscription.protocol == "TCP":
                writer.write(b"".join(text + b"\n" for text in batch))
                await writer.drain()
                return
            body = b"[" + b",".join(batch) + b"]"
            head = (
                f"POST {self._subscription.path} HTTP/1.1\r\nHost: sandbox.localdomain:{self._subscription.port}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
            status = (await reader.readline()).split()
            if len(status) < 2 or not status[1].startswith(b"2"):
                raise ValueError("the subscriber refused a batch")
        finally:
            writer.close()


def _size(event: Record) -> int:
    """Roughly, in bytes."""
    return len(event["record"]) if isinstance(event["record"], str) else 256


def _text(event: Record, json_records: bool) -> bytes:
    """An event as JSON in one line. json_records: a record that is the text of a JSON object becomes that object."""
    record = event["record"]
    if not json_records or not isinstance(record, str) or not _is_object(record):
        return json.dumps(event, separators=(",", ":")).encode()
    # Its text goes in as it is: whatever the function nested or spelt, nothing is parsed into values and back.
    head = json.dumps({"time": event["time"], "type": event["type"]}, separators=(",", ":"))
    return f'{head[:-1]},"record":{record.strip()}}}'.replace("\r", " ").replace("\n", " ").encode()


def _is_object(text: str) -> bool:
    try:
        return text.lstrip().startswith("{") and isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def iso_time(seconds: float) -> str:
    """ISO 8601 with milliseconds in UTC, as telemetry events carry it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_subscription(name: str, body: bytes, schemas: Mapping[str, str], is_logs_api: bool) -> Subscription:
    """The subscription that a request's body describes. schemas: known versions, "" for the default.

    Raises RuntimeApiRefusal with AWS's ValidationError (Logs.ValidationError of the older API).
    """
    try:
        given = json.loads(body)
        if not isinstance(given, dict):
            raise TypeError("the body must be a JSON object")
        schema = schemas.get(given.get("schemaVersion", ""), "")
        buffering = given.get("buffering") or {}
        if not isinstance(buffering, dict):
            raise TypeError("buffering must be an object")
        if not schema:
            raise ValueError(f"unknown schemaVersion {given.get('schemaVersion')!r}")
        kinds = _kinds(given.get("types"))
        protocol, port, path = _destination(given.get("destination"))
        return Subscription(name, kinds, protocol, port, path, _buffering(buffering), schema, is_logs_api)
    except (ValueError, TypeError) as invalid:
        error_type = "Logs.ValidationError" if is_logs_api else "ValidationError"
        raise RuntimeApiRefusal(400, error_type, str(invalid)) from invalid


def _kinds(given: Any) -> frozenset[str]:
    if not isinstance(given, list) or not given or not set(given) <= set(KINDS):
        raise ValueError(f"types must be one or more of {', '.join(KINDS)}")
    return frozenset(given)


def _destination(given: Any) -> tuple[str, int, str]:
    if not isinstance(given, dict):
        raise TypeError("destination must be an object")
    protocol = given.get("protocol")
    if protocol == "TCP":
        port = given.get("port")
        if type(port) is not int or not 0 < port < 65536:
            raise ValueError("destination.port must be a port number")
        return "TCP", port, ""
    if protocol != "HTTP":
        raise ValueError("destination.protocol must be HTTP or TCP")
    address = urlsplit(str(given.get("URI", "")))
    if address.scheme != "http" or address.hostname not in HOSTS:
        raise ValueError("destination.URI must be of the form http://sandbox.localdomain:PORT/path")
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    return "HTTP", address.port or 80, path


_LIMITS = {"maxItems": (1_000, 10_000), "maxBytes": (262_144, 1_048_576), "timeoutMs": (25, 30_000)}


def _buffering(given: Mapping[str, Any]) -> Buffering:
    values = {"maxItems": 10_000, "maxBytes": 262_144, "timeoutMs": 1_000}
    for name, value in given.items():
        if name not in _LIMITS:
            raise ValueError(f"unknown buffering property {name}")
        least, most = _LIMITS[name]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"buffering.{name} must be between {least} and {most}")
        values[name] = value
    return Buffering(values["maxItems"], values["maxBytes"], values["timeoutMs"])
