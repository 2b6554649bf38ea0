"""The platform's own lines, letter for letter as recorded from AWS."""

from __future__ import annotations

import pytest

from tatami.environments import platform_log

ID = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"


def test_lines_as_recorded() -> None:
    arn = "arn:aws:lambda:us-east-1::runtime:abc"
    assert platform_log.init_start("python:3.10.v11", arn) == (
        f"INIT_START Runtime Version: python:3.10.v11\tRuntime Version ARN: {arn}\n"
    )
    assert platform_log.start(ID, "$LATEST") == f"START RequestId: {ID} Version: $LATEST\n"
    assert platform_log.end(ID) == f"END RequestId: {ID}\n"


def test_report_as_recorded() -> None:
    """test_invocation_type_event_error, but for the billed time: INIT has been billed since August 2025."""
    assert platform_log.report(ID, 3.01, 110.10, 128, 36) == (
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
    )
    assert platform_log.report(ID, 2.9, None, 128, 36) == (
        f"REPORT RequestId: {ID}\tDuration: 2.90 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\t\n"
    )


def test_report_of_what_failed() -> None:
    timeout = platform_log.report(ID, 3000, None, 128, 36, "timeout", "Sandbox.Timedout")
    assert timeout.endswith("Max Memory Used: 36 MB\tStatus: timeout\t\n")
    crash = platform_log.report(ID, 1, 2, 128, 36, "error", "Runtime.ExitError")
    assert crash.endswith("Init Duration: 2.00 ms\tStatus: error\tError Type: Runtime.ExitError\t\n")


def test_init_report() -> None:
    assert platform_log.init_report(1236.04, "timeout") == (
        "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout\n"
    )
    assert platform_log.init_report(1236.04, "error", "Extension.Crash") == (
        "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: error\tError Type: Extension.Crash\n"
    )


@pytest.mark.parametrize(
    ("duration", "init", "billed"),
    [
        (0.0, None, 1),
        (0.001, None, 1),
        (1.0, None, 1),
        (1.01, None, 2),
        (237.17, None, 238),
        (237.17, 48.26, 286),
        (99.5, 0.5, 100),
        (0.1 + 0.2, 0.7, 1),  # sums of binary fractions do not cost a millisecond more
        (900_000.0, 9_999.99, 910_000),
    ],
)
def test_billed_time_is_the_sum_rounded_up(duration: float, init: float | None, billed: int) -> None:
    assert platform_log.billed(duration, init) == billed
