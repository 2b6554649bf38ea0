"""
Which environment serves which invocation.

State in, actions out. Nothing here awaits, reads a clock or takes a lock, so one call is one atomic
step and a cancelled caller cannot leave it half done.

An environment that is starting belongs to the pool, never to an invocation: the invocation that
caused the start may be cancelled or served by another environment that became free first, and someone must
still own what was started. So any environment that becomes ready takes the head of the queue, and a start is
asked for only when fewer are starting than invocations wait.

An environment whose runtime has answered is about to be free: the client may well call again before the runtime has
asked for its next event, some hundred microseconds later. So it counts like one that is starting, and no new one
is started in its stead; when it takes long after all, `overdue` says so, and it counts as busy again.

Environments are reused most recently used first: the hot ones stay hot, and those at the other end of the
list grow old enough to be reaped.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Start:
    """Start an environment; answer with `started` or `lost` under this number."""

    environment: int


@dataclass(frozen=True)
class Assign:
    """Run the invocation in the environment; answer with `finished` or `lost`."""

    invocation: str
    environment: int


@dataclass(frozen=True)
class Stop:
    """Stop an idle environment; it is no longer in the pool."""

    environment: int


Action = Start | Assign | Stop


@dataclass
class Placement:
    """Invocations and environments of one function version.

    limit: how many environments there may be, starting ones included.
    """

    limit: int
    queue: OrderedDict[str, None] = field(default_factory=OrderedDict)
    starting: set[int] = field(default_factory=set)
    idle: OrderedDict[int, float] = field(default_factory=OrderedDict)
    """Environment to the moment it became idle, oldest first."""
    busy: dict[int, str] = field(default_factory=dict)
    settling: set[int] = field(default_factory=set)
    """Those of the busy ones that have answered and are expected back at once."""
    retired: bool = False
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def environments(self) -> int:
        """How many there are, starting ones included."""
        return len(self.starting) + len(self.idle) + len(self.busy)

    @property
    def is_empty(self) -> bool:
        """Nothing waits, starts, idles or runs."""
        return not self.queue and not self.environments

    def submit(self, invocation: str) -> list[Action]:
        """An invocation arrives."""
        self.queue[invocation] = None
        return self._settle()

    def cancel(self, invocation: str) -> list[Action]:
        """A waiting invocation is given up; a running one goes on to its end."""
        self.queue.pop(invocation, None)
        return []

    def started(self, environment: int, now: float) -> list[Action]:
        """A start has succeeded."""
        self.starting.discard(environment)
        return self._free(environment, now)

    def answered(self, environment: int) -> list[Action]:
        """A busy environment has given its answer and will soon be free."""
        if environment in self.busy:
            self.settling.add(environment)
        return []

    def overdue(self, environment: int) -> list[Action]:
        """It has not become free as soon as expected."""
        self.settling.discard(environment)
        return self._settle()

    def finished(self, environment: int, now: float) -> list[Action]:
        """An environment has ended its invocation and can take another."""
        self.busy.pop(environment, None)
        self.settling.discard(environment)
        return self._free(environment, now)

    def lost(self, environment: int) -> list[Action]:
        """An environment is gone, whatever it did."""
        self.starting.discard(environment)
        self.idle.pop(environment, None)
        self.busy.pop(environment, None)
        self.settling.discard(environment)
        return self._settle()

    def reap(self, idle_since: float) -> list[Action]:
        """Stop the environments that have been idle since `idle_since` or longer."""
        old = [environment for environment, since in self.idle.items() if since <= idle_since]
        for environment in old:
            del self.idle[environment]
        return [Stop(environment) for environment in old]

    def retire(self) -> list[Action]:
        """Take no new environment and stop each one as it becomes free; what waits is still served."""
        self.retired = True
        return self._settle()

    def _free(self, environment: int, now: float) -> list[Action]:
        self.idle[environment] = now
        return self._settle()

    def _settle(self) -> list[Action]:
        actions: list[Action] = []
        while self.queue and self.idle:
            environment, _ = self.idle.popitem(last=True)
            invocation, _ = self.queue.popitem(last=False)
            self.busy[environment] = invocation
            actions.append(Assign(invocation, environment))
        while len(self.starting) + len(self.settling) < len(self.queue) and self.environments < self.limit:
            environment = next(self._numbers)
            self.starting.add(environment)
            actions.append(Start(environment))
        if self.retired:
            actions += [Stop(environment) for environment in self.idle]
            self.idle.clear()
        return actions
