"""
What the platform itself reports about an environment: one value per event, with all of its words.

An event is a line of the function's log, in text (`platform_log`) or as JSON, and an item of the Telemetry API. All
of them are made here, so that they cannot contradict each other. Record members: schema 2022-07-01 of the Telemetry
API (Lambda guide, telemetry-schema-reference). Levels: Lambda guide, monitoring-cloudwatchlogs-log-level.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tatami.domain.invocation import FunctionVersion
from tatami.environments import platform_log

ON_DEMAND = "on-demand"
PHASE_INIT = "init"
PHASE_INVOKE = "invoke"
"""The phase of an init that a reset environment makes up for together with an invocation."""

SUCCESS = "success"
ERROR = "error"
FAILURE = "failure"
TIMEOUT = "timeout"

DEBUG, INFO, WARN = "DEBUG", "INFO", "WARN"
_RANKS = {DEBUG: 0, INFO: 1, WARN: 2}


@dataclass(frozen=True)
class PlatformEvent:
    """One event of the platform.

    type: `platform.start` ... record: its members, as JSON has them. text: its line in a log of format Text, "" when
    there is none. level: DEBUG, INFO or WARN, which `SystemLogLevel` filters logs (and never telemetry) by.
    """

    type: str
    record: Mapping[str, Any] = field(hash=False)
    text: str
    level: str

    def reaches(self, level: str) -> bool:
        """Whether a log of this `SystemLogLevel` has it."""
        return _RANKS[self.level] >= _RANKS[level]

    def item(self, timestamp_ms: int) -> dict[str, Any]:
        """The whole event: a line of a JSON log, an item of the Telemetry API. timestamp_ms: since the epoch."""
        return {"time": instant(timestamp_ms), "type": self.type, "record": dict(self.record)}

    def json_line(self, timestamp_ms: int) -> str:
        """Its line in a log of format JSON."""
        return json.dumps(self.item(timestamp_ms), separators=(",", ":"), ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Span:
    """A part of an invocation, such as `responseLatency`. start_ms: since the epoch."""

    name: str
    start_ms: int
    duration_ms: float

    def document(self) -> dict[str, Any]:
        """As records have it."""
        return {"name": self.name, "start": instant(self.start_ms), "durationMs": _milliseconds(self.duration_ms)}


def instant(timestamp_ms: int) -> str:
    """`2022-10-12T00:00:15.064Z`."""
    moment = datetime.datetime.fromtimestamp(timestamp_ms // 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03d}Z"


def init_start(
    function: FunctionVersion,
    runtime_version: str = "",
    runtime_version_arn: str = "",
    *,
    phase: str = PHASE_INIT,
    initialization_type: str = ON_DEMAND,
    instance: str = "",
) -> PlatformEvent:
    """INIT begins. runtime_version: `python:3.12.1`, "" where the package brings its runtime. instance: its id."""
    record: dict[str, Any] = {"initializationType": initialization_type, "phase": phase}
    if runtime_version:
        record |= {"runtimeVersion": runtime_version, "runtimeVersionArn": runtime_version_arn}
    record |= {"functionName": function.name, "functionVersion": function.version}
    if instance:
        record |= {"instanceId": instance, "instanceMaxMemory": function.memory_mb}
    in_text = runtime_version and phase == PHASE_INIT
    text = platform_log.init_start(runtime_version, runtime_version_arn) if in_text else ""
    return PlatformEvent("platform.initStart", record, text, INFO if runtime_version else DEBUG)


def init_runtime_done(
    status: str,
    *,
    error_type: str = "",
    phase: str = PHASE_INIT,
    initialization_type: str = ON_DEMAND,
    spans: Sequence[Span] = (),
) -> PlatformEvent:
    """The runtime's own part of INIT is over. status: success, error, failure or timeout."""
    record = {"initializationType": initialization_type, "phase": phase, "status": status}
    return PlatformEvent("platform.initRuntimeDone", _with(record, error_type, spans), "", _unless_good(status, DEBUG))


def init_report(
    duration_ms: float,
    status: str,
    *,
    error_type: str = "",
    phase: str = PHASE_INIT,
    initialization_type: str = ON_DEMAND,
    spans: Sequence[Span] = (),
) -> PlatformEvent:
    """INIT is over. Logs of format Text have it when INIT failed, and where INIT was no part of an invocation."""
    record = {
        "initializationType": initialization_type,
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": _milliseconds(duration_ms)},
    }
    text = ""
    if status != SUCCESS or (phase == PHASE_INIT and initialization_type != ON_DEMAND):
        text = platform_log.init_report(duration_ms, _status_in_text(status), error_type, phase)
    level = _unless_good(status, DEBUG if initialization_type == ON_DEMAND else INFO)
    return PlatformEvent("platform.initReport", _with(record, error_type, spans), text, level)


def start(request_id: str, version: str, tracing: Mapping[str, str] | None = None) -> PlatformEvent:
    """An invocation begins. tracing: as `tracing_of` makes it."""
    record: dict[str, Any] = {"requestId": request_id, "version": version}
    if tracing:
        record["tracing"] = dict(tracing)
    return PlatformEvent("platform.start", record, platform_log.start(request_id, version), INFO)


def runtime_done(
    request_id: str,
    status: str,
    duration_ms: float,
    *,
    error_type: str = "",
    produced_bytes: int | None = None,
    spans: Sequence[Span] = (),
    tracing: Mapping[str, str] | None = None,
) -> PlatformEvent:
    """The runtime has done its part of an invocation; in text that is the END line."""
    metrics: dict[str, Any] = {"durationMs": _milliseconds(duration_ms)}
    if produced_bytes is not None:
        metrics["producedBytes"] = produced_bytes
    record = _with({"requestId": request_id, "status": status, "metrics": metrics}, error_type, spans, tracing)
    return PlatformEvent("platform.runtimeDone", record, platform_log.end(request_id), _unless_good(status, DEBUG))


def report(
    request_id: str,
    status: str,
    *,
    duration_ms: float,
    init_ms: float | None,
    memory_mb: int,
    max_memory_mb: int,
    error_type: str = "",
    error_in_text: bool = True,
    spans: Sequence[Span] = (),
    tracing: Mapping[str, str] | None = None,
) -> PlatformEvent:
    """The account of an invocation. error_in_text: False for what the handler raised, which the text leaves out."""
    metrics: dict[str, Any] = {
        "durationMs": _milliseconds(duration_ms),
        "billedDurationMs": platform_log.billed(duration_ms, init_ms),
        "memorySizeMB": memory_mb,
        "maxMemoryUsedMB": max_memory_mb,
    }
    if init_ms is not None:
        metrics["initDurationMs"] = _milliseconds(init_ms)
    shown = _status_in_text(status) if error_in_text else ""
    text = platform_log.report(request_id, duration_ms, init_ms, memory_mb, max_memory_mb, shown, error_type)
    record = _with({"requestId": request_id, "status": status, "metrics": metrics}, error_type, spans, tracing)
    return PlatformEvent("platform.report", record, text, _unless_good(status, INFO))


def extension(name: str, state: str, events: Sequence[str], error_type: str = "") -> PlatformEvent:
    """An extension's INIT is over. state: Ready, Registered, Started, LaunchError ... events: INVOKE, SHUTDOWN."""
    record: dict[str, Any] = {"name": name, "state": state, "events": list(events)}
    if error_type:
        record["errorType"] = error_type
    level = WARN if error_type else INFO
    return PlatformEvent("platform.extension", record, platform_log.extension(name, state, events, error_type), level)


def telemetry_subscription(name: str, state: str, types: Sequence[str]) -> PlatformEvent:
    """An extension listens from now on. state: `Subscribed` ... types: platform, function, extension."""
    record = {"name": name, "state": state, "types": list(types)}
    text = platform_log.subscription("TELEMETRY", name, state, types)
    return PlatformEvent("platform.telemetrySubscription", record, text, INFO)


def logs_subscription(name: str, state: str, types: Sequence[str]) -> PlatformEvent:
    """The same for the Logs API, which came before the Telemetry API."""
    record = {"name": name, "state": state, "types": list(types)}
    return PlatformEvent(
        "platform.logsSubscription", record, platform_log.subscription("LOGS", name, state, types), INFO
    )


def logs_dropped(reason: str, dropped_records: int, dropped_bytes: int) -> PlatformEvent:
    """A listener was too slow and what it was owed is gone."""
    record = {"reason": reason, "droppedRecords": dropped_records, "droppedBytes": dropped_bytes}
    return PlatformEvent("platform.logsDropped", record, "", WARN)


def tracing_of(trace_id: str, span: str = "") -> dict[str, str]:
    """The `tracing` member of a record. trace_id: the whole `Root=...;...` header. span: the segment's id."""
    identity = {"spanId": span} if span else {}
    return {**identity, "type": "X-Amzn-Trace-Id", "value": trace_id}


def _with(
    record: dict[str, Any], error_type: str, spans: Sequence[Span], tracing: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`record` with its optional members."""
    if error_type:
        record["errorType"] = error_type
    if spans:
        record["spans"] = [span.document() for span in spans]
    if tracing:
        record["tracing"] = dict(tracing)
    return record


def _unless_good(status: str, level: str) -> str:
    return level if status == SUCCESS else WARN


def _status_in_text(status: str) -> str:
    """What a line of text calls `status`: it knows only `error` and `timeout`, and says nothing of success."""
    return {SUCCESS: "", FAILURE: ERROR}.get(status, status)


def _milliseconds(duration: float) -> float:
    return round(duration, 3)
