"""The Lambda room as the gateway sees it."""

from __future__ import annotations

from tatami.frame.operation import Room, collect
from tatami.services.lambda_.api import account, functions, invoke, tags, updates
from tatami.services.lambda_.state import LambdaRoom


def room(state: LambdaRoom) -> Room:
    """All operations of this room over `state`; `lifecycle.start(state)` must have run before the first call."""
    return Room("lambda", state, collect(functions, updates, invoke, account, tags))
