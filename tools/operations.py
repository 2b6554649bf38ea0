"""`make docs`: writes docs/reference/operations.md, the table of every operation of the services that Tatami has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tatami.frame.operation import Operation
from tatami.services.lambda_.room import room as lambda_room
from tatami.services.logs.room import room as logs_room
from tatami.services.sts.room import room as sts_room
from tatami.wire.models import load_service

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "operations.md"

HEAD = """# Operations

Every operation of the services that Tatami has, from botocore's models. *works*: it acts as AWS documents it.
*refused*: it answers 501 `NotImplemented` with its name, as does every operation of a service that is not listed here.
None answers success without acting. `make docs` writes this page; a test compares it.
"""


def built() -> dict[str, Mapping[str, Operation[Any]]]:
    """Service to the operations that its room performs; a room's state does not matter for that."""
    nothing: Any = None
    rooms = [lambda_room(nothing), logs_room(nothing, nothing), sts_room()]
    return {room.service: room.operations for room in rooms}


def page() -> str:
    """The whole page."""
    sections = [HEAD]
    for service, operations in sorted(built().items()):
        names = sorted(load_service(service).operations)
        rows = "\n".join(f"| {name} | {'works' if name in operations else 'refused'} |" for name in names)
        count = sum(name in operations for name in names)
        sections.append(f"## {service}\n\n{count} of {len(names)} work.\n\n| operation | |\n|---|---|\n{rows}\n")
    return "\n".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page())
