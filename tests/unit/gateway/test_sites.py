"""Sites: who is asked before the services, what they learn of a request, and what of their answers reaches a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tests.unit.gateway.rooms import KEY, Issued, State, rooms
from tests.unit.gateway.test_gateway import NOW, signed

from tatami.frame.errors import AwsError
from tatami.frame.operation import Context
from tatami.frame.site import Page, Truncated, Visit
from tatami.gateway.asgi import Application
from tatami.gateway.gateway import Gateway
from tatami.gateway.server import Server
from tatami.kit.clock import SystemClock, VirtualClock
from tatami.wire.http import Request, Response


class Echo:
    """A site at hosts that begin with `site.`."""

    body_limit = 10

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.signers: list[Context | None] = []

    def serves(self, head: Request) -> bool:
        return head.header("host").startswith("site.")

    def too_large(self, request_id: str) -> Response:
        return Response(413, {}, b"too large for the site")

    async def answer(self, visit: Visit) -> Response:
        self.visits.append(visit)
        if visit.request.path == "/signed":
            self.signers.append(await visit.signer())
        if visit.request.path == "/broken":
            raise AwsError("Broken", "on purpose", 418)
        if visit.request.path == "/cut":
            return Page(200, {}, self._cut())
        return Page(200, {"x-id": visit.request_id}, visit.request.body, ("a=1; Path=/", "b=2"))

    async def _cut(self) -> AsyncIterator[bytes]:
        yield b"half"
        raise Truncated("on purpose")


def gateway(site: Echo, **options: Any) -> Gateway:
    return Gateway(rooms(State()), Issued(), clock=VirtualClock(NOW), sites=[site], **options)


def test_a_site_is_asked_before_the_services() -> None:
    site = Echo()
    front = gateway(site, ids=lambda: "id-1")
    page = asyncio.run(front.handle(Request("GET", "/2015-03-31/functions/", "", {"host": "site.localhost"})))
    assert (page.status, page.headers) == (200, {"x-id": "id-1"})
    other = asyncio.run(front.handle(Request("GET", "/2015-03-31/functions/", "", {"host": "localhost"})))
    assert other.status == 403
    assert len(site.visits) == 1


def test_a_site_learns_who_signed() -> None:
    site = Echo()
    front = gateway(site)
    host = {"host": "site.localhost"}
    asyncio.run(front.handle(Request("GET", "/signed", "", host)))
    asyncio.run(front.handle(signed("GET", "/signed", headers=host)))
    nobody, somebody = site.signers
    assert nobody is None
    assert somebody is not None
    assert somebody.access_key == KEY
    for request in (
        signed("GET", "/signed", headers=host, secret="wrong"),
        signed("GET", "/signed", service="s3", headers=host),
    ):
        assert asyncio.run(front.handle(request)).status == 403
    assert len(site.signers) == 2


def test_limits_and_errors() -> None:
    front = gateway(Echo())
    head = Request("POST", "/", "", {"host": "site.localhost"})
    assert front.body_limit(head, 5) == 10
    assert front.too_large(head, 10).body == b"too large for the site"
    assert asyncio.run(front.handle(Request("GET", "/broken", "", {"host": "site.localhost"}))).status == 418


def test_over_a_socket() -> None:
    async def main() -> None:
        site = Echo()
        server = Server(Application(gateway(site), SystemClock()))
        port = await server.start()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: site.localhost\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.count("set-cookie: ") == 2
            assert (site.visits[0].client, site.visits[0].protocol) == ("127.0.0.1", "HTTP/1.1")
            writer.write(b"GET /cut HTTP/1.1\r\nHost: site.localhost\r\n\r\n")
            rest = await reader.read()
            assert rest.endswith(b"\r\n\r\n4\r\nhalf\r\n"), "no last chunk: the client sees that something is missing"
            writer.close()
        finally:
            await server.stop()

    asyncio.run(main())
