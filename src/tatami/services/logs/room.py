"""The logs service as the gateway sees it."""

from __future__ import annotations

from tatami.frame.operation import Room, collect
from tatami.kit.clock import Clock
from tatami.ports.store import Store
from tatami.services.logs.api import events, groups, retention, streams, tags
from tatami.services.logs.state import LogsState
from tatami.services.logs.store.schema import MIGRATIONS

__all__ = ["MIGRATIONS", "room"]


def room(store: Store, clock: Clock) -> Room:
    """The room on a store that `Store.migrate("logs", MIGRATIONS)` has prepared."""
    operations = collect(groups, streams, events, retention, tags)
    return Room("logs", LogsState(store, clock), operations)
