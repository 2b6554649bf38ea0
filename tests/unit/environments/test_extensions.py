"""The rules of the Extensions API, without HTTP and without processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.environments.extensions import INVOKE, SHUTDOWN, Extension, Extensions, ExtensionState
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.kit.clock import settle
from tatami.ports.sandbox import Exit

EVENT = {"eventType": "INVOKE"}


def played(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def kind(refused: pytest.ExceptionInfo[RuntimeApiRefusal]) -> tuple[int, str]:
    return refused.value.status, refused.value.error_type


@played
async def test_registered_and_ready_are_two_moments() -> None:
    extensions = Extensions(["one"])
    registered, ready = extensions.registered(), extensions.ready()
    assert not registered.done()
    one = extensions.register("one", [INVOKE])
    assert registered.done()
    assert not ready.done()
    asking = asyncio.ensure_future(extensions.next(one))
    await settle()
    assert ready.done()
    assert one.state is ExtensionState.READY
    told = extensions.invoke(EVENT)
    assert await asking == EVENT
    assert not told.done()
    again = asyncio.ensure_future(extensions.next(one))
    await settle()
    assert told.done()
    again.cancel()


@played
async def test_nobody_to_wait_for() -> None:
    extensions = Extensions()
    assert extensions.registered().done()
    assert extensions.ready().done()
    assert extensions.invoke(EVENT).done()
    assert extensions.leave({}) == []


@played
async def test_an_unknown_name_is_an_internal_extension() -> None:
    extensions = Extensions(["one"])
    assert extensions.register("two", [INVOKE, INVOKE]).internal
    assert extensions.register("one", []).internal is False
    assert [one.events for one in extensions.all()] == [(), (INVOKE,)]
    with pytest.raises(RuntimeApiRefusal) as refused:
        extensions.register("two", [])
    assert kind(refused) == (403, "Extension.InvalidExtensionState")
    with pytest.raises(RuntimeApiRefusal) as refused:
        extensions.register("three", [SHUTDOWN])
    assert kind(refused) == (403, "Extension.InvalidEventType")


@played
async def test_external_ones_count_before_they_register() -> None:
    extensions = Extensions([f"e{number}" for number in range(9)])
    extensions.register("inside", [])
    with pytest.raises(RuntimeApiRefusal) as refused:
        extensions.register("another", [])
    assert kind(refused) == (403, "Extension.TooManyExtensions")
    extensions.register("e0", [])


@played
async def test_shutdown_is_told_once_and_only_to_those_who_asked() -> None:
    extensions = Extensions(["wants", "not", "dead"])
    wants = extensions.register("wants", [SHUTDOWN])
    extensions.register("not", [INVOKE])
    extensions.register("dead", [SHUTDOWN])
    extensions.exited("dead", Exit(1))
    assert extensions.leave({"eventType": "SHUTDOWN"}) == ["wants"]
    assert extensions.leave({"eventType": "SHUTDOWN"}) == ["wants"]
    assert (await extensions.next(wants))["eventType"] == "SHUTDOWN"
    assert not wants.is_owed
    extensions.exited("wants", Exit(0))
    assert wants.state is ExtensionState.EXITED


@played
async def test_the_first_failure_stays() -> None:
    extensions = Extensions(["one", "two"])
    one = extensions.register("one", [INVOKE])
    extensions.report(one, "Init", "Extension.ConfigInvalid")
    extensions.exited("two", Exit(None, 9))
    failure = extensions.failed.result()
    assert (failure.error_type, failure.text) == ("Extension.InitError", "Extension.ConfigInvalid")
    assert (one.state, one.error_type) == (ExtensionState.INIT_ERROR, "Extension.ConfigInvalid")
    with pytest.raises(RuntimeApiRefusal) as refused:
        await extensions.next(one)
    assert kind(refused) == (403, "Extension.InvalidExtensionState")
    with pytest.raises(RuntimeApiRefusal):
        extensions.report(one, "Exit", "Extension.Other")


@played
async def test_a_broken_question_leaves_the_event_for_the_next() -> None:
    extensions = Extensions(["one"])
    one = extensions.register("one", [INVOKE])
    asking = asyncio.ensure_future(extensions.next(one))
    await settle()
    asking.cancel()
    await settle()
    told = extensions.invoke(EVENT)
    assert await extensions.next(one) == EVENT
    assert not told.done()


@pytest.mark.parametrize(
    ("identifier", "error_type"),
    [
        ("", "Extension.MissingExtensionIdentifier"),
        ("x" * 36, "Extension.InvalidExtensionIdentifier"),
        ("12345678-1234-1234-1234-123456789abc", "Extension.UnknownExtensionIdentifier"),
    ],
)
def test_identifiers(identifier: str, error_type: str) -> None:
    @played
    async def test() -> None:
        extensions = Extensions(["one"])
        with pytest.raises(RuntimeApiRefusal) as refused:
            extensions.identified(identifier)
        assert kind(refused) == (403, error_type)
        never = extensions.known()[0]
        with pytest.raises(RuntimeApiRefusal):
            extensions.identified(never.identifier)
        one = extensions.register("one", [])
        assert extensions.identified(one.identifier.upper()) is one

    test()


STEPS = st.lists(
    st.tuples(st.sampled_from(["register", "next", "init", "exit", "die", "invoke", "leave"]), st.integers(0, 3)),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_they_do_the_waits_are_right(steps: list[tuple[str, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int]]) -> None:
    extensions = Extensions(["e0", "e1"])
    held: dict[str, Extension] = {}
    asking: list[asyncio.Task[Any]] = []
    for what, number in steps:
        name = f"e{number}"
        one = held.get(name)
        try:
            if what == "register":
                held[name] = extensions.register(name, [INVOKE])
            elif what == "invoke":
                extensions.invoke(EVENT)
            elif what == "leave":
                extensions.leave({})
            elif what == "die" and number < 2:
                extensions.exited(name, Exit(1))
            elif what == "next" and one is not None:
                asking.append(asyncio.ensure_future(extensions.next(one)))
            elif what in {"init", "exit"} and one is not None:
                extensions.report(one, what.capitalize(), "X.Y")
        except RuntimeApiRefusal:
            pass
        await settle(3)
        quiet = all(one.state is ExtensionState.READY or one.is_over for one in extensions.all())
        everybody = all(one.state is not ExtensionState.STARTED for one in extensions.known())
        assert extensions.registered().done() == everybody
        assert extensions.ready().done() == (everybody and quiet)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
