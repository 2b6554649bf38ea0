"""Which runtime identifiers Lambda knows, which it no longer takes, and which are not built here yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tatami.frame.errors import AwsError, not_implemented
from tatami.services.lambda_ import errors

NO_LONGER_SUPPORTED = frozenset({
    "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x",
    "python2.7", "python3.6", "python3.7", "ruby2.5", "ruby2.7", "java8", "go1.x", "provided",
    "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
})  # fmt: skip
"""Blocked for create and update (recorded in January 2026; Lambda guide, lambda-runtimes)."""

TAKEN = frozenset({
    "nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x",
    "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "python3.15",
    "java8.al2", "java8.al2023", "java11", "java11.al2023", "java17", "java17.al2023", "java21", "java25",
    "dotnet6", "dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0",
    "provided.al2", "provided.al2023", "custom",
})  # fmt: skip
"""What botocore 1.44.5 lists and Lambda still takes."""

_NOT_BUILT: Mapping[str, str] = {
    "dotnet": "functions for .NET need AWS's managed runtime for it, which is not published as a program of its own; "
    "a self-contained executable called bootstrap runs under provided.al2023",
    "java8": "AWS's current Java client is run on Java 11 and newer only",
    "custom": "customer-managed runtimes are container images",
}
"""Beginnings of identifiers that have no runtime here, and why."""

_TOO_OLD: Mapping[str, str] = {
    "python3.8": "Tatami's Python client needs Python 3.9 or newer",
    "nodejs16.x": "Tatami's Node.js client needs Node.js 18 or newer",
}
"""What Lambda still takes and our clients cannot run in, whatever is installed."""

_JAVA_NEEDS = (
    " Java runtimes need a JDK or JRE of that version and AWS's Java runtime interface client: install the one, then "
    "get the other once with tools/fetch-java-client, and start tatami again."
)

_LISTED_BY_AWS = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)
"""The set that AWS prints in its text, in AWS's order (recorded in November 2025)."""


def refused_runtime(runtime: str, operation: str) -> AwsError | None:
    """Why `runtime` cannot be taken on any machine, or None when it depends on the machine.

    operation: such as `lambda:CreateFunction`, for the refusal of what is not built.
    """
    if runtime in NO_LONGER_SUPPORTED:
        return errors.invalid_parameter(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in TAKEN:
        return errors.invalid_parameter(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{_LISTED_BY_AWS}] or be a valid ARN"
        )
    for beginning, reason in _NOT_BUILT.items():
        if runtime.startswith(beginning):
            return not_implemented(f"{operation} with Runtime {runtime} ({reason})")
    return None


def runtime_unavailable(runtime: str, available: Sequence[str]) -> AwsError:
    """A runtime that Tatami can run, but not on this machine. available: what runs here as asked."""
    offered = f"Available: {', '.join(available) or 'none'}."
    if runtime in _TOO_OLD:
        return errors.invalid_parameter(f"The runtime {runtime} cannot be run: {_TOO_OLD[runtime]}. {offered}")
    needs = _JAVA_NEEDS if runtime.startswith("java") else ""
    return errors.invalid_parameter(
        f"The runtime {runtime} is not installed on this machine.{needs} {offered} "
        "Start tatami with --runtime-fallback to let the nearest installed version of the language run it."
    )
