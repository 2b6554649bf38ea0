"""`/2018-06-01/runtime/invocation/...`: the next event, its response, its error."""

from __future__ import annotations

import base64
import binascii
import re

from tatami.domain.invocation import MAX_RESPONSE_PAYLOAD
from tatami.environments.session import Answer, Event, RuntimeApiRefusal, RuntimeSession
from tatami.runtime_api.calls import ACCEPTED, Call, Reply

_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
_MODE = "lambda-runtime-function-response-mode"
_ERROR = "lambda-runtime-function-error-type"


async def next_event(session: RuntimeSession) -> Reply:
    """`GET .../next`: blocks until there is an event."""
    event = await session.next()
    return Reply(200, event.invocation.payload, _event_headers(event))


def response(session: RuntimeSession, request_id: str, call: Call) -> Reply:
    """`POST .../{id}/response`, buffered, or streamed and ended (then an error may follow in the trailers)."""
    mode = call.headers.get(_MODE, "")
    if mode not in {"", "streaming"}:
        raise RuntimeApiRefusal(400, "InvalidFunctionResponseMode", f"Invalid response mode: {mode}")
    if call.size > MAX_RESPONSE_PAYLOAD:
        session.refuse_oversize(request_id)
    answer = Answer(call.body, content_type=call.headers.get("content-type", "application/json"))
    if failed := call.trailers.get(_ERROR):
        answer = Answer(_trailing_error(call), failed)
    session.respond(request_id, answer, call.headers.get("lambda-runtime-invocation-id", ""))
    return ACCEPTED


def error(session: RuntimeSession, request_id: str, call: Call) -> Reply:
    """`POST .../{id}/error`."""
    answer = Answer(call.body, error_type(call))
    session.fail(request_id, answer, call.headers.get("lambda-runtime-invocation-id", ""))
    return ACCEPTED


def truncated(session: RuntimeSession, request_id: str) -> None:
    """The connection broke in the middle of a response: the invocation ends with a function error."""
    body = b'{"errorType":"Runtime.TruncatedResponse","errorMessage":"Response truncated"}'
    session.respond(request_id, Answer(body, "Runtime.TruncatedResponse"))


def error_type(call: Call) -> str:
    """The error's category as the platform files it; free text becomes `Runtime.Unknown` (AWS's supervisor does so)."""
    given = call.headers.get(_ERROR, "")
    if _ERROR_TYPE.fullmatch(given):
        return given
    return "Function.Unknown" if given.startswith("Function.") else "Runtime.Unknown"


def _trailing_error(call: Call) -> bytes:
    try:
        return base64.b64decode(call.trailers.get("lambda-runtime-function-error-body", ""), validate=True)
    except binascii.Error:
        return b""


def _event_headers(event: Event) -> dict[str, str]:
    invocation = event.invocation
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
        "Lambda-Runtime-Client-Context": invocation.client_context,
        "Lambda-Runtime-Cognito-Identity": invocation.cognito_identity,
        "Lambda-Runtime-Invocation-Id": event.attempt,
    }
    return {name: value for name, value in headers.items() if value}
