"""The texts of the platform's own function errors, as recorded from AWS in November 2025."""

from __future__ import annotations

import json
import signal

import pytest

from tatami.environments import failure
from tatami.environments.failure import Failure
from tatami.ports.sandbox import Exit

ID = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"


@pytest.mark.parametrize(
    ("problem", "error_type", "text"),
    [
        (failure.exited(Exit(0)), "Runtime.ExitError", "Runtime exited without providing a reason"),
        (failure.exited(Exit(127)), "Runtime.ExitError", "Runtime exited with error: exit status 127"),
        (failure.exited(Exit(None, 9)), "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        (failure.exited(Exit(None, 15)), "Runtime.ExitError", "Runtime exited with error: signal: terminated"),
        (failure.exited(Exit(None, 999)), "Runtime.ExitError", "Runtime exited with error: signal: 999"),
        (failure.timed_out(30), "Sandbox.Timedout", "Task timed out after 30.00 seconds"),
        (failure.timed_out(1.0), "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        (failure.invalid_entrypoint("no bootstrap"), "Runtime.InvalidEntrypoint", "no bootstrap"),
    ],
)
def test_payloads(problem: Failure, error_type: str, text: str) -> None:
    assert json.loads(problem.payload(ID)) == {
        "errorType": error_type,
        "errorMessage": f"RequestId: {ID} Error: {text}",
    }


def test_every_signal_has_a_text() -> None:
    for number in signal.Signals:
        assert failure.exited(Exit(None, number)).text.startswith("Runtime exited with error: signal: ")


def test_status() -> None:
    assert failure.timed_out(3).status == "timeout"
    assert failure.exited(Exit(1)).status == "error"


def test_what_the_runtime_posted_is_passed_on() -> None:
    assert Failure("Runtime.Unknown", body=b'{"a":1}').payload(ID) == b'{"a":1}'
