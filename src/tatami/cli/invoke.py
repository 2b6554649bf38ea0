"""`tatami invoke`: call a function and show its answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from tatami.cli.session import CommandError, EndpointOption, connect


def invoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Function name, NAME:QUALIFIER or ARN.")],
    payload: Annotated[
        str, typer.Option("--payload", "-p", metavar="JSON|@FILE|-", help="The event; @FILE and - (stdin) read it.")
    ] = "{}",
    log: Annotated[bool, typer.Option("--log", help="Also show the end of the function's log, on stderr.")] = False,
    endpoint: EndpointOption = None,
) -> None:
    """Invoke a function and print what it returns.

    When the function fails, its error object is printed, one line about it goes to stderr and the exit code is 1.
    """
    client = connect(context, endpoint)
    answer = client.invoke(name, read_payload(payload), tail=log)
    if log:
        sys.stderr.write(answer.log_tail)
    sys.stdout.buffer.write(answer.payload + b"\n")
    sys.stdout.flush()
    if answer.function_error:
        raise CommandError(f"{name} failed: {describe_error(answer.payload)} ({answer.function_error})")


def read_payload(argument: str) -> bytes:
    """The event that `--payload` means. Raises CommandError when its file cannot be read."""
    if argument == "-":
        return sys.stdin.buffer.read()
    if not argument.startswith("@"):
        return argument.encode()
    try:
        return Path(argument[1:]).read_bytes()
    except OSError as error:
        raise CommandError(f"--payload: cannot read {argument[1:]}: {error.strerror}") from error


def describe_error(payload: bytes) -> str:
    """`errorType: errorMessage` of a function's error object, or the object itself when it has neither."""
    try:
        values = json.loads(payload)
        parts = [str(values[key]) for key in ("errorType", "errorMessage") if values.get(key)]
    except (ValueError, AttributeError):
        parts = []
    return ": ".join(parts) or payload.decode(errors="replace")
