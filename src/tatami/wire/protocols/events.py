"""
Event stream answers: an async iterator of `{event name: {member: value}}` becomes framed messages.

Members with the trait `eventheader` travel as headers, the member with `eventpayload` is the payload, raw when it
is a blob or a string; without one, the whole event is the payload, written by the protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from tatami.wire import eventstream
from tatami.wire.models import Shape
from tatami.wire.protocols.codec import UnknownMember

WriteBody = Callable[[Shape, str, Any], bytes]
"""From a shape, the name of the event and a value to the protocol's bytes."""

Events = AsyncIterator[Mapping[str, Any]]


def encode_event(stream: Shape, name: str, value: Mapping[str, Any], write: WriteBody, content_type: str) -> bytes:
    """One event of `stream` as a message. Raises UnknownMember for an event that the model does not have."""
    shape = stream.members.get(name)
    if shape is None:
        raise UnknownMember(stream.name, name)
    if shape.traits.get("exception"):
        return eventstream.exception(name, write(shape, name, dict(value)), content_type)
    headers: dict[str, Any] = {}
    body: dict[str, Any] = {}
    payload: str | None = None
    for member, inner in shape.members.items():
        if inner.traits.get("eventpayload"):
            payload = member
        if member in value and value[member] is not None:
            (headers if inner.traits.get("eventheader") else body)[member] = value[member]
    if payload is None:
        has_body = any(not inner.traits.get("eventheader") for inner in shape.members.values())
        return eventstream.event(name, write(shape, name, body), content_type if has_body else "", headers)
    inner, item = shape.members[payload], body.get(payload)
    if inner.type == "blob":
        raw = item.encode() if isinstance(item, str) else bytes(item or b"")
        return eventstream.event(name, raw, "application/octet-stream", headers)
    if inner.type == "string":
        return eventstream.event(name, (item or "").encode(), "text/plain", headers)
    return eventstream.event(name, write(inner, payload, item or {}), content_type, headers)


async def frames(
    stream: Shape, events: Events, write: WriteBody, content_type: str, initial: bytes | None = None
) -> AsyncIterator[bytes]:
    """The messages of a whole answer. initial: payload of the `initial-response` that RPC protocols begin with."""
    if initial is not None:
        yield eventstream.event("initial-response", initial, content_type)
    try:
        async for event in events:
            for name, value in event.items():
                yield encode_event(stream, name, value, write, content_type)
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
