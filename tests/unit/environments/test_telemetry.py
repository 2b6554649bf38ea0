"""Subscriptions: what is read from a request, what is kept for whom, and for how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.telemetry import (
    MOST_BACKLOG,
    MOST_BACKLOG_BYTES,
    Buffering,
    Subscription,
    Telemetry,
    iso_time,
    read_subscription,
)
from tatami.kit.clock import VirtualClock, settle
from tatami.kit.tasks import Tasks

SCHEMAS = {"2022-07-01": "2022-07-01"}
WISH: dict[str, Any] = {
    "schemaVersion": "2022-07-01",
    "types": ["platform", "function"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path?x=1"},
}


class Socket:
    """What a batch is written to: it answers 200, or breaks, or hangs."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        self.error: OSError | None = None
        self.ports: list[int] = []

    async def connect(self, port: int) -> tuple[Any, Any]:
        self.ports.append(port)
        if self.error:
            raise self.error
        reader = asyncio.StreamReader()
        if self.answer:
            reader.feed_data(self.answer)
        return reader, self

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def drain(self) -> None: ...

    def close(self) -> None: ...

    def batches(self) -> list[list[Any]]:
        return [json.loads(data.partition(b"\r\n\r\n")[2]) for data in self.written]


class Scene:
    """Telemetry with a socket at its end and time that is turned by hand."""

    def __init__(self, json_records: bool = False) -> None:
        self.clock = VirtualClock()
        self.socket = Socket()
        self.telemetry = Telemetry(self.clock, Tasks(), self.socket.connect, json_records)

    def subscribe(self, name: str = "one", schema: str = "2022-12-13", **buffering: int) -> None:
        kinds = frozenset({"function"})
        self.telemetry.subscribe(Subscription(name, kinds, "HTTP", 80, "/", Buffering(**buffering), schema))

    def say(self, *texts: str) -> None:
        for text in texts:
            self.telemetry.publish("function", {"time": "T", "type": "function", "record": text})

    def heard(self) -> list[list[Any]]:
        return [[event["record"] for event in batch] for batch in self.socket.batches()]


def played(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def test_what_a_request_says() -> None:
    made = read_subscription("one", json.dumps(WISH).encode(), SCHEMAS, False)
    kinds = frozenset({"platform", "function"})
    assert made == Subscription(
        "one", kinds, "HTTP", 8080, "/path?x=1", Buffering(10_000, 262_144, 1_000), "2022-07-01"
    )
    tcp = {**WISH, "destination": {"protocol": "TCP", "port": 9}, "buffering": {"maxItems": 1000, "timeoutMs": 25}}
    made = read_subscription("one", json.dumps(tcp).encode(), SCHEMAS, False)
    assert (made.protocol, made.port, made.path) == ("TCP", 9, "")
    assert made.buffering == Buffering(1_000, 262_144, 25)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["schemaVersion", "types", "buffering", "destination"]), ANYTHING), st.booleans()
)
def test_no_request_breaks_the_reader(changes: dict[str, Any], is_logs_api: bool) -> None:
    try:
        read_subscription("one", json.dumps({**WISH, **changes}).encode(), SCHEMAS, is_logs_api)
    except RuntimeApiRefusal as refused:
        assert (refused.status, refused.error_type) == (
            400,
            "Logs.ValidationError" if is_logs_api else "ValidationError",
        )


@played
async def test_the_backlog_is_bounded_in_number_and_in_size() -> None:
    scene = Scene()
    scene.say(*(str(number) for number in range(MOST_BACKLOG + 5)))
    scene.subscribe()
    await settle()
    assert scene.heard()[0][0] == "5"
    large = Scene()
    large.say(*["x" * 100_000] * 100)
    assert large.telemetry._backlog_size <= MOST_BACKLOG_BYTES
    large.telemetry.close_subscription()
    large.say("more")
    assert not large.telemetry._backlog


@played
async def test_a_batch_has_no_more_than_its_items() -> None:
    scene = Scene()
    scene.subscribe(max_items=3, timeout_ms=100)
    scene.say(*"abcdefgh")
    await settle()
    assert scene.heard() == [["a", "b", "c"], ["d", "e", "f"]]
    await scene.clock.advance(0.1)
    assert scene.heard()[2:] == [["g", "h"]]


@played
async def test_the_time_counts_from_the_first_event() -> None:
    scene = Scene()
    scene.subscribe(timeout_ms=250)
    scene.say("a")
    await scene.clock.advance(0.125)
    scene.say("b")
    assert scene.heard() == []
    await scene.clock.advance(0.125)
    assert scene.heard() == [["a", "b"]]


@played
async def test_losses_are_told_until_somebody_takes_them() -> None:
    scene = Scene()
    scene.subscribe(timeout_ms=100)
    scene.socket.error = ConnectionRefusedError()
    for text in "ab":
        scene.say(text)
        await scene.clock.advance(0.1)
    scene.socket.error = None
    scene.say("c")
    await scene.clock.advance(0.1)
    ((first, loss),) = scene.heard()
    assert (first, loss["droppedRecords"]) == ("c", 2)
    scene.say("d")
    await scene.clock.advance(0.1)
    assert scene.heard()[1] == ["d"]


@played
async def test_flush_sends_everything_even_while_a_batch_is_on_its_way() -> None:
    scene = Scene()
    scene.subscribe(max_items=2, timeout_ms=10_000)
    scene.say("a", "b", "c")
    await scene.telemetry.flush()
    assert scene.heard() == [["a", "b"], ["c"]]


@played
async def test_after_the_end_nothing_is_sent() -> None:
    scene = Scene()
    scene.subscribe(timeout_ms=100)
    scene.say("a")
    scene.telemetry.end()
    scene.say("b")
    await scene.clock.advance(1)
    await scene.telemetry.flush()
    assert scene.socket.ports == []


@played
async def test_subscribing_again_replaces_the_first() -> None:
    scene = Scene()
    scene.say("a")
    scene.subscribe(timeout_ms=100)
    scene.subscribe(timeout_ms=200)
    await scene.clock.advance(1)
    assert scene.heard() == [["a"]]
    scene.telemetry.close_subscription()
    with pytest.raises(RuntimeApiRefusal) as refused:
        scene.subscribe()
    assert refused.value.error_type == "Telemetry.SubscriptionClosed"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"a": 1}\n', {"a": 1}),
        ('{"a":\n1}\n', {"a": 1}),
        ('{"a": NaN}', '{"a": NaN}'),
        ("[1]", "[1]"),
        ("{", "{"),
        ('{"a":' * 5_000, '{"a":' * 5_000),
    ],
)
def test_objects_of_json(text: str, sent: Any) -> None:
    @played
    async def test() -> None:
        for wanted, scene in ((sent, Scene(json_records=True)), (text, Scene())):
            scene.subscribe()
            scene.say(text)
            await scene.telemetry.flush()
            assert scene.heard() == [[wanted]]
        older = Scene(json_records=True)
        older.subscribe(schema="2022-07-01")
        older.say(text)
        await older.telemetry.flush()
        assert older.heard() == [[text]]

    test()


def test_times() -> None:
    assert iso_time(1_700_000_000) == "2023-11-14T22:13:20.000Z"
    assert iso_time(1_700_000_000.0646) == "2023-11-14T22:13:20.064Z"
