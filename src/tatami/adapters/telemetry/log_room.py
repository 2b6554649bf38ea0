"""Function logs into the platform's own logs service.

`write` is called for every line that a function prints, so it only appends to a buffer. One task, which sleeps on an
event while there is nothing, takes the whole buffer at most every 50 ms and writes it in one transaction: a thousand
functions that print cost as many commits a second as one does.

When the store is full the buffer waits and is tried again; it is bounded, and what does not fit is dropped from its
old end and counted. Logs must not eat the memory of the platform that could still answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tatami.kit.clock import Clock
from tatami.kit.tasks import Tasks
from tatami.ports.store import StoreFull
from tatami.ports.telemetry import LogEvent
from tatami.services.logs.ingestion import StreamBatch, append_many
from tatami.services.logs.state import LogsState

log = logging.getLogger(__name__)

BETWEEN_WRITES_SECONDS = 0.05
BETWEEN_RETRIES_SECONDS = 1.0
MOST_BUFFERED_BYTES = 64 * 1024 * 1024
MOST_WRITTEN_BYTES = 4 * 1024 * 1024
_ENTRY_BYTES = 200
"""What a call of `write` costs beside its text; otherwise empty lines would fill the memory unnoticed."""


@dataclass(slots=True)
class _Waiting:
    """One call of `write`."""

    batch: StreamBatch
    size: int


class StoreLogSink:
    """ports.telemetry.LogSink on the logs service's tables. To be used on the event loop that runs `tasks`."""

    def __init__(
        self, state: LogsState, clock: Clock, tasks: Tasks, *, most_buffered_bytes: int = MOST_BUFFERED_BYTES
    ) -> None:
        self._state = state
        self._clock = clock
        self._limit = most_buffered_bytes
        self._buffer: deque[_Waiting] = deque()
        self._size = 0
        self._appended = 0
        self._settled = 0
        self._wanted = 0
        self._something = asyncio.Event()
        self._hurry = asyncio.Event()
        self._progress = asyncio.Event()
        self._closed = False
        self.dropped_events = 0
        self._task = tasks.spawn("log sink", self._serve())

    def __repr__(self) -> str:
        return f"<StoreLogSink {self.statistics()}>"

    def statistics(self) -> dict[str, int]:
        """Calls of `write` and bytes that wait, and how many events were dropped since the start."""
        return {"waiting": len(self._buffer), "bytes": self._size, "dropped_events": self.dropped_events}

    def write(self, account: str, region: str, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        """Take `events` for later; an empty list creates group and stream. Never raises."""
        if self._closed:
            self._drop(len(events))
            return
        size = _ENTRY_BYTES + sum(len(event.message) for event in events)
        self._buffer.append(_Waiting(StreamBatch(account, region, group, stream, tuple(events)), size))
        self._size += size
        self._appended += 1
        self._trim()
        self._something.set()

    async def flush(self) -> None:
        """Return when everything that was written before is readable (or was dropped)."""
        self._wanted = wanted = self._appended
        while self._settled < wanted and not self._task.done():
            self._hurry.set()
            self._progress.clear()
            await self._progress.wait()

    async def close(self) -> None:
        """Write what waits and end. What a full store does not take now is dropped."""
        self._closed = True
        self._something.set()
        self._hurry.set()
        await asyncio.wait([self._task])
        self._drop(sum(len(waiting.batch.events) for waiting in self._buffer))
        self._settle(len(self._buffer))
        self._buffer.clear()
        self._size = 0

    async def _serve(self) -> None:
        try:
            await self._write_until_closed()
        finally:
            self._progress.set()

    async def _write_until_closed(self) -> None:
        while True:
            await self._something.wait()
            if not self._buffer:
                if self._closed:
                    return
                self._something.clear()
                continue
            written = await self._write_some()
            if self._closed:
                if not written:
                    return
            elif not written:
                await self._pause(BETWEEN_RETRIES_SECONDS)
            elif self._size < MOST_WRITTEN_BYTES and self._settled >= self._wanted:
                await self._pause(BETWEEN_WRITES_SECONDS)

    async def _write_some(self) -> bool:
        """One transaction with the oldest of the buffer; False when the store is full and all stays."""
        taken: list[_Waiting] = []
        size = 0
        while self._buffer and (not taken or size + self._buffer[0].size <= MOST_WRITTEN_BYTES):
            taken.append(self._buffer.popleft())
            size += taken[-1].size
        self._size -= size
        try:
            await append_many(self._state, _joined(taken))
        except StoreFull:
            self._buffer.extendleft(reversed(taken))
            self._size += size
            self._trim()
            return False
        except Exception:
            # Not a matter of room: trying the same again would block every log behind it.
            log.exception("a batch of log events could not be written")
            self._drop(sum(len(waiting.batch.events) for waiting in taken))
        self._settle(len(taken))
        return True

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until somebody is in a hurry."""
        self._hurry.clear()
        waits = {
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._hurry.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _trim(self) -> None:
        """Drop the oldest until the buffer keeps its bound; the newest stays in any case."""
        while self._size > self._limit and len(self._buffer) > 1:
            oldest = self._buffer.popleft()
            self._size -= oldest.size
            self._drop(len(oldest.batch.events))
            self._settle(1)

    def _drop(self, count: int) -> None:
        """Count lost events, and say so the first time."""
        if count and not self.dropped_events:
            log.error("log events are being dropped: the store does not take them, or not fast enough")
        self.dropped_events += count

    def _settle(self, count: int) -> None:
        self._settled += count
        self._progress.set()


def _joined(waiting: Sequence[_Waiting]) -> list[StreamBatch]:
    """One batch a stream, each with its events in order."""
    events: dict[tuple[str, str, str, str], list[LogEvent]] = {}
    for one in waiting:
        batch = one.batch
        events.setdefault((batch.account, batch.region, batch.group, batch.stream), []).extend(batch.events)
    return [StreamBatch(*key, tuple(joined)) for key, joined in events.items()]
