"""
A runtime's output becomes log events.

Two pipes are read: plain output (stdout and stderr, one event a line) and frames (whole events from a
managed runtime, newlines and all). Both are non-blocking and emptied once more before an invocation's log is closed:
a runtime writes before it posts its answer, so whatever belongs to the invocation is in the pipe by then.

Frame layout, big-endian: 4 bytes type, 4 bytes length, 8 bytes time in microseconds since the epoch, then the text
(aws/aws-lambda-python-runtime-interface-client, lambda_runtime_log_utils).
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable, Sequence

from tatami.kit.clock import Clock
from tatami.ports.telemetry import LogEvent

TAIL_BYTES = 4096
"""How much of its log an invocation with `LogType=Tail` gets back."""

MAX_EVENT_BYTES = 256 * 1024
"""CloudWatch Logs takes no larger event; longer lines are cut into several."""

_FRAME = struct.Struct(">IIQ")
_FRAME_MARK = 0xA55A
_READ = 256 * 1024


class LogCollector:
    """Reads the pipes of one environment's processes, one after the other, and passes events on.

    emit: takes the events, in order. `tail` is the end of the text since `begin` was called.
    """

    def __init__(self, clock: Clock, emit: Callable[[Sequence[LogEvent]], None]) -> None:
        self._clock = clock
        self._emit = emit
        self._tail = bytearray()
        self._pipes: dict[int, Callable[[bytes], list[LogEvent]]] = {}
        self._lines = _Lines()
        self._frames = _Frames()

    @property
    def tail(self) -> bytes:
        """The last 4 KB of text."""
        return bytes(self._tail)

    def begin(self) -> None:
        """Forget the tail: another invocation begins."""
        self._tail.clear()

    def attach(self, output: int, frames: int | None) -> None:
        """Read these two non-blocking descriptors until `detach`, which closes them."""
        self._lines, self._frames = _Lines(), _Frames()
        self._pipes = {output: self._read_lines}
        if frames is not None:
            self._pipes[frames] = self._read_frames
        loop = asyncio.get_running_loop()
        for descriptor in self._pipes:
            loop.add_reader(descriptor, self._readable, descriptor)

    def detach(self) -> None:
        """Read what is left and close the pipes."""
        self.drain()
        self.flush()
        loop = asyncio.get_running_loop()
        for descriptor in self._pipes:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._pipes = {}

    def platform(self, text: str) -> None:
        """Write a line of the platform's own."""
        self._pass([LogEvent(self._now(), text)])

    def drain(self) -> None:
        """Read everything that is in the pipes now."""
        for descriptor in list(self._pipes):
            while self._read(descriptor):
                pass

    def flush(self) -> None:
        """End a line that has no newline yet."""
        self._pass(self._lines.rest(self._now()))

    def _readable(self, descriptor: int) -> None:
        if not self._read(descriptor) and descriptor in self._pipes:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return False
        if data:
            self._pass(self._pipes[descriptor](data))
        return bool(data)

    def _read_lines(self, data: bytes) -> list[LogEvent]:
        return self._lines.feed(data, self._now())

    def _read_frames(self, data: bytes) -> list[LogEvent]:
        return self._frames.feed(data, self._now())

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    def _pass(self, events: list[LogEvent]) -> None:
        if not events:
            return
        for event in events[-TAIL_BYTES:]:
            self._tail += event.message.encode("utf-8", "replace")
        if len(self._tail) > TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        self._emit(events)


class _Lines:
    """Splits plain output at newlines."""

    def __init__(self) -> None:
        self._partial = bytearray()

    def feed(self, data: bytes, now: int) -> list[LogEvent]:
        self._partial += data
        *whole, rest = bytes(self._partial).split(b"\n")
        self._partial = bytearray(rest)
        events = [event for line in whole for event in _events(line + b"\n", now)]
        if len(self._partial) >= MAX_EVENT_BYTES:
            events += self.rest(now)
        return events

    def rest(self, now: int) -> list[LogEvent]:
        partial, self._partial = bytes(self._partial), bytearray()
        return _events(partial, now) if partial else []


class _Frames:
    """Cuts the frame pipe into events; bytes that are no frame are passed on as plain text."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes, now: int) -> list[LogEvent]:
        self._buffer += data
        events: list[LogEvent] = []
        while len(self._buffer) >= _FRAME.size:
            kind, length, microseconds = _FRAME.unpack_from(self._buffer)
            if kind >> 16 != _FRAME_MARK:
                events += _events(bytes(self._buffer), now)
                self._buffer.clear()
                break
            end = _FRAME.size + length
            if len(self._buffer) < end:
                break
            text = bytes(self._buffer[_FRAME.size : end])
            del self._buffer[:end]
            # A function may write frames itself; only a plausible time is believed.
            then = microseconds // 1000
            events += _events(text, then if abs(then - now) < 60_000 else now)
        return events


def _events(text: bytes, timestamp_ms: int) -> list[LogEvent]:
    pieces = [text[at : at + MAX_EVENT_BYTES] for at in range(0, len(text), MAX_EVENT_BYTES)]
    return [LogEvent(timestamp_ms, piece.decode("utf-8", "replace")) for piece in pieces]
