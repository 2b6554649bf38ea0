"""The whole routing policy of the Runtime API, in one place."""

from __future__ import annotations

from urllib.parse import unquote

from tatami.environments.session import RuntimeApiRefusal, RuntimeSession
from tatami.runtime_api import initialisation, invocation
from tatami.runtime_api.calls import Call, Reply, refusal

_BASE = "/2018-06-01/runtime/"
_INVOCATION = f"{_BASE}invocation/"


async def route(session: RuntimeSession, call: Call) -> Reply:
    """Answer one call; a refused one has AWS's error shape."""
    try:
        return await _route(session, call)
    except RuntimeApiRefusal as refused:
        return refusal(refused.status, refused.error_type, refused.message)


async def _route(session: RuntimeSession, call: Call) -> Reply:
    path = call.path.partition("?")[0]
    wanted = "GET" if path in {f"{_INVOCATION}next", "/ping"} else "POST"
    if path == f"{_INVOCATION}next" and call.method == wanted:
        return await invocation.next_event(session)
    if path == "/ping" and call.method == wanted:
        return Reply(200, b"pong")
    request_id, action = invocation_of(path)
    if action and call.method == wanted:
        post = invocation.response if action == "response" else invocation.error
        return post(session, request_id, call)
    if path == f"{_BASE}init/error" and call.method == wanted:
        return initialisation.init_error(session, call)
    if path == f"{_BASE}restore/next":
        return refusal(404, "NotFound", "SnapStart is not enabled for this function")
    known = action or path in {f"{_INVOCATION}next", "/ping", f"{_BASE}init/error"}
    return (
        refusal(405, "MethodNotAllowed", "Method not allowed")
        if known
        else refusal(404, "NotFound", "404 page not found")
    )


def invocation_of(path: str) -> tuple[str, str]:
    """Request id and `response` or `error` of an invocation's path; ("", "") for any other path."""
    request_id, _, action = path.removeprefix(_INVOCATION).partition("/")
    if path.startswith(_INVOCATION) and request_id and action in {"response", "error"}:
        return unquote(request_id), action
    return "", ""
