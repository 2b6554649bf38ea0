"""`/2020-01-01/extension/...`: register, the next event, and errors; what extensions have a Runtime API for."""

from __future__ import annotations

import json
from typing import Any

from tatami.environments.extensions import refused
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.session import FunctionFacts, RuntimeSession
from tatami.kit import ids
from tatami.runtime_api.calls import ACCEPTED, Call, Reply

_IDENTIFIER = "lambda-extension-identifier"


def register(session: RuntimeSession, call: Call) -> Reply:
    """`POST .../register`."""
    name = call.headers.get("lambda-extension-name", "")
    if not name:
        raise refused("Extension.InvalidExtensionName", "Empty extension name")
    extension = session.extensions.register(name, _events(call.body))
    features = {feature.strip() for feature in call.headers.get("lambda-extension-accept-feature", "").split(",")}
    return Reply(200, _metadata(session.facts, features), {"Lambda-Extension-Identifier": extension.identifier})


async def next_event(session: RuntimeSession, call: Call) -> Reply:
    """`GET .../event/next`: blocks until there is an event."""
    extension = session.extensions.identified(call.headers.get(_IDENTIFIER, ""))
    event = await session.extensions.next(extension)
    headers = {
        "Lambda-Extension-Identifier": extension.identifier,
        "Lambda-Extension-Event-Identifier": ids.request_id(),
    }
    return Reply(200, json.dumps(event, separators=(",", ":")).encode(), headers)


def report_error(session: RuntimeSession, call: Call, phase: str) -> Reply:
    """`POST .../init/error` and `.../exit/error`. phase: `Init` or `Exit`."""
    extension = session.extensions.identified(call.headers.get(_IDENTIFIER, ""))
    error_type = call.headers.get("lambda-extension-function-error-type", "")
    if not error_type:
        raise refused("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
    session.extensions.report(extension, phase, error_type)
    return ACCEPTED


def _events(body: bytes) -> list[str]:
    if not body:
        return []
    try:
        given: Any = json.loads(body)
        events = given.get("events") or []
    except (ValueError, AttributeError):
        raise RuntimeApiRefusal(403, "InvalidRequestFormat", "Invalid request body") from None
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise RuntimeApiRefusal(403, "InvalidRequestFormat", "Invalid request body")
    return events


def _metadata(facts: FunctionFacts, features: set[str]) -> bytes:
    metadata = {
        "functionName": facts.name,
        "functionVersion": facts.version,
        "handler": facts.handler,
    }
    if "accountId" in features:
        metadata["accountId"] = facts.account
    return json.dumps(metadata, separators=(",", ":")).encode()
