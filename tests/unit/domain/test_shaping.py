"""How fast a stream may leave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tatami.domain.shaping import BURST, RATE, Shaper


def test_the_burst_is_free_and_what_follows_has_its_rate() -> None:
    shaper = Shaper(0.0)
    assert shaper.delay(BURST, 0.0) == 0.0
    assert shaper.delay(RATE, 0.0) == 1.0
    assert shaper.delay(RATE, 1.0) == 1.0


def test_silence_fills_the_bucket_but_not_above_its_rim() -> None:
    shaper = Shaper(0.0, burst=100, rate=10)
    shaper.delay(100, 0.0)
    assert shaper.delay(50, 5.0) == 0.0
    assert shaper.delay(100, 1000.0) == 0.0
    assert shaper.delay(1, 1000.0) == 0.1


@given(st.lists(st.integers(1, 500), max_size=50))
def test_it_is_never_faster_than_burst_and_rate(sizes: list[int]) -> None:
    shaper, now, sent = Shaper(0.0, burst=300, rate=100), 0.0, 0
    for size in sizes:
        now += shaper.delay(size, now)
        sent += size
        assert sent <= 300 + 100 * now + 1e-6
