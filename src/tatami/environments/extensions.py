"""
The extensions of one boot, as the Extensions API sees them.

An external extension is a program in `/opt/extensions`, known by its file name before it registers; anything else
that registers runs inside the runtime and is an internal one. Who must be waited for when: INIT is over when every
external extension has registered and every registered one has asked for its first event; an invocation is over when
every extension that was told of it has asked for the next event. Registration closes with the runtime's first question.

Rules and texts: AWS Lambda developer guide, "Extensions API"; aws/aws-lambda-runtime-interface-emulator, rapi/handler.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from tatami.environments.failure import Failure, ending
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.kit import ids
from tatami.ports.sandbox import Exit

MOST_EXTENSIONS = 10
INVOKE = "INVOKE"
SHUTDOWN = "SHUTDOWN"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class ExtensionState(Enum):
    """Where an extension stands; the values are those of `platform.extension` events."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    EXITED = "Exited"
    LAUNCH_ERROR = "LaunchError"


_FAILED = {ExtensionState.INIT_ERROR, ExtensionState.EXIT_ERROR, ExtensionState.LAUNCH_ERROR}


class Extension:
    """One extension: an external one from its start on, an internal one from its registration on.

    events: what it wants to be told of. error_type: what it reported, or why it could not be started; "" without.
    gone: whether its process has ended.
    """

    def __init__(self, name: str, internal: bool) -> None:
        self.name = name
        self.identifier = ids.request_id()
        self.events: tuple[str, ...] = ()
        self.internal = internal
        self.state = ExtensionState.STARTED
        self.error_type = ""
        self.gone = False
        self._pending: deque[Mapping[str, Any]] = deque()
        self._asked: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Extension {self.name} {self.state.value} {sorted(self.events)}>"

    @property
    def is_over(self) -> bool:
        """Whether it will never ask again."""
        return self.gone or self.state in _FAILED

    def tell(self, event: Mapping[str, Any]) -> None:
        """Give it an event, which its present or next question takes."""
        self._pending.append(event)
        if self.state is ExtensionState.READY:
            self.state = ExtensionState.RUNNING
        if self._asked and not self._asked.done():
            self._asked.set_result(None)

    @property
    def is_owed(self) -> bool:
        """Whether there is an event that it has not taken yet."""
        return bool(self._pending)

    async def ask(self) -> Mapping[str, Any]:
        """Wait for an event. A question whose connection breaks takes nothing."""
        while not self._pending:
            self._asked = asyncio.get_running_loop().create_future()
            await self._asked
        self.state = ExtensionState.RUNNING
        return self._pending.popleft()


class Extensions:
    """Every extension of one boot. external: file names of the programs that are started.

    changed: called after anything that may end a wait, or that a `platform.extension` event tells of.
    """

    def __init__(self, external: Iterable[str] = ()) -> None:
        self._known = {name: Extension(name, internal=False) for name in external}
        self._closed = False
        self._leaving = False
        self._waiting: list[tuple[asyncio.Future[None], str]] = []
        self.failed: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()
        """Done when an extension has reported an error or died; the environment must be reset."""

    def __repr__(self) -> str:
        return f"<Extensions {self.known()}>"

    def known(self) -> list[Extension]:
        """Every external one, registered or not, and the internal ones."""
        return list(self._known.values())

    def all(self) -> list[Extension]:
        """Those registered."""
        never = {ExtensionState.STARTED, ExtensionState.LAUNCH_ERROR}
        return [extension for extension in self.known() if extension.state not in never]

    # What the environment does.

    def registered(self) -> asyncio.Future[None]:
        """Done when every external extension has registered."""
        return self._when("registered")

    def ready(self) -> asyncio.Future[None]:
        """Done when every extension waits for an event."""
        return self._when("ready")

    def invoke(self, event: Mapping[str, Any]) -> asyncio.Future[None]:
        """Tell those who want to know of an invocation; done when each has asked again."""
        for extension in self.all():
            if INVOKE in extension.events and not extension.is_over:
                extension.tell(event)
        return self.ready()

    def leave(self, event: Mapping[str, Any]) -> list[str]:
        """Tell of SHUTDOWN, once; returns the names of the external ones that were told and may still work."""
        told = [e for e in self.all() if SHUTDOWN in e.events and not e.internal and not e.is_over]
        for extension in told:
            if not self._leaving:
                extension.tell(event)
        self._leaving = True
        return [extension.name for extension in told]

    def close_registration(self) -> None:
        """The runtime has asked for its first event."""
        self._closed = True

    def exited(self, name: str, how: Exit) -> None:
        """The process of an external extension has ended."""
        extension = self._known[name]
        extension.gone = True
        if self._leaving:
            extension.state = ExtensionState.EXITED
        else:
            self._fail(Failure("Extension.Crash", ending(how) or "exit code 0"))
        self._look()

    def cannot_start(self, name: str, error_type: str, text: str) -> None:
        """An external one was not started. error_type: `PermissionDenied`, `TooManyExtensions`, `UnknownError`."""
        extension = self._known[name]
        extension.state, extension.error_type = ExtensionState.LAUNCH_ERROR, error_type
        self._fail(Failure("Extension.LaunchError", text))

    # What extensions do.

    def register(self, name: str, events: Iterable[str]) -> Extension:
        """`POST /extension/register`. Raises RuntimeApiRefusal."""
        extension, wanted = self._known.get(name), tuple(dict.fromkeys(events))
        internal = extension is None or extension.internal
        for event in wanted:
            if event not in {INVOKE, SHUTDOWN}:
                raise refused("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
            if event == SHUTDOWN and internal:
                raise refused("Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension")
        if internal:
            extension = self._new_internal(name)
        assert extension is not None, "an external extension is known from the beginning"
        if extension.state is not ExtensionState.STARTED or extension.gone:
            raise _not_allowed(extension, ExtensionState.REGISTERED, name)
        extension.state, extension.events = ExtensionState.REGISTERED, wanted
        self._look()
        return extension

    def _new_internal(self, name: str) -> Extension:
        if self._closed:
            raise refused("Extension.RegistrationClosed", "Extension registration closed already")
        if len(self._known) >= MOST_EXTENSIONS:
            raise refused("Extension.TooManyExtensions", f"Extension limit ({MOST_EXTENSIONS}) reached")
        if name in self._known:
            raise refused("Extension.InvalidExtensionState", "Extension with this name already registered")
        extension = self._known[name] = Extension(name, internal=True)
        return extension

    def identified(self, identifier: str) -> Extension:
        """The extension with this `Lambda-Extension-Identifier`. Raises RuntimeApiRefusal."""
        if not identifier:
            raise refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        for extension in self.all():
            if extension.identifier == identifier.lower():
                return extension
        if not _UUID.fullmatch(identifier):
            raise refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        raise refused("Extension.UnknownExtensionIdentifier", "Unknown extension " + identifier)

    async def next(self, extension: Extension) -> Mapping[str, Any]:
        """`GET /extension/event/next`."""
        if extension.is_over:
            raise _not_allowed(extension, ExtensionState.READY, extension.identifier)
        if not extension.is_owed:  # else it asks again for what its broken connection did not bring
            extension.state = ExtensionState.READY
            self._look()
        return await extension.ask()

    def report(self, extension: Extension, phase: str, error_type: str) -> None:
        """`POST /extension/init/error` and `/extension/exit/error`. phase: `Init` or `Exit`. Only the first counts."""
        wanted = ExtensionState.INIT_ERROR if phase == "Init" else ExtensionState.EXIT_ERROR
        if extension.state is wanted:
            return
        too_late = phase == "Init" and extension.state is not ExtensionState.REGISTERED
        if extension.is_over or too_late:
            raise _not_allowed(extension, wanted, extension.identifier)
        extension.state, extension.error_type = wanted, error_type
        self._fail(Failure(f"Extension.{phase}Error", error_type))
        self._look()

    def _fail(self, problem: Failure) -> None:
        if not self.failed.done():
            self.failed.set_result(problem)

    def _when(self, what: str) -> asyncio.Future[None]:
        wait: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wait, what))
        self._look()
        return wait

    def _look(self) -> None:
        """End the waits whose moment has come."""
        registered = not any(one.state is ExtensionState.STARTED for one in self.known())
        over = {"registered": registered, "ready": registered and all(_is_quiet(one) for one in self.all())}
        for wait, what in self._waiting:
            if over[what] and not wait.done():
                wait.set_result(None)
        self._waiting = [(wait, what) for wait, what in self._waiting if not wait.done()]


def _is_quiet(extension: Extension) -> bool:
    return extension.state is ExtensionState.READY or extension.is_over


def _not_allowed(extension: Extension, wanted: ExtensionState, shown: str) -> RuntimeApiRefusal:
    transition = f"State transition from {extension.state.value} to {wanted.value} failed for extension {shown}."
    return refused("Extension.InvalidExtensionState", f"{transition} Error: State transition is not allowed")


def refused(error_type: str, message: str) -> RuntimeApiRefusal:
    """Most refusals of the Extensions API have status 403."""
    return RuntimeApiRefusal(403, error_type, message)
