"""The room's state: what it was given, and the two small memories it may keep because they can be lost at any time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from tatami.dispatch.streams import StreamedOutcome
from tatami.domain.invocation import FunctionVersion, Invocation, Outcome
from tatami.frame.operation import Context
from tatami.kit.clock import Clock
from tatami.kit.tasks import Tasks
from tatami.ports.blobs import Blobs
from tatami.ports.runtimes import RuntimeCatalog
from tatami.ports.store import Store

CODE_STORAGE_LIMIT = 80_530_636_800
"""Bytes of all packages of one account and Region (the guide's example of GetAccountSettings: 75 GB)."""

Key = tuple[str, str, str]


class Dispatch(Protocol):
    """The part of tatami.dispatch that this room uses."""

    async def prepare(self, function: FunctionVersion) -> None:
        """Bring the code to where it will run. Raises PackageUnusable."""
        ...

    async def invoke(self, function: FunctionVersion, invocation: Invocation) -> Outcome:
        """Run one invocation. Raises Throttled, EnvironmentLost, PackageUnusable, ShuttingDown."""
        ...

    async def stream(self, function: FunctionVersion, invocation: Invocation) -> StreamedOutcome:
        """Run one invocation; returns when its answer begins. Raises what `invoke` raises."""
        ...

    async def retire(self, account: str, region: str, name: str, keep_generation: str | None) -> None:
        """Stop the environments of other generations; what runs is run to its end."""
        ...


class CodeLocations(Protocol):
    """Makes the URLs under which callers download packages."""

    def url(self, context: Context, digest: str, name: str) -> str:
        """A URL below `context.endpoint` that is good for ten minutes. digest: the package. name: its function."""
        ...


class ResolvedFunctions:
    """What warm invocations run, so that they read no row.

    This process's own writes invalidate it, which is enough while one head serves a function's control plane.
    Several heads would have to hear of each other's writes (LISTEN/NOTIFY, or a lease that an entry lives for).
    """

    def __init__(self) -> None:
        self._resolved: dict[Key, FunctionVersion] = {}
        self._writes = 0

    def __repr__(self) -> str:
        return f"<ResolvedFunctions {len(self._resolved)}>"

    def get(self, key: Key) -> FunctionVersion | None:
        """What runs for `key`, if known."""
        return self._resolved.get(key)

    @property
    def writes(self) -> int:
        """How many writes there were; taken before a row is read, given to `keep` after."""
        return self._writes

    def keep(self, key: Key, function: FunctionVersion, since: int) -> None:
        """Remember what was read, unless something was written since: then the row may be an old one."""
        if since == self._writes:
            self._resolved[key] = function

    def forget(self, key: Key) -> None:
        """A write changed the function of `key`."""
        self._writes += 1
        self._resolved.pop(key, None)


class Packages:
    """Keeps a package from being deleted while somebody is about to refer to it.

    Storing a package and writing the row that names it are two steps, and so are finding that no row names it and
    deleting it. Without this, a delete could fall between the two steps of a create of the same content.
    It holds for one process; several heads would leave deleting to `collect_garbage` with a grace period.
    """

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._leaving: dict[str, asyncio.Future[None]] = {}

    def __repr__(self) -> str:
        return f"<Packages held={sum(self._held.values())} leaving={len(self._leaving)}>"

    @asynccontextmanager
    async def holding(self, digest: str) -> AsyncIterator[None]:
        """While inside, nobody deletes `digest`."""
        while (leaving := self._leaving.get(digest)) is not None:
            await asyncio.shield(leaving)
        self._held[digest] += 1
        try:
            yield
        finally:
            self._held[digest] -= 1
            if not self._held[digest]:
                del self._held[digest]

    async def drop(self, digest: str, blobs: Blobs, is_used: Callable[[str], Awaitable[bool]]) -> bool:
        """Delete `digest` unless it is used or held; returns whether it was deleted."""
        if self._held[digest] or digest in self._leaving:
            return False
        gone = self._leaving[digest] = asyncio.get_running_loop().create_future()
        try:
            if await is_used(digest):
                return False
            await blobs.delete(digest)
            return True
        finally:
            del self._leaving[digest]
            gone.set_result(None)


@dataclass(frozen=True)
class LambdaRoom:
    """What the operations work with.

    architecture: of this machine, as Lambda calls it (`x86_64`, `arm64`). concurrency_limit: of one account and
    Region. code_storage_limit: bytes of its packages. shortest_update_seconds: how long an update is InProgress at
    least, so that who looks right after it sees what AWS would show.
    """

    store: Store
    blobs: Blobs
    dispatch: Dispatch
    runtimes: RuntimeCatalog
    clock: Clock
    tasks: Tasks
    locations: CodeLocations
    architecture: str = "x86_64"
    concurrency_limit: int = 1000
    code_storage_limit: int = CODE_STORAGE_LIMIT
    shortest_update_seconds: float = 0.0
    resolved: ResolvedFunctions = field(default_factory=ResolvedFunctions)
    packages: Packages = field(default_factory=Packages)
