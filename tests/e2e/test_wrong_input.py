"""Every wrong input that users and functions can give: a clear AWS-shaped error, and nothing half-made stays behind."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import secrets
import socket
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.e2e.conftest import factory_in
from tests.e2e.functions import create, health, invoke
from tests.e2e.marks import ends, marked
from tests.packages import PYTHON, ROLE, python, zipped
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e

MEGABYTE = 1024 * 1024
PAYLOAD_LIMIT = 6 * MEGABYTE
OK = python("def handler(event, context): return event")
CANNOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
FUNCTIONS = "/2015-03-31/functions/"
KEY, SECRET = "AKIDEXAMPLE", "a-long-secret"


@pytest.fixture(scope="module")
def client(platform: RunningPlatform) -> Any:
    return platform.client("lambda", config=_lenient())


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A function name of the test's own, so that the tests of this file share a platform."""
    return "f-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform that takes signatures of one known key only."""
    for start in factory_in(tmp_path_factory.mktemp("enforcing")):
        yield start("--access", "enforce", environment={"TATAMI_KEYS": f"{KEY}={SECRET}"})


def _lenient() -> Config:
    """A client that leaves the judging of parameters to the platform."""
    return Config(retries={"total_max_attempts": 1}, read_timeout=30, parameter_validation=False)


def _refused(client: Any, operation: str, **arguments: Any) -> tuple[int, str, str]:
    """Status, code and message of the error that `operation` must answer."""
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def _create_refused(client: Any, name: str, package: bytes = OK, **settings: Any) -> tuple[int, str, str]:
    """What CreateFunction answers; afterwards the function must not exist."""
    arguments = {
        "FunctionName": name,
        "Runtime": PYTHON,
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": package},
        **settings,
    }
    refusal = _refused(client, "create_function", **arguments)
    existing = [
        f["FunctionName"] for page in client.get_paginator("list_functions").paginate() for f in page["Functions"]
    ]
    assert arguments["FunctionName"] not in existing
    return refusal


def _stored(platform: RunningPlatform) -> set[Path]:
    return {path for path in (platform.data_dir / "blobs").rglob("*") if path.is_file()}


def _fails(client: Any, name: str, source: str, error_type: str, **settings: Any) -> dict[str, Any]:
    """Deploy `source` and invoke it: the error object, whose errorType must be `error_type`."""
    create(client, name, python(source), **settings)
    answer = invoke(client, name)
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.value["errorType"] == error_type
    value: dict[str, Any] = answer.value
    return value


def _with_link(target: str, link: str = "link") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(link)
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
        archive.writestr("app.py", "def handler(event, context): return 1")
    return buffer.getvalue()


def _bomb(announced: int | None = None) -> bytes:
    """A small zip of 251 MB of zeros. announced: the size that its directory claims instead."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("zeros", "w") as entry,
    ):
        for _ in range(251):
            entry.write(bytes(MEGABYTE))
    content = bytearray(buffer.getvalue())
    if announced is not None:
        size_at = content.index(b"PK\x01\x02") + 24
        content[size_at : size_at + 4] = announced.to_bytes(4, "little")
    return bytes(content)


def _empty_zip() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


# Packages.


@pytest.mark.parametrize(
    "package",
    [b"this is no zip", b"PK\x03\x04" + b"junk" * 20, OK[:-30], OK.replace(b"PK\x01\x02", b"PK\x01\x03")],
    ids=["text", "junk", "truncated", "broken-directory"],
)
def test_a_corrupt_zip(platform: RunningPlatform, client: Any, name: str, package: bytes) -> None:
    before = _stored(platform)
    assert _create_refused(client, name, package) == (400, "InvalidParameterValueException", CANNOT_UNZIP)
    assert _stored(platform) == before


@pytest.mark.parametrize("package", [b"", _empty_zip()], ids=["no-bytes", "no-entries"])
def test_an_empty_zip(client: Any, name: str, package: bytes) -> None:
    answer = _create_refused(client, name, package)
    assert answer == (400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip")


@pytest.mark.parametrize("path", ["../evil.py", "/evil.py", "a/../../evil.py", "..\\evil.py"])
def test_a_zip_that_leaves_its_folder(platform: RunningPlatform, client: Any, name: str, path: str) -> None:
    package = zipped({path: "x", "app.py": "def handler(event, context): return 1"})
    assert _create_refused(client, name, package) == (400, "InvalidParameterValueException", CANNOT_UNZIP)
    assert not list(platform.data_dir.parent.rglob("*evil*"))


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "/tmp"])
def test_a_link_that_leaves_the_package(client: Any, name: str, target: str) -> None:
    assert _create_refused(client, name, _with_link(target)) == (400, "InvalidParameterValueException", CANNOT_UNZIP)


def test_a_zip_bomb(platform: RunningPlatform, client: Any, name: str) -> None:
    before = _stored(platform)
    status, code, message = _create_refused(client, name, _bomb())
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message == "Unzipped size must be smaller than 262144000 bytes"
    assert _stored(platform) == before


def test_a_zip_bomb_that_lies_about_its_size(client: Any, name: str) -> None:
    status, code, _message = _create_refused(client, name, _bomb(announced=10))
    assert (status, code) == (400, "InvalidParameterValueException")


def test_a_bad_update_leaves_the_function_as_it_was(client: Any, name: str) -> None:
    create(client, name, OK)
    before = client.get_function_configuration(FunctionName=name)
    assert _refused(client, "update_function_code", FunctionName=name, ZipFile=b"junk")[2] == CANNOT_UNZIP
    after = client.get_function_configuration(FunctionName=name)
    assert [after[key] for key in ("CodeSha256", "RevisionId")] == [before[key] for key in ("CodeSha256", "RevisionId")]
    assert invoke(client, name, "still here").value == "still here"


# Functions that misbehave.


def test_a_handler_that_does_not_exist(client: Any, name: str) -> None:
    error = _fails(client, name, "x = 1", "Runtime.HandlerNotFound")
    assert error["errorMessage"] == "Handler 'handler' missing on module 'app'"


def test_a_module_that_does_not_exist(client: Any, name: str) -> None:
    error = _fails(client, name, "x = 1", "Runtime.ImportModuleError", Handler="nope.handler")
    assert error["errorMessage"] == "Unable to import module 'nope': No module named 'nope'"


def test_a_module_that_raises_at_import(client: Any, name: str) -> None:
    error = _fails(client, name, "raise LookupError('at import')", "LookupError")
    assert (error["errorMessage"], error["requestId"]) == ("at import", "")
    assert "app.py" in error["stackTrace"][-1]
    assert invoke(client, name).value["errorType"] == "LookupError", "and again, in the next environment"


def test_a_function_that_prints_ten_megabytes(client: Any, name: str) -> None:
    source = """
        def handler(event, context):
            for _ in range(10_000):
                print("x" * 1_000)
            return "done"
        """
    create(client, name, python(source), Timeout=60)
    answer = invoke(client, name, LogType="Tail")
    assert (answer.error, answer.value) == ("", "done")
    tail = base64.b64decode(answer.raw["LogResult"]).decode()
    assert len(tail) <= 4096
    assert "\nREPORT RequestId: " in tail


@pytest.mark.parametrize(
    ("expression", "payload"), [('float("nan")', "NaN"), ('b"bytes"', "bytes")], ids=["nan", "bytes"]
)
def test_what_only_pythons_json_can_say_is_passed_on_as_aws_does(
    client: Any, name: str, expression: str, payload: str
) -> None:
    create(client, name, python(f"def handler(event, context): return {expression}"))
    answer = invoke(client, name)
    assert (answer.error, answer.text) == ("", payload)


def test_a_function_that_returns_a_set(client: Any, name: str) -> None:
    error = _fails(client, name, "def handler(event, context): return {1}", "Runtime.MarshalError")
    assert error["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_a_function_that_exits(client: Any, name: str) -> None:
    source = """
        import os
        def handler(event, context):
            if event is None:
                os._exit(3)
            return "alive"
        """
    error = _fails(client, name, source, "Runtime.ExitError")
    assert error["errorMessage"].endswith(" Error: Runtime exited with error: exit status 3")
    assert invoke(client, name, 1).value == "alive"


def test_a_function_that_crashes(client: Any, name: str) -> None:
    source = """
        import os, signal
        def handler(event, context):
            if event is None:
                os.kill(os.getpid(), signal.SIGSEGV)
            return "alive"
        """
    error = _fails(client, name, source, "Runtime.ExitError")
    assert error["errorMessage"].endswith(" Error: Runtime exited with error: signal: segmentation fault")
    assert invoke(client, name, 1).value == "alive"


def test_a_function_that_closes_its_sockets(client: Any, name: str) -> None:
    source = """
        import os
        def handler(event, context):
            if event is None:
                os.closerange(0, 1000)
            return "alive"
        """
    _fails(client, name, source, "Runtime.ExitError", Timeout=5)
    assert invoke(client, name, 1).value == "alive"


@pytest.mark.parametrize("session", [False, True], ids=["same-session", "own-session"])
def test_children_do_not_outlive_the_environment(client: Any, name: str, session: bool) -> None:
    source = f"""
        import subprocess
        def handler(event, context):
            subprocess.Popen(["sleep", "300"], start_new_session={session})
            return context.log_stream_name
        """
    create(client, name, python(source))
    streams = {invoke(client, name).value for _ in range(2)}
    assert len([pid for stream in streams for pid in marked(stream)]) >= 3, "the runtime and its children"
    client.delete_function(FunctionName=name)
    assert all(ends(stream) for stream in streams)


def test_a_daemon_does_not_outlive_the_environment(client: Any, name: str) -> None:
    if health(client)["isolation"]["kind"] != "namespaces":
        pytest.skip("only namespaces hold a daemon that has emptied its variables")
    mark = f"300.{secrets.randbelow(10**9):09}"
    source = f"""
        import os
        def handler(event, context):
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.chdir("/")
                    os.closerange(0, 3)
                    os.execve("/bin/sleep", ["sleep", "{mark}"], {{}})
                os._exit(0)
            os.close(writing)
            os.wait()
            with open(reading) as pipe:
                return pipe.read()  # to its end: the daemon's own copy is closed when `sleep` has begun
        """
    create(client, name, python(source))
    invoke(client, name)
    assert marked(mark), "the daemon runs"
    client.delete_function(FunctionName=name)
    assert ends(mark)


def test_a_function_that_ignores_sigterm_and_never_answers(client: Any, name: str) -> None:
    source = """
        import signal, time, uuid
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process = str(uuid.uuid4())
        def handler(event, context):
            if event is not None:
                return process
            time.sleep(300)
        """
    create(client, name, python(source), Timeout=1)
    process = invoke(client, name, "who").value
    answer = invoke(client, name)
    assert (answer.status, answer.error, answer.value["errorType"]) == (200, "Unhandled", "Sandbox.Timedout")
    assert answer.value["errorMessage"].endswith(" Error: Task timed out after 1.00 seconds")
    assert invoke(client, name, "who").value != process


def test_an_answer_that_is_too_large(client: Any, name: str) -> None:
    error = _fails(
        client,
        name,
        f'def handler(event, context): return "x" * {PAYLOAD_LIMIT + 200}',
        "Function.ResponseSizeTooLarge",
    )
    assert error["errorMessage"] == "Response payload size exceeded maximum allowed payload size (6291556 bytes)."


def test_a_function_cannot_change_the_code_of_another(client: Any, name: str) -> None:
    if health(client)["isolation"]["kind"] != "namespaces":
        pytest.skip("only namespaces protect the package from a function of a privileged user")
    package = python(
        """
        import os
        def handler(event, context):
            if event:
                with open(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "app.py"), "w") as code:
                    code.write("def handler(event, context): return 'changed'")
            return "as deployed"
        """
    )
    create(client, name, package)
    invoke(client, name, "change it")
    create(client, f"{name}-other", package)
    assert invoke(client, f"{name}-other").value == "as deployed"


def test_a_variable_that_no_process_can_have(platform: RunningPlatform, name: str) -> None:
    client = platform.client("lambda", config=Config(retries={"total_max_attempts": 1}, read_timeout=3))
    try:
        create(client, name, OK, Environment={"Variables": {"WORD": "a\0b"}})
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    else:
        invoke(client, name)


# Requests.


def test_a_payload_of_six_megabytes_and_one_byte(client: Any, name: str) -> None:
    create(client, name, python("def handler(event, context): return len(event)"))
    most = b'"' + b"x" * (PAYLOAD_LIMIT - 2) + b'"'
    assert json.loads(client.invoke(FunctionName=name, Payload=most)["Payload"].read()) == PAYLOAD_LIMIT - 2
    status, code, message = _refused(client, "invoke", FunctionName=name, Payload=most + b" ")
    assert (status, code) == (413, "RequestEntityTooLargeException")
    assert message.startswith("6291457 byte payload is too large for the RequestResponse invocation type")


@pytest.mark.parametrize("payload", [b"{bad", b"{} x", b"NaN", b"\xff"], ids=["broken", "more", "nan", "bytes"])
def test_a_payload_that_is_not_json(client: Any, name: str, payload: bytes) -> None:
    create(client, name, OK)
    status, code, message = _refused(client, "invoke", FunctionName=name, Payload=payload)
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_an_unknown_runtime(client: Any, name: str) -> None:
    status, code, message = _create_refused(client, name, Runtime="cobol85")
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message.startswith("Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value")
    assert message.endswith("] or be a valid ARN")


def test_a_runtime_that_aws_has_retired(client: Any, name: str) -> None:
    message = _create_refused(client, name, Runtime="python3.7")[2]
    assert message.startswith("The runtime parameter of python3.7 is no longer supported for creating or updating")


@pytest.mark.parametrize(
    ("member", "value", "limit"),
    [
        ("MemorySize", 127, "greater than or equal to 128"),
        ("MemorySize", 10241, "less than or equal to 10240"),
        ("MemorySize", 32769, "less than or equal to 32768"),
        ("Timeout", 0, "greater than or equal to 1"),
        ("Timeout", 901, "less than or equal to 900"),
        ("Timeout", 5401, "less than or equal to 5400"),
    ],
)
def test_a_number_out_of_range(client: Any, name: str, member: str, value: int, limit: str) -> None:
    status, _code, message = _create_refused(client, name, OK, **{member: value})
    assert status == 400
    path = member[0].lower() + member[1:]
    prefix = f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint"
    assert message == f"{prefix}: Member must have value {limit}"


@pytest.mark.parametrize("illegal", ["two words", "a/b", "../a", "ünïcode", "a:b:c", "x" * 65, ""])
def test_an_illegal_name(client: Any, illegal: str) -> None:
    status, code, message = _create_refused(client, illegal)
    assert (status, code) in {(400, "ValidationException"), (400, "InvalidParameterValueException")}
    assert "at 'functionName' failed to satisfy constraint: Member must " in message


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_request_that_is_cut_off(platform: RunningPlatform, client: Any, chunked: bool) -> None:
    body = json.dumps(
        {
            "FunctionName": "cut-off",
            "Runtime": PYTHON,
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": base64.b64encode(OK).decode()},
        }
    ).encode()
    headers = _signed(platform, "POST", FUNCTIONS[:-1], body)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        sent = f"{len(body):x}\r\n".encode() + body
    else:
        headers["Content-Length"] = str(len(body) + 1)
        sent = body
    lines = "".join(f"{header}: {value}\r\n" for header, value in headers.items())
    with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
        connection.sendall(f"POST {FUNCTIONS[:-1]} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode() + sent)
        connection.shutdown(socket.SHUT_WR)
        assert b" 201 " not in connection.recv(200)
    assert _refused(client, "get_function", FunctionName="cut-off")[1] == "ResourceNotFoundException"


def test_two_hundred_connections_that_send_nothing(platform: RunningPlatform, client: Any, name: str) -> None:
    connections = [socket.create_connection(("127.0.0.1", platform.port)) for _ in range(200)]
    try:
        create(client, name, OK)
        assert invoke(client, name, "served").value == "served"
    finally:
        for connection in connections:
            connection.close()


# Signatures.


def _signed(
    platform: RunningPlatform, method: str, path: str, body: bytes = b"", secret: str = SECRET, seconds: float = 0
) -> dict[str, str]:
    """The headers of a signed request. seconds: how far the clock of its sender is off."""
    request = AWSRequest(method, f"http://127.0.0.1:{platform.port}{path}", data=body)
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    signer = SigV4Auth(Credentials(KEY, secret), "lambda", "us-east-1")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signed = signer.signed_headers(signer.headers_to_sign(request))
    credential = f"Credential={signer.scope(request)}, SignedHeaders={signed}, Signature={signature}"
    return {**dict(request.headers.items()), "Authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _answer(
    platform: RunningPlatform, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, str, str]:
    """Status, error type and message of a raw request's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        return answer.status, answer.headers.get("x-amzn-ErrorType", ""), content.get("message", "")
    finally:
        connection.close()


def test_a_right_signature_is_taken(enforcing: RunningPlatform) -> None:
    headers = _signed(enforcing, "GET", FUNCTIONS)
    assert _answer(enforcing, "GET", FUNCTIONS, b"", headers)[0] == 200


def test_a_wrong_signature(enforcing: RunningPlatform) -> None:
    headers = _signed(enforcing, "GET", FUNCTIONS, secret="another")
    status, code, message = _answer(enforcing, "GET", FUNCTIONS, b"", headers)
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


@pytest.mark.parametrize(
    ("seconds", "complaint"),
    [(-1200, "Signature expired: "), (1200, "Signature not yet current: ")],
    ids=["slow", "fast"],
)
def test_a_clock_twenty_minutes_off(enforcing: RunningPlatform, seconds: int, complaint: str) -> None:
    headers = _signed(enforcing, "GET", FUNCTIONS, seconds=seconds)
    status, code, message = _answer(enforcing, "GET", FUNCTIONS, b"", headers)
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith(complaint)


def test_a_body_that_was_changed_on_its_way(enforcing: RunningPlatform) -> None:
    path = f"{FUNCTIONS}any/invocations"
    headers = _signed(enforcing, "POST", path, b'{"amount": 1}')
    status, code, _message = _answer(enforcing, "POST", path, b'{"amount": 9}', headers)
    assert (status, code) == (403, "InvalidSignatureException")


def test_an_unknown_key(enforcing: RunningPlatform) -> None:
    refusal = _refused(enforcing.client("lambda"), "list_functions")
    assert refusal == (403, "UnrecognizedClientException", "The security token included in the request is invalid.")


def test_no_signature_at_all(enforcing: RunningPlatform) -> None:
    assert _answer(enforcing, "GET", FUNCTIONS, b"", {})[:2] == (403, "MissingAuthenticationTokenException")
