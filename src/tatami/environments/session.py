"""
One boot's conversation with the platform: what its runtime process asks for and what it answers.

Two sides meet here. The Runtime API (tatami.runtime_api) calls `next`, `respond`, `fail` and `fail_init` for
the process; the environment calls `assign` and waits on `initialised`, `answered` and `settled`. The rules of who may
say what when are the table in tatami.domain.lifecycle.

An event that was handed out stays current until it is answered, so that a runtime whose connection broke between
the question and the answer does not lose it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tatami.domain.invocation import MAX_RESPONSE_PAYLOAD, Invocation
from tatami.domain.lifecycle import InvalidTransition, RuntimeEvent, RuntimeState, step
from tatami.environments.extensions import Extensions
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.telemetry import Subscription, Telemetry
from tatami.ports.engine import ResponseSink
from tatami.ports.sandbox import Exit


@dataclass(frozen=True)
class FunctionFacts:
    """What extensions are told of the function when they register."""

    account: str = ""
    name: str = ""
    version: str = ""
    handler: str = ""


@dataclass(frozen=True)
class Event:
    """What `/next` hands out. deadline_ms: milliseconds since the epoch. sink: where a streamed response goes."""

    invocation: Invocation
    deadline_ms: int
    attempt: str
    sink: ResponseSink | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Answer:
    """What the runtime made of an event. error_type is "" for a response. streamed: bytes that went before it."""

    payload: bytes
    error_type: str = ""
    content_type: str = "application/json"
    streamed: int = 0

    @property
    def is_error(self) -> bool:
        """Whether it is a function error."""
        return bool(self.error_type)


class RuntimeSession:
    """State of one runtime process, from its start to its exit."""

    def __init__(
        self,
        extensions: Extensions,
        telemetry: Telemetry,
        facts: FunctionFacts,
        subscribed: Callable[[Subscription], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.extensions = extensions
        self.telemetry = telemetry
        self.facts = facts
        self._subscribed = subscribed
        self.state = RuntimeState.STARTED
        self.initialised: asyncio.Future[None] = loop.create_future()
        """Done when INIT is over: the runtime asked for its first event, reported a failure, or exited."""
        self.init_failure: Answer | None = None
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self._event: Event | None = None
        self._streaming: Event | None = None
        """The event whose response has begun to stream."""
        self._answered: asyncio.Future[Answer] | None = None
        self._settled: asyncio.Future[None] | None = None
        self._questions: deque[asyncio.Future[None]] = deque()
        """Who waits for an event, the first to ask first."""

    def __repr__(self) -> str:
        request = self._event.invocation.request_id if self._event else "-"
        return f"<RuntimeSession {self.state.value} request={request}>"

    # What the environment does.

    def assign(self, event: Event) -> tuple[asyncio.Future[Answer], asyncio.Future[None]]:
        """Hand an event to a runtime that is ready.

        Returns two futures: the runtime's answer, and the moment it is ready again. Both are cancelled when
        the process exits. Raises InvalidTransition when the runtime is not ready.
        """
        if self.state is not RuntimeState.READY or self._event is not None:
            raise InvalidTransition(self.state, RuntimeEvent.ASSIGNED)
        loop = asyncio.get_running_loop()
        self._event = event
        self._answered, self._settled = loop.create_future(), loop.create_future()
        self._offer()
        return self._answered, self._settled

    def exit(self, how: Exit) -> None:
        """The process has ended."""
        if self.exited.done():
            return
        self.state = step(self.state, RuntimeEvent.EXIT)
        self.exited.set_result(how)
        self._end_init()
        for question in self._questions:
            _wake(question)
        for waiting in (self._answered, self._settled):
            if waiting and not waiting.done():
                waiting.cancel()

    # What the runtime does.

    async def next(self) -> Event:
        """`GET /runtime/invocation/next`: wait for an event.

        A runtime that has an event and asks gets the same again, as AWS's supervisor has it (core/states.go,
        RuntimeRunningState.Ready): the answer may have been lost with its connection.
        """
        if self.state is RuntimeState.RUNNING and self._event is not None:
            return self._event
        self._step(RuntimeEvent.NEXT)
        self.extensions.close_registration()
        self._end_init()
        if self._settled and not self._settled.done() and self._answered and self._answered.done():
            self._settled.set_result(None)
            self._event = None
        while self._event is None or self.state is not RuntimeState.READY:
            await self._news()
        self._step(RuntimeEvent.ASSIGNED)
        return self._event

    def respond(self, request_id: str, answer: Answer, attempt: str = "") -> None:
        """`POST /runtime/invocation/{id}/response`.

        Raises RuntimeApiRefusal; an answer that is too large ends the invocation as a function error and is refused.
        """
        self._expect(request_id, attempt)
        if len(answer.payload) > MAX_RESPONSE_PAYLOAD:
            self.refuse_oversize(request_id, attempt)
        self._step(RuntimeEvent.RESPONSE)
        self._answer(answer)

    def stream(self, request_id: str, attempt: str, content_type: str) -> ResponseSink | None:
        """A response begins to come in pieces: where they go, None when it is to be collected.

        That is so when the caller did not ask for a stream, and when the response will be refused at its end anyway.
        """
        event = self._event
        if event is None or event.sink is None or self.state is not RuntimeState.RUNNING or self._streaming is event:
            return None
        if event.invocation.request_id != request_id or (attempt and attempt != event.attempt):
            return None
        self._streaming = event
        event.sink.begin(content_type)
        return event.sink

    def refuse_oversize(self, request_id: str, attempt: str = "") -> None:
        """End the invocation because its response is larger than allowed; always raises RuntimeApiRefusal."""
        text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_PAYLOAD} bytes)."
        self.respond(request_id, platform_error("Function.ResponseSizeTooLarge", text), attempt)
        refusal = f"Exceeded maximum allowed payload size ({MAX_RESPONSE_PAYLOAD} bytes)."
        raise RuntimeApiRefusal(413, "RequestEntityTooLarge", refusal)

    def refuse_mode(self, request_id: str, mode: str, attempt: str = "") -> None:
        """End the invocation because of an unknown response mode; always raises RuntimeApiRefusal."""
        text = f"Invalid response mode: {mode}"
        self.respond(request_id, platform_error("Runtime.InvalidResponseModeHeader", text), attempt)
        raise RuntimeApiRefusal(400, "InvalidFunctionResponseMode", text)

    def fail(self, request_id: str, answer: Answer, attempt: str = "") -> None:
        """`POST /runtime/invocation/{id}/error`."""
        self._expect(request_id, attempt)
        self._step(RuntimeEvent.ERROR)
        self._answer(answer)

    def fail_init(self, answer: Answer) -> None:
        """`POST /runtime/init/error`."""
        self._step(RuntimeEvent.INIT_ERROR)
        self.init_failure = answer
        self._end_init()

    def subscribe(self, subscription: Subscription) -> None:
        """An extension wants telemetry. Raises RuntimeApiRefusal."""
        self.telemetry.subscribe(subscription)
        self._subscribed(subscription)

    async def _news(self) -> None:
        """Wait for an event to be assigned. Raises RuntimeApiRefusal when the process has ended meanwhile."""
        question: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._questions.append(question)
        try:
            await question
        finally:
            self._questions.remove(question)
            self._offer()  # who asked may be gone in the moment it was woken: the event is for the next in line
        if self.exited.done():
            raise RuntimeApiRefusal(403, "InvalidStateTransition", "The runtime has exited")

    def _offer(self) -> None:
        """Wake the first that waits, if there is an event for it."""
        if self._event is not None and self.state is RuntimeState.READY and self._questions:
            _wake(self._questions[0])

    def _expect(self, request_id: str, attempt: str) -> None:
        if self._event is None or self._event.invocation.request_id != request_id:
            raise RuntimeApiRefusal(400, "InvalidRequestID", "Invalid request ID")
        if attempt and attempt != self._event.attempt:
            raise RuntimeApiRefusal(400, "InvalidInvocationId", "Invalid invocation ID")

    def _step(self, event: RuntimeEvent) -> None:
        try:
            self.state = step(self.state, event)
        except InvalidTransition as refused:
            raise RuntimeApiRefusal(403, "InvalidStateTransition", str(refused)) from refused

    def _answer(self, answer: Answer) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_result(answer)

    def _end_init(self) -> None:
        if not self.initialised.done():
            self.initialised.set_result(None)


def platform_error(error_type: str, text: str) -> Answer:
    """An answer that the platform gives in the runtime's place."""
    return Answer(
        json.dumps({"errorType": error_type, "errorMessage": text}, separators=(",", ":")).encode(), error_type
    )


def _wake(question: asyncio.Future[None]) -> None:
    if not question.done():
        question.set_result(None)
