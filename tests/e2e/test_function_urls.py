"""Response streams and function URLs of a running platform, with boto3, curl and plain HTTP."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.e2e.conftest import PlatformFactory, factory_in
from tests.e2e.functions import create
from tests.packages import python, zipped
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")

ECHO = python("def handler(event, context): return event")

STREAM = zipped(
    {
        "app.mjs": """
        import { once } from "node:events";
        import { existsSync, writeFileSync } from "node:fs";
        const pause = () => new Promise((resolve) => setTimeout(resolve, 10));
        export const handler = awslambda.streamifyResponse(async (event, stream) => {
          const wish = event.headers ? event.queryStringParameters : event;
          stream = awslambda.HttpResponseStream.from(stream, {
            statusCode: 201,
            headers: { "content-type": "text/plain", "x-stream": "yes" },
            cookies: ["a=1; Path=/", "b=2"],
          });
          stream.write("first\\n");
          while (wish.wait && !existsSync(wish.wait)) await pause();
          for (let sent = 0; sent < (wish.megabytes ?? 0); sent++) {
            if (!stream.write(Buffer.alloc(1 << 20))) await once(stream, "drain");
          }
          if (wish.fail) throw new Error("gone wrong");
          stream.write("second\\n");
          stream.end(() => wish.done && writeFileSync(wish.done, "done\\n"));
        });
        """
    }
)

OPEN = {"StatementId": "all", "Action": "lambda:InvokeFunctionUrl", "Principal": "*"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform whose functions see the files of the test, which are what they wait for."""
    for start in factory_in(tmp_path_factory.mktemp("platform")):
        yield start("--isolation", "process")


@pytest.fixture
def client(platform: RunningPlatform) -> Any:
    return platform.client("lambda")


def node(platform: RunningPlatform) -> str:
    """A Node.js runtime of this machine."""
    health = json.loads(request(platform, "127.0.0.1", "GET", "/_tatami/health")[2])
    found: str = next(runtime for runtime in health["runtimes"] if runtime.startswith("nodejs"))
    return found


def with_url(client: Any, name: str, package: bytes, *, auth: str = "NONE", **settings: Any) -> str:
    """A function with a URL, open to all unless it is for signed requests."""
    config = {key: settings.pop(key) for key in ("InvokeMode", "Cors") if key in settings}
    create(client, name, package, **settings)
    url: str = client.create_function_url_config(FunctionName=name, AuthType=auth, **config)["FunctionUrl"]
    if auth == "NONE":
        client.add_permission(FunctionName=name, **OPEN)
    return url


def request(
    platform: RunningPlatform,
    host: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """A request with a Host of one's own; clients that resolve `*.localhost` send the same."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=30)
    try:
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@needs_node
def test_the_first_chunk_arrives_while_the_function_runs(
    platform: RunningPlatform, client: Any, tmp_path: Path
) -> None:
    create(client, "chunks", STREAM, Runtime=node(platform), Timeout=30)
    gate = tmp_path / "go"
    answer = client.invoke_with_response_stream(
        FunctionName="chunks", LogType="Tail", Payload=json.dumps({"wait": str(gate)}).encode()
    )
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    received = b""
    events = iter(answer["EventStream"])
    while b"first\n" not in received:
        received += next(events)["PayloadChunk"]["Payload"]
    assert not gate.exists(), "the function cannot have ended: it waits for this file"
    gate.touch()
    *chunks, complete = list(events)
    assert b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks) == b"second\n"
    assert set(complete["InvokeComplete"]) == {"LogResult"}


@needs_node
def test_an_error_in_the_middle_is_told_at_the_end(platform: RunningPlatform, client: Any) -> None:
    create(client, "breaks", STREAM, Runtime=node(platform))
    answer = client.invoke_with_response_stream(FunctionName="breaks", Payload=b'{"fail": true}')
    *chunks, complete = list(answer["EventStream"])
    assert b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks).endswith(b"first\n")
    assert "gone wrong" in complete["InvokeComplete"]["ErrorDetails"]
    assert complete["InvokeComplete"]["ErrorCode"]


def test_a_function_that_does_not_stream(client: Any) -> None:
    create(client, "whole", ECHO)
    events = list(client.invoke_with_response_stream(FunctionName="whole", Payload=b'{"a":1}')["EventStream"])
    assert [list(event) for event in events] == [["PayloadChunk"], ["InvokeComplete"]]
    assert json.loads(events[0]["PayloadChunk"]["Payload"]) == {"a": 1}
    dry = client.invoke_with_response_stream(FunctionName="whole", InvocationType="DryRun")
    assert (dry["StatusCode"], list(dry["EventStream"])) == (204, [])


def test_a_python_function_behind_its_url(platform: RunningPlatform, client: Any) -> None:
    url = urlsplit(with_url(client, "behind", ECHO))
    assert url.netloc.endswith(f".lambda-url.us-east-1.localhost:{platform.port}")
    headers = {"Content-Type": "text/plain", "Cookie": "a=1; b=2"}
    status, answered, body = request(platform, url.netloc, "POST", "/a%20b?x=1&x=2", b"hello", headers)
    event = json.loads(body)
    assert status == 200
    assert (event["rawPath"], event["cookies"], event["body"]) == ("/a b", ["a=1", "b=2"], "hello")
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == answered["x-amzn-requestid"]
    url_id = url.netloc.partition(".")[0]
    _, _, by_path = request(platform, f"127.0.0.1:{platform.port}", "GET", f"/_tatami/url/{url_id}/x?y=z")
    assert json.loads(by_path)["rawPath"] == "/x"
    _, _, by_aws_name = request(platform, f"{url_id}.lambda-url.us-east-1.on.aws", "GET", "/x")
    assert json.loads(by_aws_name)["rawPath"] == "/x"


@needs_curl
@needs_node
def test_curl_takes_the_url_as_it_is(platform: RunningPlatform, client: Any, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"Runtime": node(platform), "Timeout": 30, "InvokeMode": "RESPONSE_STREAM"}
    url = with_url(client, "curled", STREAM, **settings)
    gate = tmp_path / "go"
    command = ["curl", "--silent", "--show-error", "--include", "--no-buffer", f"{url}?wait={gate}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        lines: list[str] = []
        while "first\n" not in lines:
            line = curl.stdout.readline()
            if not line:
                assert curl.stderr is not None
                if "resolve" in (said := curl.stderr.read()):
                    pytest.skip("this curl does not know *.localhost")
                raise AssertionError(f"curl ended early: {said}")
            lines.append(line)
        gate.touch()
        assert curl.stdout.read() == "second\n"
    head = "".join(lines)
    assert head.startswith("HTTP/1.1 201")
    assert "x-stream: yes" in head
    assert head.count("set-cookie: ") == 2


@needs_node
def test_a_stream_that_fails_is_cut_off(platform: RunningPlatform, client: Any) -> None:
    settings = {"Runtime": node(platform), "InvokeMode": "RESPONSE_STREAM"}
    url = urlsplit(with_url(client, "cut", STREAM, **settings))
    with pytest.raises(http.client.IncompleteRead) as cut:
        request(platform, url.netloc, "GET", "/?fail=1")
    assert cut.value.partial == b"first\n"


@needs_node
def test_a_client_that_leaves_does_not_stop_the_function(
    platform: RunningPlatform, client: Any, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"Runtime": node(platform), "InvokeMode": "RESPONSE_STREAM", "Timeout": 30}
    url = urlsplit(with_url(client, "left", STREAM, **settings))
    done = tmp_path / "done"
    os.mkfifo(done)
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as connection:
        connection.sendall(f"GET /?megabytes=20&done={done} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 201"
    assert done.read_text() == "done\n", "opened by the function when all its 20 MB were taken"


def test_who_may_call(platform: RunningPlatform, client: Any) -> None:
    url = urlsplit(with_url(client, "closed", ECHO, auth="AWS_IAM"))
    assert request(platform, url.netloc, "GET", "/")[0] == 403
    asked = AWSRequest("GET", f"http://{url.netloc}/x?y=z", headers={"Host": url.netloc})
    SigV4Auth(Credentials("AKIDEXAMPLE", "any"), "lambda", "us-east-1").add_auth(asked)
    status, _, body = request(platform, url.netloc, "GET", "/x?y=z", headers=dict(asked.headers.items()))
    assert status == 200
    assert json.loads(body)["requestContext"]["authorizer"]["iam"]["accessKey"] == "AKIDEXAMPLE"
    client.update_function_url_config(FunctionName="closed", AuthType="NONE")
    assert request(platform, url.netloc, "GET", "/")[0] == 403, "the policy does not open it to all"
    client.add_permission(FunctionName="closed", FunctionUrlAuthType="NONE", **OPEN)
    assert request(platform, url.netloc, "GET", "/")[0] == 200


def test_a_browser_asks_first(platform: RunningPlatform, client: Any) -> None:
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60}
    url = urlsplit(with_url(client, "browsed", ECHO, Cors=cors))
    question = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    status, headers, body = request(platform, url.netloc, "OPTIONS", "/", headers=question)
    assert (status, body) == (200, b"")
    assert (headers["access-control-allow-methods"], headers["access-control-max-age"]) == ("GET", "60")
    _, headers, _ = request(platform, url.netloc, "GET", "/", headers={"Origin": "https://a.example"})
    assert headers["access-control-allow-origin"] == "https://a.example"


def test_too_much(platform: RunningPlatform, client: Any) -> None:
    url = urlsplit(with_url(client, "small", ECHO))
    status, _, body = request(platform, url.netloc, "POST", "/", b"x" * (6 * 1024 * 1024 + 1))
    assert status == 413
    assert b"6291456 bytes" in body


def test_urls_survive_a_kill(platform_factory: PlatformFactory, tmp_path: Path) -> None:
    first = platform_factory(data_dir=tmp_path / "kept")
    url = with_url(first.client("lambda"), "kept", ECHO, auth="NONE")
    first.kill()
    second = platform_factory(data_dir=tmp_path / "kept")
    found = second.client("lambda").get_function_url_config(FunctionName="kept")["FunctionUrl"]
    assert found.partition(".")[0] == url.partition(".")[0]
    assert request(second, urlsplit(url).netloc, "GET", "/")[0] == 200
