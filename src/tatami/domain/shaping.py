"""
How fast a streamed response may leave: a burst, then a steady rate.

The first 6 MB of a streamed response are not slowed, what follows goes at 2 MB a second (Lambda guide,
configuration-response-streaming); AWS's supervisor keeps it as a bucket of tokens that fills again while the function
is silent.
"""

from __future__ import annotations

BURST = 6 * 1024 * 1024
"""Bytes that are not slowed."""

RATE = 2 * 1024 * 1024
"""Bytes a second after them."""


class Shaper:
    """A bucket of `burst` bytes that fills with `rate` bytes a second. Times are seconds on any one clock."""

    def __init__(self, now: float, burst: int = BURST, rate: int = RATE) -> None:
        self._burst = burst
        self._rate = rate
        self._tokens = float(burst)
        self._since = now

    def __repr__(self) -> str:
        return f"<Shaper tokens={self._tokens:.0f}>"

    def delay(self, size: int, now: float) -> float:
        """Seconds that `size` bytes must wait before they leave; they are counted as having left."""
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
        self._since = now
        self._tokens -= size
        return max(0.0, -self._tokens / self._rate)
