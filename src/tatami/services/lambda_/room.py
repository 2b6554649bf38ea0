"""The Lambda room as the gateway sees it."""

from __future__ import annotations

from tatami.frame.operation import Room, collect
from tatami.services.lambda_.api import (
    account,
    functions,
    invoke,
    invoke_stream,
    layer_permissions,
    layers,
    permissions,
    tags,
    updates,
    urls,
)
from tatami.services.lambda_.state import LambdaRoom


def room(state: LambdaRoom) -> Room:
    """All operations of this room over `state`; `lifecycle.start(state)` must have run before the first call."""
    operations = collect(
        functions, updates, invoke, invoke_stream, layers, layer_permissions, permissions, urls, account, tags
    )
    return Room("lambda", state, operations)
