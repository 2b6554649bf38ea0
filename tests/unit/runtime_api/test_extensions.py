"""The paths of extensions: statuses, headers and bodies, without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.sessions import new_session

from tatami.environments.session import RuntimeSession
from tatami.environments.telemetry import Subscription
from tatami.kit.clock import settle
from tatami.runtime_api.calls import Call, Reply
from tatami.runtime_api.router import route

EXTENSION = "/2020-01-01/extension"
WISH = {
    "schemaVersion": "2022-12-13",
    "types": ["function"],
    "destination": {"protocol": "TCP", "port": 8080},
}


async def ask(session: RuntimeSession, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await route(session, Call(method, path, named, text, len(text)))


async def registered(session: RuntimeSession, events: list[str]) -> str:
    reply = await ask(session, "POST", f"{EXTENSION}/register", {"events": events}, lambda_extension_name="one")
    assert reply.status == 200
    return reply.headers["Lambda-Extension-Identifier"]


def test_registration_tells_of_the_function() -> None:
    async def test() -> None:
        bodies: list[Any] = [None, {}, {"events": None}, {"events": []}]
        for body in bodies:
            reply = await ask(new_session(), "POST", f"{EXTENSION}/register", body, lambda_extension_name="one")
            assert reply.status == 200
            assert json.loads(reply.body) == {
                "functionName": "f",
                "functionVersion": "$LATEST",
                "handler": "app.handler",
            }

    asyncio.run(test())


def test_an_event_has_two_identifiers() -> None:
    async def test() -> None:
        session = new_session("one")
        me = await registered(session, ["INVOKE"])
        asking = asyncio.ensure_future(ask(session, "GET", f"{EXTENSION}/event/next", lambda_extension_identifier=me))
        await settle()
        session.extensions.invoke({"eventType": "INVOKE"})
        reply = await asking
        assert (reply.status, reply.body) == (200, b'{"eventType":"INVOKE"}')
        assert reply.headers["Lambda-Extension-Identifier"] == me
        assert len(reply.headers["Lambda-Extension-Event-Identifier"]) == 36

    asyncio.run(test())


@pytest.mark.parametrize(("phase", "error_type"), [("init", "Extension.InitError"), ("exit", "Extension.ExitError")])
def test_errors_are_accepted(phase: str, error_type: str) -> None:
    async def test() -> None:
        session = new_session("one")
        me = await registered(session, ["INVOKE"])
        path = f"{EXTENSION}/{phase}/error"
        reply = await ask(session, "POST", path, b"no json", lambda_extension_identifier=me)
        assert (reply.status, json.loads(reply.body)["errorType"]) == (403, "Extension.MissingHeader")
        headers = {"lambda_extension_identifier": me, "lambda_extension_function_error_type": "Extension.Why"}
        reply = await ask(session, "POST", path, b"no json", **headers)
        assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
        assert session.extensions.failed.result().error_type == error_type

    asyncio.run(test())


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/2022-07-01/telemetry", "2022-07-01"),
        ("/2022-07-01/telemetry", "2025-01-29"),
        ("/2020-08-15/logs", "2020-08-15"),
        ("/2020-08-15/logs", "2021-03-18"),
    ],
)
def test_subscriptions(path: str, schema: str) -> None:
    async def test() -> None:
        subscriptions: list[Subscription] = []
        session = new_session("one", subscriptions=subscriptions)
        me = await registered(session, [])
        wish = {**WISH, "schemaVersion": schema}
        reply = await ask(session, "PUT", path, wish)
        assert (reply.status, json.loads(reply.body)["errorType"]) == (403, "Extension.MissingExtensionIdentifier")
        reply = await ask(session, "PUT", path, wish, lambda_extension_identifier=me)
        assert (reply.status, reply.body) == (200, b'"OK"')
        (made,) = subscriptions
        assert (made.name, made.schema, made.is_logs_api) == ("one", schema, path.endswith("logs"))
        assert (await ask(session, "POST", path, wish, lambda_extension_identifier=me)).status == 405

    asyncio.run(test())
