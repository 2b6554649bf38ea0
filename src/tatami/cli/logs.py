"""`tatami logs`: what a function has logged, and what it logs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from tatami.cli.session import CommandError, EndpointOption, connect
from tatami.client.errors import ApiError
from tatami.client.tatami_client import LogLine, TatamiClient
from tatami.kit.clock import SystemClock

FOLLOW_SECONDS = 0.5
LATE_MS = 5_000
"""How much older than the newest event one may be that turns up later: streams are written independently."""

UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def logs(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Function name.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[
        str, typer.Option(metavar="AGE|TIME", help="How far back: 30s, 10m, 2h, 1d or an ISO 8601 time.")
    ] = "1h",
    endpoint: EndpointOption = None,
) -> None:
    """Print a function's log, one event a line: time, then text."""
    client = connect(context, endpoint)
    since_ms = parse_since(since, SystemClock().now())
    if not follow:
        for event in _events(client, name, since_ms):
            print(format_event(event))
        return
    follow_log(lambda start: _events(client, name, start), since_ms, print_now, time.sleep)


def follow_log(
    read: Callable[[int], Iterable[LogLine]],
    since_ms: int,
    show: Callable[[str], None],
    pause: Callable[[float], None],
) -> None:
    """Show every event once, for ever (until `pause` or `read` raises).

    read: the events from a time in milliseconds on. pause: waits so many seconds.
    """
    seen: dict[str, int] = {}
    start = since_ms
    while True:
        for event in read(start):
            if event.event_id not in seen:
                seen[event.event_id] = event.timestamp_ms
                show(format_event(event))
        start = max(start, max(seen.values(), default=0) - LATE_MS)
        seen = {event_id: timestamp for event_id, timestamp in seen.items() if timestamp >= start}
        pause(FOLLOW_SECONDS)


def parse_since(text: str, now: float) -> int:
    """The time that `--since` means, in milliseconds since the epoch; `now` is in seconds.

    An ISO 8601 time without zone is UTC. Raises CommandError.
    """
    if age := re.fullmatch(r"([0-9]{1,9})([smhd])", text):
        return max(0, int(now * 1000) - int(age[1]) * UNITS_MS[age[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since: expected 30s, 10m, 2h, 1d or an ISO 8601 time, got {text!r}") from None
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))


def format_event(event: LogLine) -> str:
    """`2026-11-22T20:00:00.123Z text`, without the newline that the text ends with."""
    moment = datetime.fromtimestamp(event.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return f"{moment.replace('+00:00', 'Z')} {event.message.rstrip()}"


def print_now(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def _events(client: TatamiClient, name: str, since_ms: int) -> Iterable[LogLine]:
    """Events of the function's group; none before the first. Raises CommandError when there is no such function."""
    try:
        yield from client.log_events(f"/aws/lambda/{name}", since_ms)
    except ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise
        # A function's group is made by its first event: without one, it matters whether there is such a function.
        if client.find_function(name) is None:
            raise CommandError(f"there is no function {name}, and no log of one") from None
