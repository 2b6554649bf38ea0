"""A small synchronous client of a running platform: the Lambda, logs and health calls that the commands need."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tatami.client.errors import ApiError
from tatami.client.transport import Answer, Transport
from tatami.wire.http import Request

FUNCTIONS = "/2015-03-31/functions"
INVOKE_SECONDS = 960.0
"""A function may run for 900 s; what remains is for its cold start."""
SETTLE_SECONDS = 120.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Invocation:
    """The answer of a synchronous invocation.

    function_error: "" when the function returned, otherwise `Unhandled` or `Handled`, and `payload` is the error
    object. log_tail: the last 4 KB of its log when asked for.
    """

    payload: bytes
    function_error: str
    log_tail: str
    version: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log event: its id, milliseconds since the epoch, stream and text."""

    event_id: str
    timestamp_ms: int
    stream: str
    message: str


class TatamiClient:
    """Calls one platform.

    endpoint: `http://host:port`. region, access_key, secret_key: what requests are signed with.
    Every method raises ApiError when the platform refuses and UnreachableError when it does not answer.
    Raises ValueError for an endpoint that is no http(s) URL.
    """

    def __init__(self, endpoint: str, region: str, access_key: str, secret_key: str) -> None:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.hostname or address.path not in ("", "/"):
            raise ValueError(f"the endpoint must look like http://host:port, got {endpoint!r}")
        self.endpoint = endpoint.rstrip("/")
        self._transport = Transport(self.endpoint, region, access_key, secret_key)

    def __repr__(self) -> str:
        return f"<TatamiClient {self.endpoint}>"

    def health(self) -> dict[str, Any]:
        """What the platform says of itself: version, uptime, isolation in force."""
        return _object(self._transport.get("/_tatami/health"))

    def list_functions(self) -> Iterator[dict[str, Any]]:
        """The configuration of every function, page after page."""
        marker = ""
        while True:
            query = urlencode({"Marker": marker}, quote_via=quote) if marker else ""
            page = _object(self._lambda("GET", f"{FUNCTIONS}/", query=query))
            yield from page.get("Functions", [])
            marker = page.get("NextMarker") or ""
            if not marker:
                return

    def find_function(self, name: str) -> dict[str, Any] | None:
        """The configuration of function `name`, or None when there is none."""
        try:
            return _object(self._lambda("GET", f"{_function(name)}/configuration"))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create_function(self, fields: Mapping[str, Any], package: bytes) -> dict[str, Any]:
        """Create a function from a zip; `fields` are CreateFunction's members without `Code`."""
        body = {**fields, "Code": {"ZipFile": _base64(package)}}
        return _object(self._lambda("POST", FUNCTIONS, body))

    def update_code(self, name: str, package: bytes) -> dict[str, Any]:
        """Replace the code of `name` by a zip."""
        return _object(self._lambda("PUT", f"{_function(name)}/code", {"ZipFile": _base64(package)}))

    def update_configuration(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change members of the configuration of `name`, spelled as in UpdateFunctionConfiguration."""
        return _object(self._lambda("PUT", f"{_function(name)}/configuration", fields))

    def wait_until_settled(
        self, name: str, pause: Callable[[float], None] = time.sleep, seconds: float = SETTLE_SECONDS
    ) -> dict[str, Any]:
        """Wait until `name` is neither Pending nor being updated; returns its configuration.

        pause: waits so many seconds. Raises ApiError when creating or updating failed, or takes over `seconds`.
        """
        for _ in range(int(seconds / POLL_SECONDS)):
            found = _object(self._lambda("GET", f"{_function(name)}/configuration"))
            if found.get("State") == "Failed":
                raise _failure(name, found, "StateReason")
            if found.get("LastUpdateStatus") == "Failed":
                raise _failure(name, found, "LastUpdateStatusReason")
            if found.get("State") != "Pending" and found.get("LastUpdateStatus") != "InProgress":
                return found
            pause(POLL_SECONDS)
        raise ApiError("NotSettled", f"{name} is still being prepared after {seconds:g} s", 0)

    def invoke(self, name: str, payload: bytes, tail: bool = False) -> Invocation:
        """Invoke `name` (also `name:qualifier` or an ARN) and wait for its answer; tail: with the end of its log."""
        headers = {"x-amz-invocation-type": "RequestResponse", "x-amz-log-type": "Tail" if tail else "None"}
        request = Request("POST", f"{_function(name)}/invocations", headers=headers, body=payload)
        answer = self._transport.send("lambda", request, INVOKE_SECONDS)
        return Invocation(
            payload=answer.body,
            function_error=answer.headers.get("x-amz-function-error", ""),
            log_tail=base64.b64decode(answer.headers.get("x-amz-log-result", "")).decode(errors="replace"),
            version=answer.headers.get("x-amz-executed-version", ""),
        )

    def log_events(self, group: str, since_ms: int = 0) -> Iterator[LogLine]:
        """Events of every stream of `group` from `since_ms` (milliseconds since the epoch) on, oldest first."""
        token = ""
        while True:
            fields = {"logGroupName": group, "startTime": since_ms} | ({"nextToken": token} if token else {})
            page = self._logs("FilterLogEvents", fields)
            for event in page.get("events", []):
                yield LogLine(event["eventId"], event["timestamp"], event["logStreamName"], event["message"])
            token = page.get("nextToken") or ""
            if not token:
                return

    def _lambda(self, method: str, path: str, fields: Mapping[str, Any] | None = None, query: str = "") -> Answer:
        body = b"" if fields is None else json.dumps(fields).encode()
        headers = {} if fields is None else {"content-type": "application/json"}
        return self._transport.send("lambda", Request(method, path, query, headers, body))

    def _logs(self, operation: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"Logs_20140328.{operation}"}
        request = Request("POST", "/", headers=headers, body=json.dumps(fields).encode())
        return _object(self._transport.send("logs", request))


def _function(name: str) -> str:
    return f"{FUNCTIONS}/{quote(name, safe='')}"


def _base64(package: bytes) -> str:
    return base64.b64encode(package).decode()


def _object(answer: Answer) -> dict[str, Any]:
    try:
        values = json.loads(answer.body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ApiError("UnreadableAnswer", "the answer is not a JSON object; is this a Tatami endpoint?", answer.status)
    return values


def _failure(name: str, configuration: Mapping[str, Any], reason: str) -> ApiError:
    code = configuration.get(f"{reason}Code") or "Failed"
    return ApiError(str(code), f"{name}: {configuration.get(reason) or 'no reason given'}", 0)
