"""The engine of one machine: environments live in the platform's own process, their runtimes beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.environments.environment import Environment
from tatami.environments.node import Node
from tatami.ports.engine import EnvironmentLost, ResponseSink


class LocalEngine:
    """Starts, uses and stops the environments of this machine.

    Starts are let through a few at a time: a hundred interpreters loading at once on two cores would each
    exceed the limit of the INIT phase.
    """

    def __init__(self, node: Node, starts: int | None = None) -> None:
        self._node = node
        self._environments: dict[str, Environment] = {}
        self._closed = False
        self._starts = asyncio.Semaphore(starts or 2 * (os.cpu_count() or 1))

    def __repr__(self) -> str:
        return f"<LocalEngine environments={len(self._environments)}>"

    async def prepare(self, function: FunctionVersion) -> None:
        """Unpack the code and the layers."""
        await self._node.unpacked(function)

    async def start(self, function: FunctionVersion) -> str:
        """Make an environment and run INIT."""
        async with self._starts:
            if self._closed:
                raise EnvironmentLost("The engine is closed")
            environment = await self._node.make(function)
        if self._closed:
            await environment.shutdown()
            raise EnvironmentLost("The engine was closed while the environment started")
        self._environments[environment.identity] = environment
        return environment.identity

    async def invoke(
        self,
        environment: str,
        invocation: Invocation,
        deliver: Callable[[Outcome], None],
        sink: ResponseSink | None = None,
    ) -> None:
        """Run one invocation."""
        found = self._environments.get(environment)
        if found is None:
            raise EnvironmentLost(f"The environment {environment} is gone")
        await found.invoke(invocation, deliver, sink)

    async def stop(self, environment: str) -> None:
        """Run SHUTDOWN and forget the environment."""
        found = self._environments.pop(environment, None)
        if found is not None:
            await found.shutdown()

    async def close(self) -> None:
        """Stop every environment; one that is starting now is stopped when its INIT is over."""
        self._closed = True
        await asyncio.gather(*(self.stop(identity) for identity in list(self._environments)))
