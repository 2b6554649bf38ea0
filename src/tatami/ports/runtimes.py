"""Which language runtimes this machine can run.

Promises: `resolve` answers the same for the same machine and never runs user code; an executable that it
names exists and is of the named version; discovery that must start a program does so once, not per call.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class RuntimeChoice:
    """How a runtime identifier is run here.

    runtime: as asked for (`python3.12`). runs_as: what runs it, another identifier only when fallback was allowed.
    executable: the interpreter; None for `provided.*`, whose package brings its own `bootstrap`.
    version: of the interpreter (`3.12.1`), "" for `provided.*`.
    """

    runtime: str
    runs_as: str
    executable: Path | None = None
    version: str = ""

    @property
    def is_fallback(self) -> bool:
        """Whether something else than what was asked for runs it."""
        return self.runtime != self.runs_as


class RuntimeCatalog(Protocol):
    """The runtimes of this machine."""

    def available(self) -> list[str]:
        """Identifiers that run as asked, newest first within a language."""
        ...

    def resolve(self, runtime: str) -> RuntimeChoice | None:
        """How to run `runtime`, or None when this machine (with its fallback setting) cannot."""
        ...
