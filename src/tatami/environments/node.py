"""One machine's environments: what they are made of, and how one is made."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tatami.domain.invocation import FunctionVersion
from tatami.environments import failure, platform_log
from tatami.environments.environment import Door, Environment, Parts
from tatami.environments.failure import Failure
from tatami.environments.launch import InvalidEntrypoint, RuntimeFolders, command
from tatami.environments.log_collector import LogCollector
from tatami.environments.packages import Packages
from tatami.environments.session import RuntimeSession
from tatami.environments.variables import Credentials, Surroundings, for_runtime
from tatami.kit import ids
from tatami.kit.clock import Clock
from tatami.kit.tasks import Tasks
from tatami.ports.engine import EnvironmentLost
from tatami.ports.runtimes import RuntimeCatalog, RuntimeChoice
from tatami.ports.sandbox import ProcessSpec, SandboxProvider, SandboxSpec
from tatami.ports.telemetry import LogSink


class Doors(Protocol):
    """Opens the Runtime API's listener for an environment."""

    async def open(self, session: Callable[[], RuntimeSession]) -> Door:
        """Listen for one environment; `session` gives its current runtime session."""
        ...


class CredentialIssuer(Protocol):
    """Gives functions the credentials of their execution role."""

    def issue(self, function: FunctionVersion) -> Credentials:
        """Session credentials for one environment of `function`."""
        ...

    def revoke(self, credentials: Credentials) -> None:
        """End them with the environment."""
        ...


@dataclass(frozen=True)
class Node:
    """Everything of this machine that environments need. endpoint: the platform's URL for functions' own clients."""

    packages: Packages
    sandboxes: SandboxProvider
    doors: Doors
    runtimes: RuntimeCatalog
    folders: RuntimeFolders
    credentials: CredentialIssuer
    logs: LogSink
    clock: Clock
    tasks: Tasks
    endpoint: Callable[[], str]

    async def make(self, function: FunctionVersion) -> Environment:
        """An environment of `function` that has run its INIT phase. Raises PackageUnusable, EnvironmentLost."""
        choice = self.runtimes.resolve(function.runtime)
        if choice is None:
            raise EnvironmentLost(f"The runtime {function.runtime} is no longer on this machine")
        package = await self.packages.folder(function.code)
        identity = ids.hex_id(32)
        environment = Environment(identity, function, self.clock, self.tasks)
        spec = SandboxSpec(identity, package, function.memory_mb, function.ephemeral_mb)
        stream = _log_stream(self.clock.now(), function.version, identity)
        async with AsyncExitStack() as undo:
            try:
                sandbox = await self.sandboxes.create(spec)
                undo.push_async_callback(sandbox.remove)
                door = await self.doors.open(lambda: environment.session)
                undo.push_async_callback(door.close)
            except OSError as refused:
                raise EnvironmentLost(f"No sandbox or no Runtime API could be made: {refused}") from refused
            credentials = self.credentials.issue(function)
            release = partial(self.credentials.revoke, credentials)
            undo.callback(release)
            process = self._process(function, choice, spec, sandbox.temporary, door.address, stream, credentials)
            environment.equip(Parts(sandbox, door, self._log(function, stream), process, release))
            undo.pop_all()
        try:
            await environment.start(_init_line(function, choice))
        except BaseException:  # cancelled too: whoever gives up a start leaves no process behind
            await environment.shutdown()
            raise
        return environment

    def _log(self, function: FunctionVersion, stream: str) -> LogCollector:
        account, region, group = function.account, function.region, function.log_group
        return LogCollector(self.clock, lambda events: self.logs.write(account, region, group, stream, events))

    def _process(
        self,
        function: FunctionVersion,
        choice: RuntimeChoice,
        spec: SandboxSpec,
        temporary: str,
        runtime_api: str,
        stream: str,
        credentials: Credentials,
    ) -> ProcessSpec | Failure:
        task_root = self.sandboxes.task_root(spec)
        wrapper = function.variables.get("AWS_LAMBDA_EXEC_WRAPPER", "")
        try:
            arguments = command(choice, self.folders, spec.task_root, task_root, wrapper)
        except InvalidEntrypoint as missing:
            return failure.invalid_entrypoint(str(missing))
        surroundings = Surroundings(
            runtime_api=runtime_api,
            log_stream=stream,
            task_root=task_root,
            runtime_folder=str(self.folders.of(choice)),
            endpoint=self.endpoint(),
            temporary=temporary,
        )
        variables = for_runtime(function, credentials, surroundings)
        return ProcessSpec(arguments, variables, framed=choice.executable is not None)


def _init_line(function: FunctionVersion, choice: RuntimeChoice) -> str:
    """INIT_START, for the runtimes whose version the platform knows; it names what really runs."""
    if choice.executable is None:
        return ""
    language = "python" if choice.runs_as.startswith("python") else "nodejs"
    version = f"{language}:{choice.version}"
    if choice.is_fallback:
        version += f" (fallback: {choice.runtime} is not on this machine)"
    return platform_log.init_start(version, runtime_version_arn(function.region, choice))


def runtime_version_arn(region: str, choice: RuntimeChoice) -> str:
    """The ARN that stands for an interpreter of this machine."""
    digest = hashlib.sha256(f"{choice.runs_as}:{choice.version}".encode()).hexdigest()
    return f"arn:aws:lambda:{region}::runtime:{digest}"


def _log_stream(now: float, version: str, identity: str) -> str:
    """`YYYY/MM/DD/[version]id`, as AWS names the stream of an environment."""
    day = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return f"{day:%Y/%m/%d}/[{version}]{identity}"
