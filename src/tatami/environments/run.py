"""One invocation in progress: what is answered, logged, accounted and told to telemetry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from tatami.domain.invocation import UNHANDLED, FunctionVersion, Invocation, Outcome
from tatami.environments import failure, platform_events, platform_log
from tatami.environments.failure import Failure
from tatami.environments.parts import Parts
from tatami.environments.platform_events import PlatformEvent, Span
from tatami.environments.session import Answer, RuntimeSession
from tatami.kit.clock import Clock
from tatami.ports.engine import EnvironmentLost

_FOUND_BY_THE_PLATFORM = {
    failure.EXIT_ERROR,
    failure.TIMED_OUT,
    failure.INVALID_ENTRYPOINT,
    "Runtime.TruncatedResponse",
    "Runtime.InvalidResponseModeHeader",
    "Function.ResponseSizeTooLarge",
}
"""Errors that REPORT names; it does not name an exception that the handler raised."""


class Host(Protocol):
    """The environment that an invocation runs in."""

    identity: str
    function: FunctionVersion
    clock: Clock

    session: RuntimeSession

    @property
    def parts(self) -> Parts: ...

    @property
    def peak_memory_mb(self) -> int: ...

    def sample_memory(self) -> None: ...

    def announce(self, event: PlatformEvent) -> None: ...


class Run:
    """One invocation. began: on the monotonic clock. init_ms: of the INIT that was done for it, else None."""

    def __init__(
        self, host: Host, invocation: Invocation, deliver: Callable[[Outcome], None], init_ms: float | None
    ) -> None:
        self.invocation = invocation
        self.began = host.clock.monotonic()
        self._began_at = host.clock.now()
        self._host = host
        self._deliver = deliver
        self._init_ms = init_ms
        self._answer: Answer | None = None
        self._answered_after_ms = 0.0
        self._runtime_done = False
        self._runtime_done_after_ms = 0.0
        self._delivered = False

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._host.clock.monotonic() - self.began

    def start(self) -> None:
        """Say that it begins."""
        tracing = platform_events.tracing_of(self.invocation.trace_id)
        self._host.announce(platform_events.start(self.invocation.request_id, self._host.function.version, tracing))

    def answer(self, answer: Answer) -> None:
        """The runtime has answered; unless the caller wants the log, that is delivered at once."""
        self._answer = answer
        self._answered_after_ms = self.elapsed * 1000
        if not self.invocation.log_tail:
            self._send(self._outcome(answer.payload, answer.error_type))

    def runtime_done(self, problem: Failure | None) -> None:
        """The runtime has done its part, or `problem` ended it: what it printed is read, and END written."""
        if self._runtime_done:
            return
        self._runtime_done = True
        log = self._host.parts.log
        log.drain()
        log.flush()
        self._runtime_done_after_ms = self.elapsed * 1000
        error_type = self._error_type(problem)
        size = None if self._answer is None else len(self._answer.payload) + self._answer.streamed
        self._host.announce(
            platform_events.runtime_done(
                self.invocation.request_id,
                _status(error_type),
                self.elapsed * 1000,
                error_type=error_type,
                produced_bytes=size,
                spans=self._spans(),
                tracing=platform_events.tracing_of(self.invocation.trace_id),
            )
        )

    def close(self, problem: Failure | None) -> None:
        """Everything is over: write REPORT, deliver what was not yet."""
        self.runtime_done(problem)
        self._host.sample_memory()
        if self._answer is not None:
            outcome = self._outcome(self._answer.payload, self._answer.error_type)
        else:
            assert problem is not None, "an invocation ends with an answer or a failure"
            outcome = self._outcome(problem.payload(self.invocation.request_id), problem.error_type)
        self._account(outcome, self._error_type(problem), problem is not None)
        if not self._delivered:
            self._send(replace(outcome, log_tail=self._host.parts.log.tail))

    def stopped(self) -> None:
        """The platform stopped the environment meanwhile. Raises EnvironmentLost unless the runtime had answered."""
        if self._answer is None:
            raise EnvironmentLost(f"The environment {self._host.identity} was stopped")
        self.close(None)

    def _error_type(self, problem: Failure | None) -> str:
        if problem is not None:
            return problem.error_type
        return self._answer.error_type if self._answer else ""

    def _account(self, outcome: Outcome, error_type: str, ended_by_failure: bool) -> None:
        named = ended_by_failure or error_type in _FOUND_BY_THE_PLATFORM
        self._host.announce(
            platform_events.report(
                self.invocation.request_id,
                _status(error_type),
                duration_ms=outcome.duration_ms,
                init_ms=self._init_ms,
                memory_mb=self._host.function.memory_mb,
                max_memory_mb=outcome.max_memory_mb,
                error_type=error_type,
                error_in_text=named,
                spans=self._extension_spans(),
                tracing=platform_events.tracing_of(self.invocation.trace_id),
            )
        )

    def _spans(self) -> list[Span]:
        """How long until the answer, and what the runtime did after it."""
        if self._answer is None:
            return []
        began = int(self._began_at * 1000)
        answered = began + int(self._answered_after_ms)
        overhead = self.elapsed * 1000 - self._answered_after_ms
        return [
            Span("responseLatency", began, self._answered_after_ms),
            Span("responseDuration", answered, 0.0),
            Span("runtimeOverhead", answered, overhead),
        ]

    def _extension_spans(self) -> list[Span]:
        """How long extensions took after the runtime."""
        if self._host.session.extensions.all():
            began = int(self._began_at * 1000 + self._runtime_done_after_ms)
            return [Span("extensionOverhead", began, self.elapsed * 1000 - self._runtime_done_after_ms)]
        return []

    def _outcome(self, payload: bytes, error_type: str) -> Outcome:
        host = self._host
        duration = min(self.elapsed * 1000, host.function.timeout_seconds * 1000.0)
        return Outcome(
            payload=payload,
            executed_version=host.function.version,
            function_error=UNHANDLED if error_type else "",
            error_type=error_type,
            duration_ms=duration,
            billed_ms=platform_log.billed(duration, self._init_ms),
            init_ms=self._init_ms,
            max_memory_mb=host.peak_memory_mb,
            environment=host.identity,
        )

    def _send(self, outcome: Outcome) -> None:
        self._delivered = True
        self._deliver(outcome)


def _status(error_type: str) -> str:
    """`success`, `timeout`, `failure` (the sandbox's own) or `error` (AWS's supervisor, rapid/handlers.go)."""
    if not error_type:
        return platform_events.SUCCESS
    if error_type == failure.TIMED_OUT:
        return platform_events.TIMEOUT
    return platform_events.FAILURE if error_type.startswith("Sandbox.") else platform_events.ERROR
