"""The binary framing: round trips, broken bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.wire.eventstream import BrokenFrame, Message, decode_messages, encode_message, error, event, exception

MOMENTS = st.integers(0, 2**42).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
HEADERS = st.dictionaries(
    st.text(min_size=1, max_size=20).filter(lambda name: len(name.encode()) < 256),
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.binary(max_size=50)
    | st.text(max_size=50)
    | MOMENTS
    | st.uuids(),
    max_size=5,
)


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=100)), max_size=4), st.binary(max_size=11))
def test_messages_come_back(messages: list[tuple[dict[str, object], bytes]], rest: bytes) -> None:
    data = b"".join(encode_message(headers, payload) for headers, payload in messages)  # type: ignore[arg-type]
    assert decode_messages(data + rest) == ([Message(h, p) for h, p in messages], rest)  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_wait(data: bytes) -> None:
    try:
        messages, rest = decode_messages(data)
    except BrokenFrame:
        return
    assert messages == [] and rest == data


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(position: int, change: int) -> None:
    data = bytearray(event("Chunk", b"payload", "text/plain", {"n": 1, "u": UUID(int=7)}))
    data[position % len(data)] ^= change
    with pytest.raises(BrokenFrame):
        decode_messages(bytes(data))


def test_golden_bytes() -> None:
    # The example without headers of the specification.
    assert encode_message({}, b"{'foo':'bar'}").hex() == "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"


def test_errors() -> None:
    messages, _ = decode_messages(error("Code", "text") + exception("Broken", b"{}", "application/json"))
    assert messages[0].headers == {":message-type": "error", ":error-code": "Code", ":error-message": "text"}
    assert messages[1].headers[":exception-type"] == "Broken"
