"""
A pipe for bytes between two parts of one event loop, with an end on either side.

It is bounded by asking the writer to stop, not by refusing: `write` says whether the writer should go on, and
`on_room` is called when it may. A reader that leaves opens the pipe: what is written from then on is dropped, so that
no writer waits for somebody who is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

CAPACITY = 64 * 1024
"""Bytes that wait in a pipe before its writer is asked to stop."""


class BytePipe:
    """One writer, one reader. capacity: bytes; a piece that is larger passes all the same."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._pieces: list[bytes] = []
        self._size = 0
        self._closed = False
        self._abandoned = False
        self._reader: asyncio.Future[None] | None = None
        self._on_room: Callable[[], object] | None = None

    def __repr__(self) -> str:
        state = "abandoned" if self._abandoned else "closed" if self._closed else "open"
        return f"<BytePipe {state} waiting={self._size}>"

    @property
    def is_full(self) -> bool:
        """Whether the writer should wait for room."""
        return self._size >= self._capacity and not self._abandoned

    def write(self, piece: bytes) -> bool:
        """Add a piece; False when the writer should wait for room. After the end or without a reader it is dropped."""
        if piece and not self._closed and not self._abandoned:
            self._pieces.append(piece)
            self._size += len(piece)
            self._wake()
        return not self.is_full

    def on_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once, as soon as the pipe is not full (at once when it is not)."""
        if not self.is_full:
            callback()
        else:
            self._on_room = callback

    def close(self) -> None:
        """The writer's end: the reader gets what is left, then nothing."""
        self._closed = True
        self._wake()

    def abandon(self) -> None:
        """The reader's end: what waits and what comes is dropped."""
        self._abandoned = True
        self._take()

    async def read(self) -> bytes:
        """Everything that waits, or the next piece when nothing does; b"" at the end."""
        while not self._pieces and not self._closed and not self._abandoned:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._take()

    def _take(self) -> bytes:
        pieces, self._pieces, self._size = self._pieces, [], 0
        callback, self._on_room = self._on_room, None
        if callback is not None:
            callback()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
