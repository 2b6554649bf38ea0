"""`/2018-06-01/runtime/invocation/...`: the next event, its response, its error."""

from __future__ import annotations

import base64
import binascii
import re

from tatami.domain.invocation import MAX_RESPONSE_PAYLOAD, MAX_STREAMED_RESPONSE
from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.session import Answer, Event, RuntimeSession, platform_error
from tatami.runtime_api.calls import ACCEPTED, Call, Reply

_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
MODE = "lambda-runtime-function-response-mode"
_ONE_LINE = str.maketrans("\r\n", "  ")
_ERROR = "lambda-runtime-function-error-type"
ATTEMPT = "lambda-runtime-invocation-id"
STREAMING = "streaming"
UNNAMED_TYPE = "application/octet-stream"
"""The content type of a streamed response that names none."""


async def next_event(session: RuntimeSession) -> Reply:
    """`GET .../next`: blocks until there is an event."""
    event = await session.next()
    return Reply(200, event.invocation.payload, _event_headers(event))


def response(session: RuntimeSession, request_id: str, call: Call) -> Reply:
    """`POST .../{id}/response`, buffered, or streamed and ended (then an error may follow in the trailers).

    What was streamed to the caller is not in the body any more.
    """
    mode, attempt = call.headers.get(MODE, ""), call.headers.get(ATTEMPT, "")
    if mode not in {"", STREAMING}:
        session.refuse_mode(request_id, mode, attempt)
    if call.streamed and call.size > MAX_STREAMED_RESPONSE:
        text = f"Exceeded maximum allowed payload size ({MAX_STREAMED_RESPONSE} bytes)."
        raise RuntimeApiRefusal(413, "RequestEntityTooLarge", text)  # the invocation has ended when it happened
    if not call.streamed and call.size > MAX_RESPONSE_PAYLOAD:
        session.refuse_oversize(request_id, attempt)
    streamed = call.size if call.streamed else 0
    answer = Answer(call.body, content_type=call.headers.get("content-type", "application/json"), streamed=streamed)
    if failed := call.trailers.get(_ERROR):
        answer = Answer(_trailing_error(call), failed, streamed=streamed)
    session.respond(request_id, answer, attempt)
    return ACCEPTED


def error(session: RuntimeSession, request_id: str, call: Call) -> Reply:
    """`POST .../{id}/error`."""
    answer = Answer(call.body, error_type(call))
    session.fail(request_id, answer, call.headers.get(ATTEMPT, ""))
    return ACCEPTED


def truncated(session: RuntimeSession, request_id: str) -> None:
    """The connection broke in the middle of a response: the invocation ends with a function error."""
    session.respond(request_id, platform_error("Runtime.TruncatedResponse", "Response truncated"))


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
    # A client context is JSON, and JSON may be laid out in lines; a header may not.
    return {name: value.translate(_ONE_LINE) for name, value in headers.items() if value}
