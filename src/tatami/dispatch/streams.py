"""
A response on its way to its caller while the function still runs.

The engine writes (`begin`, `write`), the dispatcher ends it when it knows the outcome, the caller reads. In between lie
a bounded pipe and the shaping: a caller that reads slowly, or the rate, make the engine stop reading from the
runtime. A caller that goes away is not waited for: the function runs to its end and what it writes is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from tatami.domain.invocation import Outcome
from tatami.domain.shaping import Shaper
from tatami.kit.byte_pipe import BytePipe
from tatami.kit.clock import Clock

LARGEST_PIECE = 64 * 1024
"""Bytes that leave at once when the rate is limited, so that a slowed stream flows instead of jerking."""


class ResponseStream:
    """ports.engine.ResponseSink, and the caller's end of it. shaped: whether it leaves no faster than at AWS."""

    def __init__(self, clock: Clock, *, shaped: bool) -> None:
        self._clock = clock
        self._pipe = BytePipe()
        self._shaper = Shaper(clock.monotonic()) if shaped else None
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the runtime has begun to answer, or the outcome is known."""
        self.content_type: str | None = None

    def __repr__(self) -> str:
        return f"<ResponseStream {self.content_type or 'not begun'} {self._pipe!r}>"

    def begin(self, content_type: str) -> None:
        """The runtime answers with a stream."""
        self.content_type = content_type
        self._wake()

    def write(self, piece: bytes) -> bool:
        """The next bytes; False when the writer should wait for `on_room`."""
        return self._pipe.write(piece)

    def on_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once when more may be written."""
        self._pipe.on_room(callback)

    def end(self) -> None:
        """Nothing more comes; the outcome is known."""
        self._pipe.close()
        self._wake()

    def abandon(self) -> None:
        """Nobody reads any more."""
        self._pipe.abandon()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """What the function writes, as it comes. Leaving the iteration abandons the stream."""
        try:
            while piece := await self._pipe.read():
                if self._shaper is None:
                    yield piece
                    continue
                for begin in range(0, len(piece), LARGEST_PIECE):
                    part = piece[begin : begin + LARGEST_PIECE]
                    if delay := self._shaper.delay(len(part), self._clock.monotonic()):
                        await self._clock.sleep(delay)
                    yield part
        finally:
            self._pipe.abandon()

    def _wake(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)


@dataclass(frozen=True)
class StreamedOutcome:
    """What a caller of `Dispatcher.stream` gets as soon as the function has begun to answer.

    executed_version: known before the outcome is. content_type: None when the runtime did not stream; then the outcome
    is there already and holds the whole answer, and `pieces` gives nothing.
    """

    executed_version: str
    stream: ResponseStream
    result: asyncio.Future[Outcome]

    @property
    def content_type(self) -> str | None:
        """Of the stream, as the runtime named it."""
        return self.stream.content_type

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """The bytes of the answer as they come; to be read once, and closed (`aclose`) when left early."""
        return self.stream.pieces()

    async def outcome(self) -> Outcome:
        """The outcome, when the stream has ended: its payload is empty, or the error that cut the stream off.

        Raises EnvironmentLost when the platform failed in between.
        """
        return await asyncio.shield(self.result)

    def abandon(self) -> None:
        """Nobody wants the rest; the function goes on."""
        self.stream.abandon()
