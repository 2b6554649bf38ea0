"""What the platform asks of the maker, as values that travel as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Shape = tuple[str, int, int, bool]
"""scratch, tmp_mb, endpoint_port and egress of a CreateOrder."""


@dataclass(frozen=True)
class CreateOrder:
    """
    Everything a sandbox is made of; paths are the host's.

    user: a number above 0 of its own. mounts: folders or files shown read-only, (source, place inside).
    scratch: the file that becomes `/tmp`, an image for a loop device; "" for a tmpfs of tmp_mb.
    group: (controller, folder) of its control group, unified: those of them in cgroup v2.
    """

    name: str
    user: int
    user_name: str
    mounts: tuple[tuple[str, str], ...]
    scratch: str
    tmp_mb: int
    memory_mb: int
    endpoint_port: int
    egress: bool
    group: tuple[tuple[str, str], ...] = ()
    unified: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """What of it can be made before the rest is known; see `prepare` in maker.first."""
        return self.scratch, self.tmp_mb, self.endpoint_port, self.egress


@dataclass(frozen=True)
class SpawnOrder:
    """One process: program with arguments, its whole environment, its working folder. framed: a third pipe comes."""

    argv: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    folder: str = "/var/task"
    framed: bool = False


def create_order(values: dict[str, Any]) -> CreateOrder:
    """From JSON."""
    pairs = {key: tuple((a, b) for a, b in values[key]) for key in ("mounts", "group")}
    return CreateOrder(**{**values, **pairs, "unified": tuple(values["unified"])})


def spawn_order(values: dict[str, Any]) -> SpawnOrder:
    """From JSON."""
    return SpawnOrder(**{**values, "argv": tuple(values["argv"])})
