"""A runtime's conversation: whatever order it speaks in, it is answered or refused, and no event is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sessions import new_session

from tatami.domain.invocation import MAX_RESPONSE_PAYLOAD, Invocation
from tatami.domain.lifecycle import InvalidTransition, RuntimeState
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.session import Answer, Event, RuntimeSession
from tatami.kit.clock import settle
from tatami.ports.sandbox import Exit


def event(number: int = 1) -> Event:
    return Event(Invocation(f"r-{number}", b"{}", "arn"), 0, f"attempt-{number}")


async def ready() -> tuple[RuntimeSession, asyncio.Task[Event]]:
    """A session whose runtime has asked for its first event."""
    session = new_session()
    asking = asyncio.ensure_future(session.next())
    await settle()
    return session, asking


def test_an_event_is_not_given_to_a_runtime_that_is_not_ready() -> None:
    async def test() -> None:
        session = new_session()
        with pytest.raises(InvalidTransition):
            session.assign(event())
        session, asking = await ready()
        session.assign(event())
        assert (await asking).attempt == "attempt-1"
        with pytest.raises(InvalidTransition):
            session.assign(event(2))

    asyncio.run(test())


def test_a_question_that_is_withdrawn_in_the_moment_of_the_answer_passes_the_event_on() -> None:
    async def test() -> None:
        session, first = await ready()
        second = asyncio.ensure_future(session.next())
        await settle()
        session.assign(event())
        first.cancel()
        assert (await second).invocation.request_id == "r-1"
        assert first.cancelled()
        assert session.state is RuntimeState.RUNNING

    asyncio.run(test())


def test_an_event_that_nobody_waits_for_is_kept() -> None:
    async def test() -> None:
        session, asking = await ready()
        asking.cancel()
        await settle()
        session.assign(event())
        assert (await session.next()).invocation.request_id == "r-1"

    asyncio.run(test())


def test_answered_and_settled_are_two_moments() -> None:
    async def test() -> None:
        session, asking = await ready()
        answered, settled = session.assign(event())
        await asking
        session.respond("r-1", Answer(b"1"))
        assert answered.result() == Answer(b"1")
        assert not settled.done()
        again = asyncio.ensure_future(session.next())
        await settle()
        assert settled.done()
        assert not again.done()
        session.exit(Exit(0))
        with pytest.raises(RuntimeApiRefusal, match="exited"):
            await again

    asyncio.run(test())


def test_exit_ends_whatever_is_waited_for_and_counts_once() -> None:
    async def test() -> None:
        session, asking = await ready()
        answered, settled = session.assign(event())
        await asking
        session.exit(Exit(3))
        session.exit(Exit(4))
        assert session.exited.result() == Exit(3)
        assert answered.cancelled()
        assert settled.cancelled()
        with pytest.raises(RuntimeApiRefusal) as refused:
            session.respond("r-1", Answer(b""))
        assert (refused.value.status, refused.value.error_type) == (403, "InvalidStateTransition")
        with pytest.raises(RuntimeApiRefusal):
            session.fail_init(Answer(b""))
        with pytest.raises(RuntimeApiRefusal):
            await session.next()

    asyncio.run(test())


def test_a_large_answer_ends_the_invocation_and_is_refused() -> None:
    async def test() -> None:
        session, asking = await ready()
        answered, _ = session.assign(event())
        await asking
        with pytest.raises(RuntimeApiRefusal) as refused:
            session.respond("r-1", Answer(b"x" * (MAX_RESPONSE_PAYLOAD + 1)))
        assert refused.value.status == 413
        assert answered.result().error_type == "Function.ResponseSizeTooLarge"

    asyncio.run(test())


POSTS: dict[str, Callable[[RuntimeSession, str], None]] = {
    "respond": lambda session, current: session.respond(current, Answer(b"1")),
    "fail": lambda session, current: session.fail(current, Answer(b"", "Runtime.X")),
    "wrong": lambda session, current: session.respond("another", Answer(b"")),
    "large": lambda session, current: session.refuse_oversize(current),
    "mode": lambda session, current: session.refuse_mode(current, "sideways"),
    "fail_init": lambda session, current: session.fail_init(Answer(b"", "Runtime.X")),
    "exit": lambda session, current: session.exit(Exit(1)),
}
ACTIONS = st.lists(st.sampled_from(["next", "drop", "assign", *POSTS]), max_size=25)


@given(ACTIONS)
@settings(max_examples=300, deadline=None)
def test_any_order_of_calls_is_answered_or_refused(actions: list[str]) -> None:
    async def test() -> None:
        session = new_session()
        asking: list[asyncio.Task[Event]] = []
        answers: list[asyncio.Future[Answer]] = []
        given_out: list[str] = []
        for action in actions:
            with contextlib.suppress(RuntimeApiRefusal, InvalidTransition):
                if action == "next":
                    asking.append(asyncio.ensure_future(session.next()))
                elif action == "drop" and asking:
                    asking.pop().cancel()
                elif action == "assign":
                    answers.append(session.assign(event(len(answers) + 1))[0])
                elif action in POSTS:
                    POSTS[action](session, f"r-{len(answers)}")
            await settle(4)
            for task in [task for task in asking if task.done()]:
                asking.remove(task)
                if not task.cancelled() and task.exception() is None:
                    given_out.append(task.result().invocation.request_id)
            if asking and session.state is RuntimeState.READY and answers and not session.exited.done():
                assert answers[-1].done(), "an event was assigned, a runtime waits, and they do not meet"
        assert all(answer.done() for answer in answers[:-1]), "one invocation at a time"
        assert given_out == sorted(given_out, key=lambda name: int(name[2:])), "in order"
        for task in asking:
            task.cancel()
        await settle(4)

    asyncio.run(test())
