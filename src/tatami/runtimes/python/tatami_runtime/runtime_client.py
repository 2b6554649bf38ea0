"""Client of the Lambda Runtime API (2018-06-01) over one kept connection.

The C module `_socket` is used directly: `socket` and `http.client` would cost more to import than everything
else in this runtime together.
"""

import _socket
import sys

PREFIX = "/2018-06-01/runtime"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
XRAY_CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause"
INVOCATION_ID = "Lambda-Runtime-Invocation-Id"
LONGEST_ERROR_TYPE = 256  # characters
LONGEST_XRAY_CAUSE = 64 * 1024  # bytes; the platform keeps no more (RAPID, invocationerror)


class RuntimeApiError(Exception):
    """The Runtime API cannot be talked to any more; the process has nothing left to do."""


class Invocation:
    """One answer of `/next`: `body` in bytes and the headers that describe it."""

    __slots__ = (
        "body",
        "client_context",
        "cognito_identity",
        "content_type",
        "deadline_ms",
        "function_arn",
        "invocation_id",
        "request_id",
        "tenant_id",
        "trace_id",
    )

    def __init__(self, headers, body):
        self.body = body
        self.request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.deadline_ms = int(headers.get("lambda-runtime-deadline-ms", 0))
        self.function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.trace_id = headers.get("lambda-runtime-trace-id")
        self.client_context = headers.get("lambda-runtime-client-context")
        self.cognito_identity = headers.get("lambda-runtime-cognito-identity")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.invocation_id = headers.get("lambda-runtime-invocation-id")
        self.content_type = headers.get("content-type", "application/json")


class RuntimeClient:
    """Speaks to `address` ("host:port", the value of AWS_LAMBDA_RUNTIME_API)."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = (host.strip("[]"), int(port or 80))
        self.family = _socket.AF_INET6 if ":" in self.address[0] else _socket.AF_INET
        self.host_header = address
        self.connection = None
        self.received = b""

    def next(self):
        """Waits, without a limit, for an Invocation. Raises RuntimeApiError when the platform is gone."""
        answer = self._exchange("GET", "/invocation/next", {}, b"")
        if answer is None or answer[0] != 200:
            raise RuntimeApiError("/invocation/next was answered with %s" % (answer and answer[0]))
        return Invocation(answer[1], answer[2])

    def post_response(self, invocation, body, content_type):
        """Posts the result; a refusal (a body that is too large, an id that is over) is the platform's to report."""
        self._post_about(invocation, "response", {"Content-Type": content_type}, body)

    def post_error(self, invocation, body, error_type, xray_cause):
        """Posts a handler's error; `xray_cause` is a JSON text in ASCII, or "" for none."""
        headers = {"Content-Type": "application/json", ERROR_TYPE: error_type_header(error_type)}
        if xray_cause and len(xray_cause) <= LONGEST_XRAY_CAUSE:
            headers[XRAY_CAUSE] = xray_cause
        self._post_about(invocation, "error", headers, body)

    def post_init_error(self, body, error_type):
        """Posts an error of the initialisation; whatever the answer, the caller exits next."""
        headers = {"Content-Type": "application/json", ERROR_TYPE: error_type_header(error_type)}
        self._exchange("POST", "/init/error", headers, body)

    def _post_about(self, invocation, what, headers, body):
        if invocation.invocation_id:
            headers[INVOCATION_ID] = invocation.invocation_id
        answer = self._exchange("POST", "/invocation/%s/%s" % (invocation.request_id, what), headers, body)
        if answer is not None and answer[0] >= 500:
            # The guide: a 500 is a container error that cannot be recovered from; the runtime exits promptly.
            raise RuntimeApiError("posting the %s was answered with %d" % (what, answer[0]))

    def _exchange(self, method, path, headers, body):
        """One request: (status, headers, body), or None when the connection broke before an answer, twice."""
        lines = ["%s %s%s HTTP/1.1" % (method, PREFIX, path), "Host: " + self.host_header]
        lines.append("User-Agent: tatami-python/%d.%d.%d" % sys.version_info[:3])
        lines += ["%s: %s" % header for header in headers.items()]
        if method == "POST":
            lines.append("Content-Length: %d" % len(body))
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        for _ in range(2):
            try:
                return self._try(head, body)
            except OSError:
                # A kept connection may have been closed meanwhile, or the server refused the body halfway.
                self._disconnect()
        return None

    def _try(self, head, body):
        if self.connection is None:
            self._connect()
        try:
            self.connection.sendall(head + body if len(body) < 65536 else head)
            if len(body) >= 65536:
                self.connection.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a large body answers and closes without reading it: the answer may be there.
            return self._read_answer()
        return self._read_answer()

    def _connect(self):
        self.connection = _socket.socket(self.family, _socket.SOCK_STREAM)
        self.received = b""
        self.connection.connect(self.address)
        self.connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)

    def _disconnect(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _read_answer(self):
        status = 100
        while status < 200:
            status, headers = self._read_head()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._read_chunks()
        else:
            body = self._read_exactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self._disconnect()
        return status, headers, body

    def _read_head(self):
        lines = self._read_until(b"\r\n\r\n").decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(lines[0].split(" ", 2)[1]), headers

    def _read_until(self, delimiter):
        while delimiter not in self.received:
            self.received += self._receive()
        found, _, self.received = self.received.partition(delimiter)
        return found

    def _receive(self):
        data = self.connection.recv(65536)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        return data

    def _read_exactly(self, length):
        body = self.received[:length]
        self.received = self.received[length:]
        if len(body) == length:
            return body
        whole = bytearray(length)
        whole[: len(body)] = body
        position, view = len(body), memoryview(whole)
        while position < length:
            count = self.connection.recv_into(view[position:])
            if not count:
                raise ConnectionResetError("the Runtime API closed the connection")
            position += count
        view.release()
        return bytes(whole)

    def _read_chunks(self):
        chunks = []
        while True:
            length = int(self._read_until(b"\r\n").split(b";")[0], 16)
            if length == 0:
                while self._read_until(b"\r\n"):
                    pass
                return b"".join(chunks)
            chunks.append(self._read_exactly(length))
            self._read_exactly(2)


def error_type_header(error_type):
    """An error type as a header value: printable ASCII in one line, other characters as `?`."""
    text = error_type[:LONGEST_ERROR_TYPE]
    return "".join(character if " " <= character <= "~" else "?" for character in text)
