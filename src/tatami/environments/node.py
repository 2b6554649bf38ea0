"""One machine's environments: what they are made of, and how one is made."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import Protocol

from tatami.domain.arn import runtime_version_arn
from tatami.domain.invocation import FunctionVersion
from tatami.environments import failure
from tatami.environments.environment import Environment
from tatami.environments.failure import Failure
from tatami.environments.launch import (
    Fit,
    InvalidEntrypoint,
    RuntimeFolders,
    command,
    extension_programs,
    files_of_interpreter,
    language,
)
from tatami.environments.log_collector import LogCollector
from tatami.environments.log_form import LogForm
from tatami.environments.packages import Packages
from tatami.environments.parts import Door, ExtensionProgram, Parts
from tatami.environments.session import RuntimeSession
from tatami.environments.variables import Credentials, Surroundings, for_extension, for_runtime
from tatami.kit import ids
from tatami.kit.clock import Clock
from tatami.kit.tasks import Tasks
from tatami.ports.engine import EnvironmentLost
from tatami.ports.runtimes import RuntimeCatalog, RuntimeChoice
from tatami.ports.sandbox import ProcessSpec, ReadOnlyMount, Sandbox, SandboxProvider, SandboxSpec
from tatami.ports.telemetry import LogSink

RUNTIME_ROOT = "/var/runtime"
"""Where the runtime client is shown, as on AWS."""

SDK_ROOT = "/var/sdk"


class Doors(Protocol):
    """Opens the Runtime API's listener for an environment."""

    async def open(self, session: Callable[[], RuntimeSession], inside: tuple[socket, str] | None) -> Door:
        """Listen for one environment; `session` gives its current runtime session.

        inside: a listening socket in the sandbox's own network and its address there; None where it has none.
        """
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
        package, layers = await self.unpacked(function)
        identity = ids.hex_id(32)
        environment = Environment(identity, function, self.clock, self.tasks)
        spec = self._spec(function, choice, identity, package, layers)
        async with AsyncExitStack() as undo:
            try:
                sandbox = await self.sandboxes.create(spec)
                undo.push_async_callback(sandbox.remove)
                door = await self.doors.open(lambda: environment.session, sandbox.take_listener())
                undo.push_async_callback(door.close)
            except OSError as refused:
                raise EnvironmentLost(f"No sandbox or no Runtime API could be made: {refused}") from refused
            credentials = self.credentials.issue(function)
            release = partial(self.credentials.revoke, credentials)
            undo.callback(release)
            environment.equip(self._parts(function, choice, spec, sandbox, door, credentials, release))
            undo.pop_all()
        try:
            await environment.start()
        except BaseException:  # cancelled too: whoever gives up a start leaves no process behind
            await environment.shutdown()
            raise
        return environment

    def _spec(
        self, function: FunctionVersion, choice: RuntimeChoice, identity: str, package: Path, layers: Path | None
    ) -> SandboxSpec:
        mounts = [ReadOnlyMount(path, str(path)) for path in files_of_interpreter(choice)]
        if choice.executable is not None:
            mounts.append(ReadOnlyMount(self.folders.of(choice), RUNTIME_ROOT))
        if language(choice) == "python":
            mounts.append(ReadOnlyMount(self.folders.python_sdk, SDK_ROOT, links=True))
        return SandboxSpec(
            environment=identity,
            task_root=package,
            memory_mb=function.memory_mb,
            ephemeral_mb=function.ephemeral_mb,
            layers_root=layers,
            interpreter=choice.executable,
            mounts=tuple(mounts),
        )

    def _inside(self, choice: RuntimeChoice, spec: SandboxSpec) -> tuple[RuntimeChoice, RuntimeFolders]:
        """The interpreter and the runtime clients' folders as they are seen from inside."""
        if choice.executable is None:
            return choice, self.folders
        client = Path(self.sandboxes.seen(ReadOnlyMount(self.folders.of(choice), RUNTIME_ROOT)))
        sdk = Path(self.sandboxes.seen(ReadOnlyMount(self.folders.python_sdk, SDK_ROOT, links=True)))
        folders = RuntimeFolders(python=client, node=client, python_sdk=sdk, ruby=client, java=client)
        return replace(choice, executable=Path(self.sandboxes.interpreter(spec))), folders

    async def unpacked(self, function: FunctionVersion) -> tuple[Path, Path | None]:
        """The folders of its code and of its merged layers, if it has any. Raises PackageUnusable."""
        return await self.packages.folder(function.code), await self.packages.merged(function.layers)

    def _parts(
        self,
        function: FunctionVersion,
        choice: RuntimeChoice,
        spec: SandboxSpec,
        sandbox: Sandbox,
        door: Door,
        credentials: Credentials,
        release: Callable[[], None],
    ) -> Parts:
        stream = _log_stream(self.clock.now(), function.version, spec.environment)
        choice, folders = self._inside(choice, spec)
        surroundings = Surroundings(
            runtime_api=door.address,
            log_stream=stream,
            task_root=self.sandboxes.task_root(spec),
            runtime_folder=str(folders.of(choice)) if choice.executable else RUNTIME_ROOT,
            endpoint=self.endpoint(),
            temporary=sandbox.temporary,
            opt=self.sandboxes.layers_root(spec),
        )
        variables = for_runtime(function, credentials, surroundings)
        programs = extension_programs(spec.layers_root, self.sandboxes.layers_root(spec))
        log = partial(self._log, function, stream)
        form = LogForm.of(function)
        return Parts(
            sandbox=sandbox,
            door=door,
            log=log(form),
            process=self._process(function, choice, folders, spec, sandbox.temporary, variables),
            release=release,
            extension_log=log,
            extensions=tuple(
                ExtensionProgram(name, ProcessSpec([path], for_extension(variables))) for name, path in programs
            ),
            runtime_version=_runtime_version(choice),
            runtime_version_arn=runtime_version_arn(function.region, choice.runs_as, choice.version),
        )

    def _log(self, function: FunctionVersion, stream: str, form: LogForm | None = None) -> LogCollector:
        account, region, group = function.account, function.region, function.log_group
        return LogCollector(self.clock, lambda events: self.logs.write(account, region, group, stream, events), form)

    def _process(
        self,
        function: FunctionVersion,
        choice: RuntimeChoice,
        folders: RuntimeFolders,
        spec: SandboxSpec,
        temporary: str,
        variables: Mapping[str, str],
    ) -> ProcessSpec | Failure:
        fit = Fit(
            memory_mb=function.memory_mb,
            handler=function.handler,
            temporary=temporary,
            tool_options=function.variables.get("JAVA_TOOL_OPTIONS", ""),
            wrapper=function.variables.get("AWS_LAMBDA_EXEC_WRAPPER", ""),
            layers=spec.layers_root,
            opt=self.sandboxes.layers_root(spec),
        )
        try:
            arguments = command(choice, folders, spec.task_root, self.sandboxes.task_root(spec), fit)
        except InvalidEntrypoint as missing:
            return failure.invalid_entrypoint(str(missing))
        return ProcessSpec(arguments, variables, framed=choice.executable is not None)


def _runtime_version(choice: RuntimeChoice) -> str:
    """As INIT_START names it, for the runtimes whose version the platform knows; it names what really runs."""
    if choice.executable is None:
        return ""
    version = f"{language(choice)}:{choice.version}"
    if choice.is_fallback:
        version += f" (fallback: {choice.runtime} is not on this machine)"
    return version


def _log_stream(now: float, version: str, identity: str) -> str:
    """`YYYY/MM/DD/[version]id`, as AWS names the stream of an environment."""
    day = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return f"{day:%Y/%m/%d}/[{version}]{identity}"
