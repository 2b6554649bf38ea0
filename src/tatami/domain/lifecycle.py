"""
The life of a runtime process, as AWS's Runtime API sees it: one table.

A runtime starts, asks for its first event (which ends INIT), gets it, answers, asks again. What is
not in the table is refused with 403 `InvalidStateTransition`. Asking again while already waiting is allowed:
a runtime whose connection broke may repeat the question.

The names are those of AWS's own supervisor, because its error texts carry them
(aws/aws-lambda-runtime-interface-emulator, internal/lambda/core/states.go).
"""

from __future__ import annotations

from enum import Enum


class RuntimeState(Enum):
    """Where a runtime process stands."""

    STARTED = "Started"
    INIT_FAILED = "InitError"
    READY = "Ready"
    RUNNING = "Running"
    RESPONDED = "ResponseSent"
    FAILED = "InvocationErrorResponse"
    EXITED = "Exited"


class RuntimeEvent(Enum):
    """What happens to it; the value is the state that AWS's error text names as the wanted one."""

    NEXT = "Ready"
    ASSIGNED = "Running"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    INIT_ERROR = "InitError"
    EXIT = "Exited"


TRANSITIONS: dict[tuple[RuntimeState, RuntimeEvent], RuntimeState] = {
    (RuntimeState.STARTED, RuntimeEvent.NEXT): RuntimeState.READY,
    (RuntimeState.STARTED, RuntimeEvent.INIT_ERROR): RuntimeState.INIT_FAILED,
    (RuntimeState.READY, RuntimeEvent.NEXT): RuntimeState.READY,
    (RuntimeState.READY, RuntimeEvent.ASSIGNED): RuntimeState.RUNNING,
    (RuntimeState.RUNNING, RuntimeEvent.RESPONSE): RuntimeState.RESPONDED,
    (RuntimeState.RUNNING, RuntimeEvent.ERROR): RuntimeState.FAILED,
    (RuntimeState.RESPONDED, RuntimeEvent.NEXT): RuntimeState.READY,
    (RuntimeState.FAILED, RuntimeEvent.NEXT): RuntimeState.READY,
}
TRANSITIONS.update({(state, RuntimeEvent.EXIT): RuntimeState.EXITED for state in RuntimeState})


class InvalidTransition(Exception):
    """The table has no such step; the text is AWS's."""

    def __init__(self, state: RuntimeState, event: RuntimeEvent) -> None:
        transition = f"State transition from {state.value} to {event.value} failed for runtime."
        super().__init__(f"{transition} Error: State transition is not allowed")


def step(state: RuntimeState, event: RuntimeEvent) -> RuntimeState:
    """The state after `event`. Raises InvalidTransition."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise InvalidTransition(state, event)
    return following
