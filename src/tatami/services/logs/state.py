"""What the operations of the logs room work with."""

from __future__ import annotations

from dataclasses import dataclass

from tatami.kit.clock import Clock
from tatami.ports.store import Store


@dataclass(frozen=True, slots=True)
class LogsState:
    """The room's state: everything that lasts is in the store."""

    store: Store
    clock: Clock

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock.now() * 1000)
