"""The runtime's state table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.domain.lifecycle import TRANSITIONS, InvalidTransition, RuntimeEvent, RuntimeState, step

EVENTS = st.lists(st.sampled_from(RuntimeEvent), max_size=30)


@given(EVENTS)
def test_an_answer_is_accepted_only_while_running(events: list[RuntimeEvent]) -> None:
    state = RuntimeState.STARTED
    for event in events:
        try:
            following = step(state, event)
        except InvalidTransition:
            assert (state, event) not in TRANSITIONS
            continue
        if event in {RuntimeEvent.RESPONSE, RuntimeEvent.ERROR}:
            assert state is RuntimeState.RUNNING
        if event is RuntimeEvent.INIT_ERROR:
            assert state is RuntimeState.STARTED
        state = following


def test_nothing_follows_an_exit_but_another_exit() -> None:
    for event in RuntimeEvent:
        if event is RuntimeEvent.EXIT:
            assert step(RuntimeState.EXITED, event) is RuntimeState.EXITED
        else:
            with pytest.raises(InvalidTransition):
                step(RuntimeState.EXITED, event)


def test_the_refusal_has_the_text_of_aws() -> None:
    with pytest.raises(InvalidTransition) as refused:
        step(RuntimeState.RUNNING, RuntimeEvent.NEXT)
    assert str(refused.value) == (
        "State transition from Running to Ready failed for runtime. Error: State transition is not allowed"
    )
