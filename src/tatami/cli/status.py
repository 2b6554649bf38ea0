"""`tatami status`: is the platform well, and which functions does it have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from tatami.cli.session import EndpointOption, connect

COLUMNS = ("function", "runtime", "memory MB", "timeout s", "code bytes", "modified")


def status(context: typer.Context, endpoint: EndpointOption = None) -> None:
    """Show the platform's health and its functions."""
    client = connect(context, endpoint)
    print(f"endpoint: {client.endpoint}")
    health = client.health()
    for line in health_lines(health):
        print(line)
    functions = list(client.list_functions())
    here = set(health.get("runtimes", ()))
    # A list of functions does not tell what runs them; only those whose runtime is missing are worth asking for.
    elsewhere = [function["FunctionName"] for function in functions if function.get("Runtime") not in here]
    notes = {name: runtime_note(client.find_function(name) or {}) for name in elsewhere}
    print()
    if not functions:
        print("no functions yet: deploy one with `tatami deploy DIR`")
        return
    for line in table(COLUMNS, [function_row(configuration) for configuration in functions]):
        print(line)
    for name, note in notes.items():
        if note:
            print(f"{name}: {note}")


def health_lines(health: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`name: value` for each member, nested ones as `outer.inner: value`."""
    lines: list[str] = []
    for name, value in health.items():
        if isinstance(value, Mapping):
            lines += health_lines(value, f"{prefix}{name}.")
        else:
            lines.append(f"{prefix}{name}: {_shown(value)}")
    return lines


def function_row(configuration: Mapping[str, Any]) -> list[str]:
    """One function as the cells of the table; `configuration` is as ListFunctions gives it."""
    members = ("FunctionName", "Runtime", "MemorySize", "Timeout", "CodeSize", "LastModified")
    return [str(configuration.get(member) or "-") for member in members]


def runtime_note(configuration: Mapping[str, Any]) -> str:
    """What is special about how its runtime is run here, such as by another version; "" when nothing is."""
    return str(configuration.get("RuntimeVersionConfig", {}).get("Error", {}).get("Message", ""))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the cells in columns, headed by `columns`."""
    widths = [max(len(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    ]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
