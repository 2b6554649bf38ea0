"""A platform of a few lines: keeps functions and log events in memory, checks signatures, answers as Lambda would."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from tatami.kit.clock import SystemClock
from tatami.wire.http import Request
from tatami.wire.sigv4 import SignatureError, verify

Reply = tuple[int, dict[str, str], bytes]
PAGE = 2


@dataclass
class FakePlatform:
    """What it holds, and what it was asked.

    functions: configurations by name. packages: zips by name. events: log events by group. answers: what an
    invocation of a function returns. unsettled: how many looks at a function still find it being prepared.
    always: the reply to everything, when there is one.
    """

    endpoint: str = ""
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: dict[str, bytes] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answers: dict[str, Callable[[bytes], Reply]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    unsettled: int = 0
    always: Reply | None = None

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        if self.always:
            return self.always
        if request.path == "/_tatami/health":
            return reply({"version": "9.9", "uptime": 1.25, "isolation": {"kind": "process", "network": False}})
        try:
            verify(request, lambda key, token: "test" if key == "test" else None, SystemClock().now())
        except SignatureError as error:
            return refusal(403, "InvalidSignatureException", str(error))
        if "x-amz-target" in request.headers:
            return self._log_events(json.loads(request.body))
        return self._lambda(request)

    def _lambda(self, request: Request) -> Reply:
        _, _, _, *rest = request.path.split("/")
        name = unquote(rest[0]) if rest else ""
        action = rest[1] if len(rest) > 1 else ""
        self.calls.append(f"{request.method} {action}".strip())
        if request.method == "GET" and not name:
            return self._page(parse_qs(request.query).get("Marker", [""])[0])
        if request.method == "POST" and not name:
            return self._create(json.loads(request.body))
        if name not in self.functions:
            return refusal(404, "ResourceNotFoundException", f"Function not found: {name}")
        if action == "invocations":
            return self.answers[name](request.body)
        if action == "code":
            self.packages[name] = base64.b64decode(json.loads(request.body)["ZipFile"])
        elif request.method == "PUT":
            self.functions[name] |= json.loads(request.body)
        return reply({**self.functions[name], **self._progress(), "CodeSize": len(self.packages.get(name, b""))})

    def _progress(self) -> dict[str, str]:
        self.unsettled -= 1
        return {"LastUpdateStatus": "InProgress"} if self.unsettled >= 0 else {}

    def _create(self, fields: dict[str, Any]) -> Reply:
        name = fields["FunctionName"]
        self.packages[name] = base64.b64decode(fields.pop("Code")["ZipFile"])
        self.functions[name] = {**fields, "State": "Active", "LastUpdateStatus": "Successful", "Version": "$LATEST"}
        return reply(self.functions[name], 201)

    def _page(self, marker: str) -> Reply:
        names = sorted(name for name in self.functions if name > marker)
        page: dict[str, Any] = {"Functions": [self.functions[name] for name in names[:PAGE]]}
        return reply(page | ({"NextMarker": names[PAGE - 1]} if len(names) > PAGE else {}))

    def _log_events(self, fields: dict[str, Any]) -> Reply:
        group = fields["logGroupName"]
        if group not in self.events:
            return refusal(400, "ResourceNotFoundException", "The specified log group does not exist.")
        start = int(fields.get("nextToken", "0"))
        found = [event for event in self.events[group] if event["timestamp"] >= fields["startTime"]]
        more = {"nextToken": str(start + PAGE)} if len(found) > start + PAGE else {}
        return reply({"events": found[start : start + PAGE], **more})


def reply(values: dict[str, Any], status: int = 200) -> Reply:
    """A JSON answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(values).encode()


def refusal(status: int, code: str, message: str) -> Reply:
    """An AWS error as the JSON protocols write it."""
    return status, {"x-amzn-ErrorType": f"{code}:http://example/"}, json.dumps({"message": message}).encode()


@contextmanager
def serving() -> Iterator[FakePlatform]:
    """A fake platform on a free port."""
    platform = FakePlatform()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            status, answered, content = platform.answer(Request(self.command, path, query, headers, body))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **answered}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815  the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        platform.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()
