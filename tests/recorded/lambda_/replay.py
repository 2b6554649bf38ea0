"""Calls the Lambda room without HTTP and shapes its answers as botocore would return them."""

from __future__ import annotations

from typing import Any

import botocore.session
from tests.recorded.matching import Bindings, answer, failure
from tests.unit.services.lambda_.room_under_test import (
    ACCOUNT,
    REGION,
    ROLE,
    RoomUnderTest,
    create_values,
    started,
    zipped,
)

from tatami.frame.errors import AwsError

MODEL = botocore.session.get_session().get_service_model("lambda")
NAME = "my-function"
RUNTIMES = dict.fromkeys(("python3.9", "python3.10", "python3.11", "python3.12", "nodejs16.x"), "1.0")


async def recorded_room() -> RoomUnderTest:
    """A machine with every runtime that the recordings use, each of its own version."""
    under_test = await started()
    under_test.runtimes.installed = {name: name for name in RUNTIMES}
    return under_test


def bindings(name: str = NAME, **known: str) -> Bindings:
    """What is known before the first call."""
    given = {"<function-name:1>": name, "<resource:1>": ROLE.rpartition("/")[2], **known}
    return Bindings(given, account=ACCOUNT, region=REGION, partition="aws")


async def answered(under_test: RoomUnderTest, operation: str, **values: Any) -> dict[str, Any]:
    """Call; the answer with its status, or the error as botocore shows it."""
    try:
        given = await under_test.call(operation, **values)
    except AwsError as error:
        return refused(error)
    status = given.get("StatusCode", MODEL.operation_model(operation).http["responseCode"])
    return answer(given, status)


async def created(under_test: RoomUnderTest, name: str = NAME, **values: Any) -> dict[str, Any]:
    """CreateFunction, and its activation let to its end."""
    result = await answered(under_test, "CreateFunction", **create_values(name, **values))
    await under_test.tasks.drain()
    return result


def refused(error: AwsError) -> dict[str, Any]:
    """An error with the members that botocore reads from its body, as the model spells them."""
    shape = MODEL.shape_for(error.code) if error.code in MODEL.shape_names else None
    members = shape.members if shape is not None else {}
    texts = {name: error.message for name in members if name.lower() == "message"}
    return {**failure(error), **texts}


__all__ = [
    "NAME",
    "answered",
    "bindings",
    "create_values",
    "created",
    "recorded_room",
    "refused",
    "zipped",
]
