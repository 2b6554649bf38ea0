"""The whole routing policy of the functions' door, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from tatami.environments.refusal import RuntimeApiRefusal
from tatami.environments.session import RuntimeSession
from tatami.runtime_api import extensions, initialisation, invocation, telemetry
from tatami.runtime_api.calls import Call, Reply, refusal

_RUNTIME = "/2018-06-01/runtime"
_INVOCATION = f"{_RUNTIME}/invocation/"
_EXTENSION = "/2020-01-01/extension"

Answer = Callable[[RuntimeSession, Call], Awaitable[Reply]]


async def route(session: RuntimeSession, call: Call) -> Reply:
    """Answer one call; a refused one has AWS's error shape."""
    try:
        return await _route(session, call)
    except RuntimeApiRefusal as refused:
        return refusal(refused.status, refused.error_type, refused.message)


async def _route(session: RuntimeSession, call: Call) -> Reply:
    path = call.path.partition("?")[0]
    request_id, action = invocation_of(path)
    if action and call.method == "POST":
        post = invocation.response if action == "response" else invocation.error
        return post(session, request_id, call)
    wanted, answer = ROUTES.get(path, ("POST", None) if action else ("", None))
    if answer is not None and call.method == wanted:
        return await answer(session, call)
    if wanted:
        return refusal(405, "MethodNotAllowed", "Method not allowed")
    return refusal(404, "NotFound", "404 page not found")


def invocation_of(path: str) -> tuple[str, str]:
    """Request id and `response` or `error` of an invocation's path; ("", "") for any other path."""
    request_id, _, action = path.removeprefix(_INVOCATION).partition("/")
    if path.startswith(_INVOCATION) and request_id and action in {"response", "error"}:
        return unquote(request_id), action
    return "", ""


async def _next(session: RuntimeSession, call: Call) -> Reply:
    return await invocation.next_event(session)


async def _ping(session: RuntimeSession, call: Call) -> Reply:
    return Reply(200, b"pong")


async def _init_error(session: RuntimeSession, call: Call) -> Reply:
    return initialisation.init_error(session, call)


async def _no_snapshot(session: RuntimeSession, call: Call) -> Reply:
    return refusal(404, "NotFound", "SnapStart is not enabled for this function")


async def _register(session: RuntimeSession, call: Call) -> Reply:
    return extensions.register(session, call)


async def _extension_init_error(session: RuntimeSession, call: Call) -> Reply:
    return extensions.report_error(session, call, "Init")


async def _extension_exit_error(session: RuntimeSession, call: Call) -> Reply:
    return extensions.report_error(session, call, "Exit")


async def _telemetry(session: RuntimeSession, call: Call) -> Reply:
    return telemetry.subscribe(session, call, is_logs_api=False)


async def _logs(session: RuntimeSession, call: Call) -> Reply:
    return telemetry.subscribe(session, call, is_logs_api=True)


ROUTES: dict[str, tuple[str, Answer | None]] = {
    f"{_INVOCATION}next": ("GET", _next),
    f"{_RUNTIME}/init/error": ("POST", _init_error),
    f"{_RUNTIME}/restore/next": ("GET", _no_snapshot),
    f"{_RUNTIME}/restore/error": ("POST", _no_snapshot),
    f"{_EXTENSION}/register": ("POST", _register),
    f"{_EXTENSION}/event/next": ("GET", extensions.next_event),
    f"{_EXTENSION}/init/error": ("POST", _extension_init_error),
    f"{_EXTENSION}/exit/error": ("POST", _extension_exit_error),
    "/2022-07-01/telemetry": ("PUT", _telemetry),
    "/2020-08-15/logs": ("PUT", _logs),
    "/ping": ("GET", _ping),
}
"""Path to its method and what answers it; the paths of invocations, which carry an id, are read by `invocation_of`."""
