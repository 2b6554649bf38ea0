"""`PUT /2022-07-01/telemetry` and `PUT /2020-08-15/logs`: an extension wants to hear what happens around it."""

from __future__ import annotations

from tatami.environments.session import RuntimeSession
from tatami.environments.telemetry import read_subscription
from tatami.runtime_api.calls import Call, Reply

_TELEMETRY = {version: version for version in ("2022-07-01", "2022-12-13", "2025-01-29")}
_LOGS = {"": "2020-08-15", "2020-08-15": "2020-08-15", "2021-03-18": "2021-03-18"}


def subscribe(session: RuntimeSession, call: Call, is_logs_api: bool) -> Reply:
    """Begin to send events to where the extension listens."""
    extension = session.extensions.identified(call.headers.get("lambda-extension-identifier", ""))
    schemas = _LOGS if is_logs_api else _TELEMETRY
    session.subscribe(read_subscription(extension.name, call.body, schemas, is_logs_api))
    return Reply(200, b'"OK"')
