"""What an environment is made of; the node makes it, the environment uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tatami.environments.failure import Failure
from tatami.environments.log_collector import LogCollector
from tatami.ports.sandbox import ProcessSpec, Sandbox


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
class ExtensionProgram:
    """An external extension: its file name in `/opt/extensions` and how it is started."""

    name: str
    process: ProcessSpec


@dataclass(frozen=True)
class Parts:
    """The parts.

    process: how to start the runtime, or why that cannot be done. release: called when the environment has ended.
    extensions: the programs to start before the runtime. extension_log: makes a reader of one extension's output.
    runtime_version, runtime_version_arn: for INIT_START, "" where the package brings its runtime.
    """

    sandbox: Sandbox
    door: Door
    log: LogCollector
    process: ProcessSpec | Failure
    release: Callable[[], None]
    extension_log: Callable[[], LogCollector]
    extensions: tuple[ExtensionProgram, ...] = ()
    runtime_version: str = ""
    runtime_version_arn: str = ""
