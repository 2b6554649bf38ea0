"""
Events in the words of the Logs API, which came before the Telemetry API and knows fewer of them, with fewer members.

Versions: 2020-08-15; 2021-03-18 adds `platform.runtimeDone`. Reference: Lambda guide, "Lambda Logs API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION_WITH_RUNTIME_DONE = "2021-03-18"

_MEMBERS = {
    "platform.start": ("requestId", "version"),
    "platform.report": ("requestId", "metrics", "tracing"),
    "platform.extension": ("name", "state", "events"),
    "platform.logsSubscription": ("name", "state", "types"),
    "platform.logsDropped": ("reason", "droppedRecords", "droppedBytes"),
}
"""Events of both APIs, with the members that the older one has."""


def translated(event: Mapping[str, Any], version: str) -> list[Mapping[str, Any]]:
    """What a subscriber of the Logs API gets for an event of the Telemetry API: none, one or several events."""
    kind: str = event["type"]
    if not kind.startswith("platform."):
        return [event]
    if kind == "platform.runtimeDone":
        return _done(event, version)
    if kind not in _MEMBERS:
        return []
    return [{**event, "record": {name: event["record"][name] for name in _MEMBERS[kind] if name in event["record"]}}]


def _done(event: Mapping[str, Any], version: str) -> list[Mapping[str, Any]]:
    """The end of an invocation, a fault if a process ended with it."""
    time, record = event["time"], event["record"]
    identity = {"requestId": record["requestId"]}
    events: list[Mapping[str, Any]] = []
    error_type = record.get("errorType", "")
    if error_type == "Runtime.ExitError" or error_type.startswith("Extension."):
        fault = f"RequestId: {record['requestId']} Process exited before completing request"
        events.append({"time": time, "type": "platform.fault", "record": fault})
    if version >= VERSION_WITH_RUNTIME_DONE:
        # This API has no `error`: whatever is neither a success nor a timeout is a failure.
        status = "failure" if record["status"] == "error" else record["status"]
        events.append({"time": time, "type": "platform.runtimeDone", "record": {**identity, "status": status}})
    return [*events, {"time": time, "type": "platform.end", "record": identity}]
