"""A Runtime API for tests: the test hands out invocations one by one and sees what the runtime posts."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

FAR_AWAY_MS = 60_000
PATIENCE = 30.0  # seconds until a test gives up


@dataclass(frozen=True)
class Posted:
    """One thing the runtime did: `what` is response, error, init_error or exit."""

    what: str
    request_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    chunks: int = 0
    exit_code: int | None = None

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Next:
    """One answer to /next, or the order to close the connection instead."""

    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    hang_up: bool = False


class FakeRuntimeApi:
    """Serves on a free port; `posts` receives what the runtime posts, in order."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.nexts: queue.Queue[Next | None] = queue.Queue()
        self.posts: queue.Queue[Posted] = queue.Queue()
        self.statuses: list[int] = []
        self.asked = threading.Event()
        self.asked_at = 0.0
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def hand_out(self, body: bytes = b"{}", headers: dict[str, str] | None = None, chunked: bool = False) -> str:
        """Queues an invocation and returns its request id."""
        request_id = str(uuid.uuid4())
        all_headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + FAR_AWAY_MS),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        self.nexts.put(Next(body, all_headers, chunked))
        return all_headers["Lambda-Runtime-Aws-Request-Id"]

    def hang_up(self) -> None:
        """Closes the connection of the waiting /next."""
        self.nexts.put(Next(hang_up=True))

    def close(self) -> None:
        self.nexts.put(None)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        with contextlib.suppress(OSError, ValueError), connection, stream:
            while request_line := stream.readline():
                method, path, _ = request_line.decode().split(" ")
                headers = _read_headers(stream)
                if method == "GET":
                    if not self._answer_next(connection):
                        return
                    continue
                refusal = self.statuses.pop(0) if self.statuses else 202
                self._take_post(path, headers, stream)
                body = b'{"status":"OK"}'
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (refusal, len(body), body))

    def _answer_next(self, connection: socket.socket) -> bool:
        self.asked_at = time.perf_counter()
        self.asked.set()
        answer = self.nexts.get()
        if answer is None or answer.hang_up:
            connection.shutdown(socket.SHUT_RDWR)
            return False
        lines = [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.chunked:
            lines.append("Transfer-Encoding: chunked")
            half = len(answer.body) // 2
            pieces = [piece for piece in (answer.body[:half], answer.body[half:], b"") if piece or not half] or [b""]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(answer.body)}")
            body = answer.body
        head = "\r\n".join(["HTTP/1.1 200 OK", *lines]) + "\r\n\r\n"
        connection.sendall(head.encode() + body)
        return True

    def _take_post(self, path: str, headers: dict[str, str], stream: Any) -> None:
        trailers: dict[str, str] = {}
        chunks = 0
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while length := int(stream.readline(), 16):
                pieces.append(stream.read(length))
                stream.readline()
            trailers, body, chunks = _read_headers(stream), b"".join(pieces), len(pieces)
        else:
            body = stream.read(int(headers["content-length"]))
        if path == "/2018-06-01/runtime/init/error":
            self.posts.put(Posted("init_error", "", headers, body))
            return
        prefix, request_id, what = path.rsplit("/", 2)
        assert prefix == "/2018-06-01/runtime/invocation"
        self.posts.put(Posted(what, request_id, headers, body, trailers, chunks))


def _read_headers(stream: Any) -> dict[str, str]:
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers
