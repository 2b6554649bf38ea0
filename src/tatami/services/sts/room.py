"""The STS service as the gateway sees it."""

from __future__ import annotations

from tatami.frame.operation import Room, collect
from tatami.services.sts import api

MIGRATIONS: list[str] = []
"""It stores nothing."""

__all__ = ["MIGRATIONS", "room"]


def room() -> Room:
    """The room; it has no state."""
    return Room("sts", None, collect(api))
