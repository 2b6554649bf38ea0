"""
A streamed response on its way in: from a runtime's connection to the sink of its invocation, as it comes.

When the sink has enough the connection stops reading, which the runtime feels as a socket that takes no more: so a
client that reads slowly slows the function, and nothing is kept in between but a few pieces.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from tatami.domain.invocation import MAX_STREAMED_RESPONSE
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.session import RuntimeSession, platform_error
from tatami.ports.engine import ResponseSink
from tatami.runtime_api import invocation


class Intake:
    """The pieces of one response. limit: bytes that it may have."""

    def __init__(self, session: RuntimeSession, request_id: str, attempt: str, sink: ResponseSink, limit: int) -> None:
        self._session = session
        self._request_id = request_id
        self._attempt = attempt
        self._sink = sink
        self._limit = limit
        self._size = 0

    def feed(self, piece: bytes) -> bool:
        """Pass a piece on; False when the connection should stop reading until `on_room` calls."""
        begin, self._size = self._size, self._size + len(piece)
        if self._size <= self._limit:
            return self._sink.write(piece)
        if begin <= self._limit:
            self._overflow()
        return True  # the rest is read and dropped: the runtime gets its refusal when it has ended

    def on_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once when more may be fed."""
        self._sink.on_room(callback)

    def broken(self) -> None:
        """The connection broke in the middle; nothing happens when the process has exited, which says more."""
        with contextlib.suppress(RuntimeApiRefusal):
            invocation.truncated(self._session, self._request_id)

    def _overflow(self) -> None:
        text = f"Response payload size exceeded maximum allowed payload size ({self._limit} bytes)."
        with contextlib.suppress(RuntimeApiRefusal):
            self._session.respond(
                self._request_id, platform_error("Function.ResponseSizeTooLarge", text), self._attempt
            )


def open_intake(session: RuntimeSession, request_id: str, headers: Mapping[str, str]) -> Intake | None:
    """The way in for a response whose head has come; None when it must be collected as a whole."""
    if headers.get(invocation.MODE) != invocation.STREAMING:
        return None
    attempt = headers.get(invocation.ATTEMPT, "")
    sink = session.stream(request_id, attempt, headers.get("content-type", invocation.UNNAMED_TYPE))
    return Intake(session, request_id, attempt, sink, MAX_STREAMED_RESPONSE) if sink is not None else None
