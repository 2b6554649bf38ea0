"""Two pipes become log events, however their bytes are split."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import struct
import threading
from collections.abc import Callable, Coroutine, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.environments import log_collector
from tatami.environments.log_collector import LogCollector, _Frames, _Lines
from tatami.environments.log_form import LogForm
from tatami.environments.platform_events import PlatformEvent
from tatami.kit.clock import VirtualClock, settle
from tatami.ports.telemetry import LogEvent

NOW = 1_700_000_000_000


def frame(text: bytes, microseconds: int = NOW * 1000, kind: int = 0xA55A0003) -> bytes:
    """One frame."""
    return struct.pack(">IIQ", kind, len(text), microseconds) + text


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


PRINTED = st.lists(
    st.one_of(st.binary(max_size=40), st.text(max_size=30).map(str.encode), st.just(b"\n"), st.just(b"\xe2\x82")),
    max_size=8,
).map(b"".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(PRINTED, CUTS)
@settings(max_examples=200, deadline=None)
def test_any_split_of_the_output_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_collector, "MAX_EVENT_BYTES", 16)
        whole, pieces = _Lines(), _Lines()
        expected = whole.feed(data, NOW) + whole.rest(NOW)
        events = [event for piece in split(data, cuts) for event in pieces.feed(piece, NOW)] + pieces.rest(NOW)
    assert [event.message for event in events] == [event.message for event in expected]
    assert all(len(event.message.rstrip("\n").split("\n")) == 1 for event in events)
    if data.decode("utf-8", "ignore").encode() == data:
        assert "".join(event.message for event in events).encode() == data
        assert all(len(event.message.encode()) <= 16 for event in events)


@given(st.lists(st.binary(max_size=40), max_size=6), CUTS)
@settings(max_examples=200, deadline=None)
def test_any_split_of_the_frames_gives_the_same_events(texts: list[bytes], cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_collector, "MAX_EVENT_BYTES", 16)
        data = b"".join(frame(text) for text in texts)
        whole, pieces = _Frames(), _Frames()
        expected = whole.feed(data, NOW)
        events = [event for piece in split(data, cuts) for event in pieces.feed(piece, NOW)]
        assert events == expected
        assert pieces.rest() == []
    if all(len(text) <= 16 for text in texts):
        assert [event.message for event in events] == [text.decode("utf-8", "replace") for text in texts if text]


@given(st.binary(max_size=200), CUTS)
@settings(max_examples=100, deadline=None)
def test_no_bytes_in_the_frame_pipe_do_harm(data: bytes, cuts: list[int]) -> None:
    frames = _Frames()
    for piece in split(data, cuts):
        frames.feed(piece, NOW)
    frames.rest()


def test_a_frame_of_any_claimed_length_is_not_kept_in_memory() -> None:
    frames = _Frames()
    head = struct.pack(">IIQ", 0xA55A0003, 0xFFFFFFFF, NOW * 1000)
    events = frames.feed(head, NOW)
    for _ in range(64):
        events += frames.feed(b"x" * 65536, NOW)
    assert sum(len(event.message) for event in events) >= 63 * 65536 - log_collector.MAX_EVENT_BYTES
    assert sum(len(event.message) for event in events + frames.rest()) == 64 * 65536


def test_times_that_are_not_plausible_are_not_believed() -> None:
    data = b"".join(frame(b"a", stamp * 1000) for stamp in (NOW - 59_000, NOW - 61_000, NOW + 59_000, 0, 2**53))
    stamps = [event.timestamp_ms for event in _Frames().feed(data, NOW)]
    assert stamps == [NOW - 59_000, NOW, NOW + 59_000, NOW, NOW]


def test_bytes_that_are_no_frame_are_shown() -> None:
    frames = _Frames()
    assert [event.message for event in frames.feed(b"printed to the wrong place\n", NOW)] == [
        "printed to the wrong place\n"
    ]
    assert [event.message for event in frames.feed(frame(b"ok"), NOW)] == ["ok"]


class Pipes:
    """A collector with its two pipes and what came of them."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []
        self.collector = LogCollector(VirtualClock(), self._take)
        self.output, self.stdout = os.pipe2(os.O_NONBLOCK)
        self.frames, self.framed = os.pipe2(os.O_NONBLOCK)
        self.collector.attach(self.output, self.frames)

    def _take(self, events: Sequence[LogEvent]) -> None:
        self.events += events

    @property
    def texts(self) -> list[str]:
        return [event.message for event in self.events]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Turn the loop until something is so."""
        for _ in range(100):
            if wanted():
                return
            await settle()
        raise AssertionError(self.texts)

    def close(self) -> None:
        for descriptor in (self.stdout, self.framed):
            os.close(descriptor)
        self.collector.detach()


def with_pipes(test: Callable[[Pipes], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        pipes = Pipes()
        try:
            await test(pipes)
        finally:
            pipes.close()
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(pipes.output)
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(pipes.frames)

    asyncio.run(run())


def test_what_is_printed_arrives_by_itself() -> None:
    async def test(pipes: Pipes) -> None:
        os.write(pipes.stdout, b"a\nb")
        os.write(pipes.framed, frame(b"f1\nf2"))
        await pipes.until(lambda: len(pipes.events) == 2)
        assert sorted(pipes.texts) == ["a\n", "f1\nf2"]
        pipes.collector.flush()
        assert pipes.texts[-1] == "b"

    with_pipes(test)


def test_a_drain_that_is_faster_than_the_reader_does_not_stop_it() -> None:
    async def test(pipes: Pipes) -> None:
        os.write(pipes.stdout, b"one\n")
        # Both in one turn of the loop: the drain first, then the reader, which finds the pipe empty.
        asyncio.get_running_loop().call_soon(pipes.collector.drain)
        await settle()
        os.write(pipes.stdout, b"two\n")
        await pipes.until(lambda: pipes.texts == ["one\n", "two\n"])

    with_pipes(test)


def test_drain_ends_though_somebody_prints_without_end() -> None:
    async def test(pipes: Pipes) -> None:
        os.set_blocking(pipes.stdout, True)
        stop = threading.Event()

        def chatter() -> None:
            while not stop.is_set():
                os.write(pipes.stdout, b"blah " * 200 + b"\n")

        talking = threading.Thread(target=chatter)
        talking.start()
        try:
            for _ in range(20):
                pipes.collector.drain()
        finally:
            stop.set()
            while talking.is_alive():
                pipes.collector.drain()
            talking.join()

    with_pipes(test)


def test_the_tail_begins_anew_and_holds_four_kilobytes() -> None:
    async def test(pipes: Pipes) -> None:
        pipes.collector.platform(PlatformEvent("platform.start", {}, "START\n", "INFO"))
        os.write(pipes.stdout, b"y" * 5000 + b"\n")
        pipes.collector.drain()
        pipes.collector.platform(PlatformEvent("platform.start", {}, "END\n", "INFO"))
        assert pipes.collector.tail == b"y" * (4096 - 5) + b"\nEND\n"
        pipes.collector.begin()
        assert pipes.collector.tail == b""
        pipes.collector.platform(PlatformEvent("platform.start", {}, "é\n", "INFO"))
        assert pipes.collector.tail == "é\n".encode()

    with_pipes(test)


def test_detach_takes_what_is_left_even_of_an_unfinished_frame() -> None:
    async def run() -> None:
        pipes = Pipes()
        os.write(pipes.stdout, b"last words")
        os.write(pipes.framed, frame(b"cut short")[:-2])
        pipes.close()
        assert sorted(pipes.texts) == ["cut sho", "last words"]
        pipes.collector.detach()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("bits", "rank"), [(0x00, 0), (0x04, 1), (0x08, 2), (0x0C, 3), (0x10, 4), (0x14, 5), (0x18, 6)]
)
@pytest.mark.parametrize("kind", [2, 3])
def test_frames_carry_levels(bits: int, rank: int, kind: int) -> None:
    """Of every piece that a long frame is cut into."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_collector, "MAX_EVENT_BYTES", 4)
        events = _Frames().feed(frame(b"long text", kind=0xA55A0000 | bits | kind), NOW)
    assert [(event.message, event.rank) for event in events] == [("long", rank), (" tex", rank), ("t", rank)]


def test_a_json_log_is_filtered_and_its_listener_is_not() -> None:
    written: list[str] = []
    heard: list[str] = []

    def write(events: Sequence[LogEvent]) -> None:
        written.extend(event.message for event in events)

    async def run() -> None:
        collector = LogCollector(VirtualClock(), write, LogForm("JSON", "WARN", "WARN"))
        collector.listen(lambda events: heard.extend(event.message for event in events))
        output, stdout = os.pipe2(os.O_NONBLOCK)
        frames, framed = os.pipe2(os.O_NONBLOCK)
        collector.attach(output, frames)
        os.write(stdout, b"plain\n")
        os.write(framed, frame(b"info", kind=0xA55A000E) + frame(b"error", kind=0xA55A0016))
        os.close(stdout)
        os.close(framed)
        collector.platform(PlatformEvent("platform.start", {}, "START\n", "INFO"))
        collector.platform(PlatformEvent("platform.report", {}, "REPORT\n", "WARN"))
        collector.detach()
        assert collector.tail.decode() == "".join(written)

    asyncio.run(run())
    assert [text for text in written if not text.startswith("{")] == ["error"]
    assert [json.loads(text)["type"] for text in written if text.startswith("{")] == ["platform.report"]
    assert heard == ["plain\n", "info", "error"]
