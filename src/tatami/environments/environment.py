"""
One execution environment: a sandbox, the processes in it, and their log.

Theory of operation. INIT starts the external extensions, then the runtime, and is over when all of them wait for an
event. INVOKE is over when the runtime, and every extension that was told of it, has asked for the next one; between
invocations everything is frozen. SHUTDOWN is in tatami.environments.departure.

An environment outlives its processes: after a timeout or a crash the sandbox stays, with its `/tmp`, and everything is
started again together with the next invocation (AWS calls that a suppressed init: its time counts into that
invocation's duration, and no Init Duration is reported). The same way is taken when INIT exceeds ten seconds. When INIT
fails outright, the failure waits here for the invocation that caused the start, which answers with it.

`invoke` has two ends: the client is answered as soon as the runtime has posted its answer, but the environment is idle
only when the phase is over. A runtime that dies or hangs between the two has still answered.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.domain.lifecycle import RuntimeState
from tatami.environments import departure, failure, platform_events
from tatami.environments.extensions import MOST_EXTENSIONS, Extensions
from tatami.environments.failure import Failure
from tatami.environments.log_collector import LogCollector
from tatami.environments.log_form import JSON
from tatami.environments.parts import ExtensionProgram, Parts
from tatami.environments.platform_events import PlatformEvent
from tatami.environments.run import Run
from tatami.environments.session import Event, FunctionFacts, RuntimeSession
from tatami.environments.telemetry import KINDS, Subscription, Telemetry
from tatami.kit import ids
from tatami.kit.clock import Clock
from tatami.kit.tasks import Tasks, first_of
from tatami.ports.engine import EnvironmentLost, ResponseSink
from tatami.ports.sandbox import ProcessSpec, RunningProcess
from tatami.ports.telemetry import LogEvent

INIT_SECONDS = 10.0
"""Limit of the INIT phase before it is retried with the first invocation (developer guide, runtime environment)."""

MEGABYTE = 1024 * 1024

_NO_PROGRAM = {errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP, errno.EISDIR}
"""Why a program cannot be executed by its own fault; anything else is the machine's (no memory, no processes)."""


class Environment:
    """Runs invocations of one function version, one at a time."""

    def __init__(self, identity: str, function: FunctionVersion, clock: Clock, tasks: Tasks) -> None:
        self.identity = identity
        self.function = function
        self.clock = clock
        self._tasks = tasks
        self._parts: Parts | None = None
        self._init_ms: float | None = None
        self._init_failure: Failure | None = None
        self._needs_init = True
        self._booted_before = False
        self._stopped = False
        self._peak_memory = 0
        self._processes: dict[str, RunningProcess] = {}
        self._extension_logs: list[LogCollector] = []
        self.session = self._new_session(())

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
        parts.log.listen(self._function_printed)

    async def start(self) -> None:
        """Run the INIT phase. Never raises for the function's own failure: the first invocation reports it."""
        began = self.clock.monotonic()
        self.parts.sandbox.boost(True)
        problem = await self._boot(INIT_SECONDS, platform_events.PHASE_INIT)
        self.parts.sandbox.boost(False)
        self._init_ms = (self.clock.monotonic() - began) * 1000
        if problem is None:
            await self.parts.sandbox.freeze()
        elif problem.error_type == failure.TIMED_OUT:
            self._init_ms = None  # retried with the first invocation, under the function's own timeout
        else:
            self._init_failure = problem

    async def invoke(
        self, invocation: Invocation, deliver: Callable[[Outcome], None], sink: ResponseSink | None = None
    ) -> None:
        """Run one invocation; see ports.engine.Engine.invoke."""
        await self.parts.sandbox.thaw()
        dead = self.session.state is RuntimeState.EXITED or self.session.extensions.failed.done()
        if dead and not self._needs_init:
            await self._reset(departure.FAILURE)  # it ended while idle: its last words come before START
        init_ms, self._init_ms = self._init_ms, None
        traced = replace(invocation, trace_id=_trace_id(invocation.trace_id, self.clock.now()))
        run = Run(self, traced, deliver, init_ms)
        problem, self._init_failure = self._init_failure, None
        if problem is None and self._needs_init:
            problem = await self._boot(self.function.timeout_seconds, platform_events.PHASE_INVOKE)
            if problem and problem.error_type == failure.TIMED_OUT:
                problem = failure.timed_out(self.function.timeout_seconds)
        self.parts.log.drain()  # what was printed before belongs before
        run.start()  # after a suppressed init, as AWS has it
        if problem is None:
            problem = await self._converse(run, sink)
        if problem is not None and not self._needs_init and not self._stopped:
            run.runtime_done(problem)
            await self._reset(_reason(problem))
        if self._stopped:
            run.stopped()
        else:
            run.close(problem)
        self.parts.log.begin()
        if not self._needs_init and not self._stopped:
            await self.parts.sandbox.freeze()

    async def shutdown(self) -> None:
        """SHUTDOWN: extensions are told and get their time, then nothing is left."""
        self._stopped = True
        if self._parts is None:
            return
        await self.parts.sandbox.thaw()
        await self._depart(departure.SPINDOWN)
        await self.parts.door.close()  # before `remove`: its socket may belong to the sandbox's network
        await self.parts.sandbox.remove()
        self._detach()
        self.parts.release()

    @property
    def peak_memory_mb(self) -> int:
        """Highest memory use of the present processes, or of the last ones, as `sample_memory` saw it."""
        return -(-self._peak_memory // MEGABYTE)

    def sample_memory(self) -> None:
        """Look how much memory has been used. It costs system calls, so it is done once an invocation."""
        self._peak_memory = max(self._peak_memory, self.parts.sandbox.peak_memory_bytes())

    def announce(self, event: PlatformEvent) -> None:
        """Something of the platform's own happened: it goes into the log and to whoever subscribed to telemetry."""
        self.parts.log.platform(event)
        if self.session.telemetry.listens:
            self.session.telemetry.publish("platform", event.item(int(self.clock.now() * 1000)))

    # INIT

    async def _boot(self, limit: float, phase: str) -> Failure | None:
        """Start extensions and runtime and wait until INIT is over; on failure every process is gone again."""
        if self._stopped:
            raise EnvironmentLost(f"The environment {self.identity} was stopped")
        began = self.clock.monotonic()
        self.session = self._new_session(program.name for program in self.parts.extensions)
        self._announce_init(phase)
        if phase == platform_events.PHASE_INIT:
            self.parts.log.begin()  # the end of the log that an invocation returns is about the function
        process = self.parts.process
        if isinstance(process, Failure):
            self._report_init(process, began, phase, False)
            return process
        self._needs_init, self._peak_memory = False, 0
        problem = await self._start_extensions(began + limit)
        if has_runtime := problem is None:
            problem = await self._start_runtime(process, began + limit)
        if problem is None and not self._is_ready():
            problem = failure.timed_out(limit)
        self.sample_memory()
        self._report_init(problem, began, phase, has_runtime)
        if problem is not None and not self._stopped:
            await self._reset(_reason(problem))
        return problem

    async def _start_extensions(self, deadline: float) -> Failure | None:
        """Start the programs in `/opt/extensions` and wait until each has registered."""
        session = self.session
        for number, program in enumerate(self.parts.extensions):
            if number == MOST_EXTENSIONS:
                session.extensions.cannot_start(program.name, "TooManyExtensions", "ErrTooManyExtensions")
            else:
                await self._start_extension(program)
            if session.extensions.failed.done():
                break
        registered = session.extensions.registered()
        await self._until(deadline, registered, session.extensions.failed)
        if session.extensions.failed.done():
            return session.extensions.failed.result()
        return None if registered.done() else failure.timed_out(INIT_SECONDS)

    async def _start_extension(self, program: ExtensionProgram) -> None:
        extensions = self.session.extensions
        try:
            running = await self._spawn(program.process)
        except OSError as refused:
            kind = "PermissionDenied" if refused.errno == errno.EACCES else "UnknownError"
            text = f"fork/exec /opt/extensions/{program.name}: {(refused.strerror or 'failed').lower()}"
            extensions.cannot_start(program.name, kind, text)
            return
        self._processes[program.name] = running
        log = self.parts.extension_log()
        log.listen(self._extension_printed)
        log.attach(running.output, running.frames)
        self._extension_logs.append(log)
        self._tasks.spawn(f"watch extension {program.name}", _watch_extension(program.name, running, extensions))

    async def _start_runtime(self, process: ProcessSpec, deadline: float) -> Failure | None:
        session = self.session
        try:
            running = await self._spawn(process)
        except OSError as refused:
            program = process.argv[0].rsplit("/", 1)[-1]
            text = f"fork/exec /var/task/{program}: {(refused.strerror or 'failed').lower()}"
            return failure.invalid_entrypoint(text)
        self._processes[""] = running
        self.parts.log.attach(running.output, running.frames)
        self._tasks.spawn(f"watch {self.identity}", _watch(running, session))
        await self._until(deadline, session.initialised, session.extensions.failed)
        problem = _init_problem(session)
        if problem is None and session.initialised.done():
            await self._until(deadline, session.extensions.ready(), session.extensions.failed, session.exited)
            problem = _init_problem(session)
        session.telemetry.close_subscription()
        return problem

    async def _spawn(self, process: ProcessSpec) -> RunningProcess:
        """Raises OSError for the program's own fault, EnvironmentLost for the machine's or after a stop."""
        if self._stopped:
            raise EnvironmentLost(f"The environment {self.identity} was stopped")
        try:
            return await self.parts.sandbox.spawn(process)
        except OSError as refused:
            if refused.errno not in _NO_PROGRAM:
                raise EnvironmentLost(f"No process could be started: {refused}") from refused
            raise

    def _is_ready(self) -> bool:
        return self.session.initialised.done() and self.session.extensions.ready().done()

    def _announce_init(self, phase: str) -> None:
        version, arn = self.parts.runtime_version, self.parts.runtime_version_arn
        self.announce(platform_events.init_start(self.function, version, arn, phase=phase, instance=self.identity))

    def _report_init(self, problem: Failure | None, began: float, phase: str, has_runtime: bool) -> None:
        """In the order of AWS's supervisor. has_runtime: whether it came to the runtime."""
        status = platform_events.SUCCESS if problem is None else problem.status
        timed_out = problem is None or problem.error_type == failure.TIMED_OUT
        error_type = "" if timed_out or problem is None else problem.error_type
        self.parts.log.drain()  # what was printed in INIT belongs before its report
        if has_runtime:
            self.announce(platform_events.init_runtime_done(status, error_type=error_type, phase=phase))
        for extension in self.session.extensions.known():
            state, events = extension.state.value, sorted(extension.events)
            self.announce(platform_events.extension(extension.name, state, events, extension.error_type))
        duration = (self.clock.monotonic() - began) * 1000
        self.announce(platform_events.init_report(duration, status, error_type=error_type, phase=phase))

    # INVOKE

    async def _converse(self, run: Run, sink: ResponseSink | None) -> Failure | None:
        """Give the event to the runtime and the extensions and wait until all of them are ready again."""
        session, timeout = self.session, float(self.function.timeout_seconds)
        deadline, left = run.began + timeout, timeout - run.elapsed
        if left <= 0:
            return failure.timed_out(timeout)
        event = Event(run.invocation, int((self.clock.now() + left) * 1000), ids.hex_id(16), sink)
        answered, settled = session.assign(event)
        told = session.extensions.invoke(_extension_event(event))
        await self._until(deadline, answered, session.exited, session.extensions.failed)
        if _has_result(answered):
            run.answer(answered.result())
            await self._until(deadline, settled, session.exited, session.extensions.failed)
            if _has_result(settled):
                run.runtime_done(None)
                await self._until(deadline, told, session.exited, session.extensions.failed)
                if told.done() and not session.extensions.failed.done():  # who has failed is not waited for either
                    return None
        if session.extensions.failed.done():
            return session.extensions.failed.result()
        if session.exited.done():
            return failure.exited(session.exited.result())
        return failure.timed_out(timeout)

    # The end of the processes

    async def _reset(self, reason: str) -> None:
        """End every process; the sandbox and its `/tmp` stay."""
        self._needs_init = True
        self.sample_memory()
        await self._depart(reason)
        await self.parts.sandbox.kill()
        self._detach()

    async def _depart(self, reason: str) -> None:
        runtime = self._processes.pop("", None)
        extensions, self._processes = self._processes, {}
        await departure.depart(self.session, runtime, extensions, reason, self.clock)
        self.session.telemetry.end()

    def _detach(self) -> None:
        self.parts.log.detach()
        while self._extension_logs:
            self._extension_logs.pop().detach()

    # Small parts

    def _new_session(self, external: Any) -> RuntimeSession:
        facts = FunctionFacts(self.function.account, self.function.name, self.function.version, self.function.handler)
        telemetry = Telemetry(self.clock, self._tasks, self._connect, self.function.log_format == JSON)
        return RuntimeSession(Extensions(external), telemetry, facts, self._subscribed)

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self.parts.sandbox.connect(port)

    def _subscribed(self, subscription: Subscription) -> None:
        name, kinds = subscription.name, [kind for kind in KINDS if kind in subscription.kinds]
        words = (
            platform_events.logs_subscription if subscription.is_logs_api else platform_events.telemetry_subscription
        )
        self.announce(words(name, "Subscribed", kinds))

    def _function_printed(self, events: list[LogEvent]) -> None:
        self._publish_lines("function", events)

    def _extension_printed(self, events: list[LogEvent]) -> None:
        self._publish_lines("extension", events)

    def _publish_lines(self, kind: str, events: list[LogEvent]) -> None:
        if not self.session.telemetry.listens:
            return
        for event in events:
            time = platform_events.instant(event.timestamp_ms)
            self.session.telemetry.publish(kind, {"time": time, "type": kind, "record": event.message})

    async def _until(self, deadline: float, *futures: asyncio.Future[Any]) -> None:
        """Wait for the first of `futures`, or for the moment `deadline` of the monotonic clock."""
        if not any(future.done() for future in futures):
            await first_of(self.clock, max(deadline - self.clock.monotonic(), 0.0), *futures)


def _extension_event(event: Event) -> dict[str, Any]:
    """What an extension is told of an invocation: never its payload."""
    return {
        "eventType": "INVOKE",
        "deadlineMs": event.deadline_ms,
        "requestId": event.invocation.request_id,
        "invokedFunctionArn": event.invocation.invoked_arn,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": event.invocation.trace_id},
    }


def _reason(problem: Failure) -> str:
    """What extensions are told of a reset."""
    return departure.TIMEOUT if problem.error_type == failure.TIMED_OUT else departure.FAILURE


def _has_result(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled()


def _trace_id(given: str, now: float) -> str:
    """The trace header for the runtime: the caller's, with a segment of ours as parent, or a new one not sampled."""
    fields = dict(field.strip().partition("=")[::2] for field in given.split(";") if "=" in field)
    root = fields.get("Root") or f"1-{int(now):08x}-{ids.hex_id(24)}"
    parent = fields.get("Parent") or ids.hex_id(16)
    lineage = fields.get("Lineage") or f"1:{ids.hex_id(8)}:0"
    return f"Root={root};Parent={parent};Sampled={fields.get('Sampled') or '0'};Lineage={lineage}"


def _init_problem(session: RuntimeSession) -> Failure | None:
    """Why INIT has failed, if it has."""
    if session.extensions.failed.done():
        return session.extensions.failed.result()
    if session.init_failure is not None:
        return Failure(session.init_failure.error_type, body=session.init_failure.payload)
    if session.exited.done():
        return failure.exited(session.exited.result())
    return None


async def _watch(process: RunningProcess, session: RuntimeSession) -> None:
    session.exit(await process.wait())


async def _watch_extension(name: str, process: RunningProcess, extensions: Extensions) -> None:
    extensions.exited(name, await process.wait())
