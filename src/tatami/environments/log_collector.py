"""
A runtime's output becomes log events.

Two pipes are read: plain output (stdout and stderr, one event a line) and frames (whole events from a
managed runtime, newlines and all). Both are non-blocking and emptied once more before an invocation's log is closed:
a runtime writes before it posts its answer, so whatever belongs to the invocation is in the pipe by then.

Frame layout, big-endian: 4 bytes type, 4 bytes length, 8 bytes time in microseconds since the epoch, then the text
(aws/aws-lambda-python-runtime-interface-client, lambda_runtime_log_utils).
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tatami.environments.log_form import LogForm
from tatami.environments.platform_events import PlatformEvent
from tatami.kit.clock import Clock
from tatami.ports.telemetry import LogEvent

TAIL_BYTES = 4096
"""How much of its log an invocation with `LogType=Tail` gets back."""

MAX_EVENT_BYTES = 256 * 1024
"""CloudWatch Logs takes no larger event; longer lines are cut into several."""

_FRAME = struct.Struct(">IIQ")
_FRAME_MARK = 0xA55A
_HIGHEST_RANK = 6
_READ = 256 * 1024


class LogCollector:
    """Reads the pipes of one environment's processes, one after the other, and passes events on.

    emit: takes the events, in order. form: of the log; an extension's lines are never filtered. `tail` is the end of
    the text since `begin` was called.
    """

    def __init__(self, clock: Clock, emit: Callable[[Sequence[LogEvent]], None], form: LogForm | None = None) -> None:
        self._clock = clock
        self._form = form or LogForm()
        self._emit = emit
        self._listener: Callable[[list[LogEvent]], None] | None = None
        self._tail = bytearray()
        self._pipes: dict[int, Callable[[bytes], list[PrintedLine]]] = {}
        self._lines = _Lines()
        self._frames = _Frames()

    @property
    def tail(self) -> bytes:
        """The last 4 KB of text."""
        return bytes(self._tail)

    def listen(self, listener: Callable[[list[LogEvent]], None]) -> None:
        """Also give `listener` what processes print (not the platform's own lines)."""
        self._listener = listener

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
        self._pass(self._frames.rest())
        loop = asyncio.get_running_loop()
        for descriptor in self._pipes:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._pipes = {}

    def platform(self, event: PlatformEvent) -> None:
        """Write a line of the platform's own, for an event that has one in this log."""
        now = self._now()
        if line := self._form.platform_line(event, now):
            self._write([LogEvent(now, line)])

    def drain(self) -> None:
        """Read what is in the pipes at this moment, and no more: a process may print faster than we read."""
        for descriptor in self._pipes:
            held = _held(descriptor)
            while held > 0 and (read := self._read(descriptor)):
                held -= read

    def flush(self) -> None:
        """End a line that has no newline yet."""
        self._pass(self._lines.rest(self._now()))

    def _readable(self, descriptor: int) -> None:
        if self._read(descriptor) == 0:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _read(self, descriptor: int) -> int | None:
        """How many bytes were read: 0 at the end of the pipe, None when it is only empty (a `drain` was faster)."""
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return None
        if data:
            self._pass(self._pipes[descriptor](data))
        return len(data)

    def _read_lines(self, data: bytes) -> list[PrintedLine]:
        return self._lines.feed(data, self._now())

    def _read_frames(self, data: bytes) -> list[PrintedLine]:
        return self._frames.feed(data, self._now())

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    def _pass(self, events: list[PrintedLine]) -> None:
        if events and self._listener:
            self._listener(list(events))
        if self._form.filters:
            events = [event for event in events if self._form.keeps(event.message, event.rank)]
        self._write(events)

    def _write(self, events: Sequence[LogEvent]) -> None:
        if not events:
            return
        for event in events[-TAIL_BYTES:]:
            self._tail += event.message.encode("utf-8", "replace")
        if len(self._tail) > TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        self._emit(events)


@dataclass(frozen=True, slots=True)
class PrintedLine(LogEvent):
    """What a process printed. rank: of the level that its frame says, 0 for none (see log_form.LEVELS)."""

    rank: int = 0


class _Lines:
    """Splits plain output at newlines."""

    def __init__(self) -> None:
        self._partial = bytearray()

    def feed(self, data: bytes, now: int) -> list[PrintedLine]:
        whole, newline, rest = data.rpartition(b"\n")
        events: list[PrintedLine] = []
        if newline:
            lines = bytes(self._partial + whole).split(b"\n")
            events = [event for line in lines for event in _events(line + b"\n", now)]
            self._partial.clear()
        self._partial += rest
        return events + _cut(self._partial, now)

    def rest(self, now: int) -> list[PrintedLine]:
        partial, self._partial = bytes(self._partial), bytearray()
        return _events(partial, now) if partial else []


class _Frames:
    """Cuts the frame pipe into events; bytes that are no frame are passed on as plain text.

    A long frame is passed on in pieces as it comes: its length is what the function says it is.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0
        self._time = 0
        self._rank = 0

    def feed(self, data: bytes, now: int) -> list[PrintedLine]:
        self._buffer += data
        events: list[PrintedLine] = []
        while self._left or self._head(now, events):
            if len(self._buffer) >= self._left:
                text, self._left = bytes(self._buffer[: self._left]), 0
                del self._buffer[: len(text)]
                events += _events(text, self._time, self._rank)
            else:
                kept = len(self._buffer)
                events += _cut(self._buffer, self._time, self._rank)
                self._left -= kept - len(self._buffer)
                break
        return events

    def rest(self) -> list[PrintedLine]:
        """The frame that its process did not finish."""
        partial, left, self._buffer, self._left = bytes(self._buffer), self._left, bytearray(), 0
        return _events(partial, self._time, self._rank) if left else []

    def _head(self, now: int, events: list[PrintedLine]) -> bool:
        """Read the head of a frame; False when there is none yet."""
        if len(self._buffer) < _FRAME.size:
            return False
        kind, self._left, microseconds = _FRAME.unpack_from(self._buffer)
        if kind >> 16 != _FRAME_MARK:
            events += _events(bytes(self._buffer), now)
            self._buffer.clear()
            self._left = 0
            return False
        del self._buffer[: _FRAME.size]
        self._rank = min((kind & 0xFF) >> 2, _HIGHEST_RANK)
        # A function may write frames itself; only a plausible time is believed.
        then = microseconds // 1000
        self._time = then if abs(then - now) < 60_000 else now
        return True


def _held(descriptor: int) -> int:
    """How many bytes a pipe holds."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def _events(text: bytes, timestamp_ms: int, rank: int = 0) -> list[PrintedLine]:
    """Events of `text`, as few as the limit allows."""
    rest = bytearray(text)
    events = _cut(rest, timestamp_ms, rank)
    return [*events, _event(bytes(rest), timestamp_ms, rank)] if rest else events


def _cut(buffer: bytearray, timestamp_ms: int, rank: int = 0) -> list[PrintedLine]:
    """Take whole events off the front until what is left fits in one; no character is cut in two."""
    events = []
    while len(buffer) > MAX_EVENT_BYTES:
        size = next((at for at in range(MAX_EVENT_BYTES, MAX_EVENT_BYTES - 4, -1) if buffer[at] & 0xC0 != 0x80), 0)
        size = size or MAX_EVENT_BYTES
        events.append(_event(bytes(buffer[:size]), timestamp_ms, rank))
        del buffer[:size]
    return events


def _event(text: bytes, timestamp_ms: int, rank: int) -> PrintedLine:
    return PrintedLine(timestamp_ms, text.decode("utf-8", "replace"), rank)
