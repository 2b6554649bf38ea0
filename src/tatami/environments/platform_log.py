"""The lines that the platform itself writes into a function's log, to AWS's letter.

Reference: AWS Lambda developer guide, "Lambda runtime environment" and "Working with log lines"; recorded answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def init_start(runtime_version: str, runtime_version_arn: str) -> str:
    """The first line of an environment, such as `INIT_START Runtime Version: python:3.12.1 ...`."""
    return f"INIT_START Runtime Version: {runtime_version}\tRuntime Version ARN: {runtime_version_arn}\n"


def init_report(duration_ms: float, status: str, error_type: str = "", phase: str = "init") -> str:
    """Written when INIT failed: `status` is `error` or `timeout`; "" where a good one is reported too.

    phase: `invoke` for an INIT that is made up for with an invocation.
    """
    shown = f"\tStatus: {status}" if status else ""
    error = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}{shown}{error}\n"


def start(request_id: str, version: str) -> str:
    """Before the function's own lines."""
    return f"START RequestId: {request_id} Version: {version}\n"


def end(request_id: str) -> str:
    """After the function's own lines."""
    return f"END RequestId: {request_id}\n"


def billed(duration_ms: float, init_ms: float | None) -> int:
    """Billed milliseconds: INIT is billed too since August 2025, and the sum is rounded up to 1 ms."""
    return max(1, math.ceil(round(duration_ms + (init_ms or 0.0), 2)))


def report(
    request_id: str,
    duration_ms: float,
    init_ms: float | None,
    memory_mb: int,
    max_memory_mb: int,
    status: str = "",
    error_type: str = "",
) -> str:
    """The accounting line. status: "" when the function answered, else `timeout` or `error`."""
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed(duration_ms, init_ms)} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {max_memory_mb} MB",
    ]
    if init_ms is not None:
        fields.append(f"Init Duration: {init_ms:.2f} ms")
    if status:
        fields.append(f"Status: {status}")
    if error_type and status == "error":
        fields.append(f"Error Type: {error_type}")
    return "\t".join(fields) + "\t\n"


def extension(name: str, state: str, events: Sequence[str], error_type: str = "") -> str:
    """Once an extension, when its INIT is over. state: `Ready` ... events: as registered."""
    error = f"\tError Type: {error_type}" if error_type else ""
    return f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{', '.join(events)}]{error}\n"


def subscription(kind: str, name: str, state: str, types: Sequence[str]) -> str:
    """A subscription to telemetry. kind: `TELEMETRY` or `LOGS`. types: `platform` ..., printed as `Platform`."""
    shown = ", ".join(each.capitalize() for each in types)
    return f"{kind}\tName: {name}\tState: {state}\tTypes: [{shown}]\n"
