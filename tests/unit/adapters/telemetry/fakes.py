"""A sink that keeps what it is given, and a store that can be full."""

from __future__ import annotations

from collections.abc import Sequence

from tatami.ports.store import Store, StoreFull, T, Work
from tatami.ports.telemetry import LogEvent


class MemoryLogSink:
    """ports.telemetry.LogSink that remembers. events: by (account, region, group, stream), in order."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str, str, str], list[LogEvent]] = {}

    def write(self, account: str, region: str, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        self.events.setdefault((account, region, group, stream), []).extend(events)

    def text(self, group: str) -> str:
        """Everything that was written to the group, in the order of the calls per stream."""
        return "".join(event.message for key, events in self.events.items() if key[2] == group for event in events)


class FullableStore:
    """A store in front of another; while `full` is set nothing can be written, `broken` raises anything else."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False
        self.broken: Exception | None = None
        self.writes = 0

    async def migrate(self, component: str, steps: Sequence[str]) -> None:
        await self._store.migrate(component, steps)

    async def read(self, work: Work[T]) -> T:
        return await self._store.read(work)

    async def write(self, work: Work[T]) -> T:
        self.writes += 1
        if self.full:
            raise StoreFull("no room")
        if self.broken is not None:
            error, self.broken = self.broken, None
            raise error
        return await self._store.write(work)

    async def close(self) -> None:
        await self._store.close()
