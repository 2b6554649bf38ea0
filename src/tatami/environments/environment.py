"""
One execution environment: a sandbox, the runtime process in it, and its log.

Theory of operation. An environment outlives its runtime process: after a timeout or a crash the sandbox stays,
with its `/tmp`, and the runtime is started again together with the next invocation (AWS calls that a suppressed init:
its time counts into that invocation's duration, and no Init Duration is reported). The same way is taken when INIT
exceeds ten seconds. When INIT fails outright, the failure waits here for the invocation that caused the start,
which answers with it.

`invoke` has two ends: the client is answered as soon as the runtime has posted its answer, but the environment is idle
only when the runtime asks for the next event. A runtime that dies or hangs between the two has still answered.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from tatami.domain.invocation import UNHANDLED, FunctionVersion, Invocation, Outcome
from tatami.domain.lifecycle import RuntimeState
from tatami.environments import failure, platform_log
from tatami.environments.failure import Failure
from tatami.environments.log_collector import LogCollector
from tatami.environments.session import Answer, Event, RuntimeSession
from tatami.kit import ids
from tatami.kit.clock import Clock
from tatami.kit.tasks import Tasks, first_of
from tatami.ports.engine import EnvironmentLost
from tatami.ports.sandbox import ProcessSpec, RunningProcess, Sandbox

INIT_SECONDS = 10.0
"""Limit of the INIT phase before it is retried with the first invocation (developer guide, runtime environment)."""

MEGABYTE = 1024 * 1024

_NO_PROGRAM = {errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP, errno.EISDIR}
"""Why a program cannot be executed by its own fault; anything else is the machine's (no memory, no processes)."""

_FOUND_BY_THE_PLATFORM = {
    failure.EXIT_ERROR,
    failure.TIMED_OUT,
    failure.INVALID_ENTRYPOINT,
    "Runtime.TruncatedResponse",
    "Runtime.InvalidResponseModeHeader",
    "Function.ResponseSizeTooLarge",
}
"""Errors that REPORT names; it does not name an exception that the handler raised."""


class Door(Protocol):
    """The Runtime API's listener of one environment."""

    @property
    def address(self) -> str:
        """`host:port`, the value of `AWS_LAMBDA_RUNTIME_API`."""
        ...

    async def close(self) -> None:
        """Listen no more and end every connection."""
        ...


@dataclass(frozen=True)
class Parts:
    """What an environment is made of.

    process: how to start its runtime, or why that cannot be done. release: called when the environment has ended.
    """

    sandbox: Sandbox
    door: Door
    log: LogCollector
    process: ProcessSpec | Failure
    release: Callable[[], None]


class Environment:
    """Runs invocations of one function version, one at a time."""

    def __init__(self, identity: str, function: FunctionVersion, clock: Clock, tasks: Tasks) -> None:
        self.identity = identity
        self.function = function
        self.session = RuntimeSession()
        self.clock = clock
        self._tasks = tasks
        self._parts: Parts | None = None
        self._init_ms: float | None = None
        self._init_failure: Failure | None = None
        self._needs_init = True
        self._stopped = False
        self._peak_memory = 0

    def __repr__(self) -> str:
        return f"<Environment {self.identity} {self.function.name}:{self.function.version} {self.session.state.value}>"

    @property
    def parts(self) -> Parts:
        """What it is made of; set before it starts."""
        assert self._parts is not None, "the environment has no parts yet"
        return self._parts

    def equip(self, parts: Parts) -> None:
        """Give the environment its sandbox, door and log, which need its identity to be made."""
        self._parts = parts

    async def start(self, init_line: str = "") -> None:
        """Run the INIT phase. Never raises for the function's own failure: the first invocation reports it."""
        if init_line:
            self.parts.log.platform(init_line)
            self.parts.log.begin()
        began = self.clock.monotonic()
        problem = await self._boot(INIT_SECONDS)
        self._init_ms = (self.clock.monotonic() - began) * 1000
        if problem is None:
            return
        error_type = "" if problem.error_type == failure.TIMED_OUT else problem.error_type
        self.parts.log.platform(platform_log.init_report(self._init_ms, problem.status, error_type))
        if problem.error_type == failure.TIMED_OUT:
            self._init_ms = None  # retried with the first invocation, under the function's own timeout
        else:
            self._init_failure = problem

    async def invoke(self, invocation: Invocation, deliver: Callable[[Outcome], None]) -> None:
        """Run one invocation; see ports.engine.Engine.invoke."""
        if self.session.state is RuntimeState.EXITED and not self._needs_init:
            await self._reset()  # it ended while idle: its last words come before this invocation's START
        began = self.clock.monotonic()
        init_ms, self._init_ms = self._init_ms, None
        run = _Run(self, invocation, deliver, began, init_ms)
        self.parts.log.drain()  # what was printed before belongs before
        self.parts.log.platform(platform_log.start(invocation.request_id, self.function.version))
        problem, self._init_failure = self._init_failure, None
        if problem is None and self._needs_init:
            problem = await self._boot(self.function.timeout_seconds)
            if problem and problem.error_type == failure.TIMED_OUT:
                problem = failure.timed_out(self.function.timeout_seconds)
        if problem is None:
            problem = await self._converse(run)
        if problem is not None and not self._needs_init:
            await self._reset()
        if self._stopped:
            run.stopped()
        else:
            run.close(problem)
        self.parts.log.begin()

    async def shutdown(self) -> None:
        """SHUTDOWN. Without extensions AWS gives a runtime no time: it is killed."""
        self._stopped = True
        if self._parts is None:
            return
        await self.parts.sandbox.remove()
        self.parts.log.detach()
        await self.parts.door.close()
        self.parts.release()

    @property
    def peak_memory_mb(self) -> int:
        """Highest memory use of the present runtime process, or of the last one, as `sample_memory` saw it."""
        return -(-self._peak_memory // MEGABYTE)

    def sample_memory(self) -> None:
        """Look how much memory has been used. It costs system calls, so it is done once an invocation."""
        self._peak_memory = max(self._peak_memory, self.parts.sandbox.peak_memory_bytes())

    async def _boot(self, limit: float) -> Failure | None:
        """Start a runtime process and wait until its INIT is over; on failure the process is gone again."""
        if self._stopped:
            raise EnvironmentLost(f"The environment {self.identity} was stopped")
        process = self.parts.process
        if isinstance(process, Failure):
            return process
        session = self.session = RuntimeSession()
        try:
            running = await self.parts.sandbox.spawn(process)
        except OSError as refused:
            if refused.errno not in _NO_PROGRAM:
                raise EnvironmentLost(f"No process could be started: {refused}") from refused
            program = process.argv[0].rsplit("/", 1)[-1]
            text = f"fork/exec /var/task/{program}: {(refused.strerror or 'failed').lower()}"
            return failure.invalid_entrypoint(text)
        self._needs_init, self._peak_memory = False, 0
        self.parts.log.attach(running.output, running.frames)
        self._tasks.spawn(f"watch {self.identity}", _watch(running, session))
        await first_of(self.clock, limit, session.initialised)
        self.sample_memory()
        problem = _init_problem(session, limit)
        if problem is not None:
            await self._reset()
        return problem

    async def _converse(self, run: _Run) -> Failure | None:
        """Give the event to the runtime and wait until it is ready again."""
        session, timeout = self.session, float(self.function.timeout_seconds)
        left = timeout - (self.clock.monotonic() - run.began)
        if left <= 0:
            return failure.timed_out(timeout)
        invocation = replace(run.invocation, trace_id=_trace_id(run.invocation.trace_id, self.clock.now()))
        event = Event(invocation, int((self.clock.now() + left) * 1000), ids.hex_id(16))
        answered, settled = session.assign(event)
        await first_of(self.clock, left, answered, session.exited)
        if answered.done() and not answered.cancelled():
            run.answer(answered.result())
            left = timeout - (self.clock.monotonic() - run.began)
            await first_of(self.clock, max(left, 0.0), settled, session.exited)
            if settled.done() and not settled.cancelled():
                return None
        if session.exited.done():
            return failure.exited(session.exited.result())
        return failure.timed_out(timeout)

    async def _reset(self) -> None:
        """End every process; the sandbox and its `/tmp` stay."""
        self._needs_init = True
        self.sample_memory()
        await self.parts.sandbox.kill()
        self.parts.log.detach()


class _Run:
    """One invocation in progress: what is answered, logged and accounted."""

    def __init__(
        self,
        environment: Environment,
        invocation: Invocation,
        deliver: Callable[[Outcome], None],
        began: float,
        init_ms: float | None,
    ) -> None:
        self.invocation = invocation
        self.began = began
        self._environment = environment
        self._deliver = deliver
        self._init_ms = init_ms
        self._answer: Answer | None = None
        self._delivered = False

    def answer(self, answer: Answer) -> None:
        """The runtime has answered; unless the caller wants the log, that is delivered at once."""
        self._answer = answer
        if not self.invocation.log_tail:
            self._send(self._outcome(answer.payload, answer.error_type))

    def close(self, problem: Failure | None) -> None:
        """The runtime is ready again, or `problem` ended it: write END and REPORT, deliver what was not yet."""
        log = self._environment.parts.log
        log.drain()
        log.flush()
        self._environment.sample_memory()
        if self._answer is not None:
            outcome = self._outcome(self._answer.payload, self._answer.error_type)
        else:
            assert problem is not None, "an invocation ends with an answer or a failure"
            outcome = self._outcome(problem.payload(self.invocation.request_id), problem.error_type)
        status = problem.status if problem else ("error" if outcome.function_error else "")
        self._account(outcome, status, problem.error_type if problem else outcome.error_type)
        if not self._delivered:
            self._send(replace(outcome, log_tail=log.tail))

    def stopped(self) -> None:
        """The platform stopped the environment meanwhile. Raises EnvironmentLost unless the runtime had answered."""
        if self._answer is None:
            raise EnvironmentLost(f"The environment {self._environment.identity} was stopped")
        self.close(None)

    def _account(self, outcome: Outcome, status: str, error_type: str) -> None:
        log, function = self._environment.parts.log, self._environment.function
        shown = status if error_type in _FOUND_BY_THE_PLATFORM else ""
        log.platform(platform_log.end(self.invocation.request_id))
        log.platform(
            platform_log.report(
                self.invocation.request_id,
                outcome.duration_ms,
                self._init_ms,
                function.memory_mb,
                outcome.max_memory_mb,
                shown,
                error_type,
            )
        )

    def _outcome(self, payload: bytes, error_type: str) -> Outcome:
        environment = self._environment
        elapsed = (environment.clock.monotonic() - self.began) * 1000
        duration = min(elapsed, environment.function.timeout_seconds * 1000.0)
        return Outcome(
            payload=payload,
            executed_version=environment.function.version,
            function_error=UNHANDLED if error_type else "",
            error_type=error_type,
            duration_ms=duration,
            billed_ms=platform_log.billed(duration, self._init_ms),
            init_ms=self._init_ms,
            max_memory_mb=environment.peak_memory_mb,
            environment=environment.identity,
        )

    def _send(self, outcome: Outcome) -> None:
        self._delivered = True
        self._deliver(outcome)


def _trace_id(given: str, now: float) -> str:
    """The trace header for the runtime: the caller's, with a segment of ours as parent, or a new one not sampled."""
    fields = dict(field.strip().partition("=")[::2] for field in given.split(";") if "=" in field)
    root = fields.get("Root") or f"1-{int(now):08x}-{ids.hex_id(24)}"
    parent = fields.get("Parent") or ids.hex_id(16)
    lineage = fields.get("Lineage") or f"1:{ids.hex_id(8)}:0"
    return f"Root={root};Parent={parent};Sampled={fields.get('Sampled') or '0'};Lineage={lineage}"


def _init_problem(session: RuntimeSession, limit: float) -> Failure | None:
    if session.init_failure is not None:
        return Failure(session.init_failure.error_type, body=session.init_failure.payload)
    if session.exited.done():
        return failure.exited(session.exited.result())
    if not session.initialised.done():
        return failure.timed_out(limit)
    return None


async def _watch(process: RunningProcess, session: RuntimeSession) -> None:
    session.exit(await process.wait())
