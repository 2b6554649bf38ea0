"""Python runtime: events, results, errors, the context and the end of the process."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import msgspec
import pytest
from tests.unit.runtimes.running_function import RUNTIMES, Starter, python_version

CONTEXT = """
import os
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    client = context.client_context
    return {
        "fields": {name: getattr(context, name) for name in (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
            "invoked_function_arn tenant_id").split()},
        "left": left,
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "client": client and [client.custom, client.env, client.client and client.client.app_title],
        "missing": client and client.client and client.client.app_package_name,
        "w3c": context.w3c(),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "repr": repr(context),
        "hidden": "_LAMBDA_TELEMETRY_LOG_FD" not in os.environ,
    }
"""


def test_context(start_python: Starter) -> None:
    function = start_python(CONTEXT)
    request_id = function.api.hand_out(headers={"Lambda-Runtime-Trace-Id": "Root=1-2-3;Sampled=1"})
    facts = function.outcome().json
    assert facts["fields"] == {
        "aws_request_id": request_id,
        "log_group_name": "/aws/lambda/f",
        "log_stream_name": "2026/01/02/[7]0123",
        "function_name": "f",
        "memory_limit_in_mb": "512",
        "function_version": "7",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
        "tenant_id": None,
    }
    assert 0 < facts["left"] <= 60_000
    assert facts["repr"].startswith(f"LambdaContext([aws_request_id={request_id},")
    assert (facts["identity"], facts["client"], facts["w3c"]) == ([None, None], None, {})
    assert facts["trace"] == "Root=1-2-3;Sampled=1"
    assert facts["hidden"]


def test_client_context_identity_and_tenant(start_python: Starter) -> None:
    function = start_python(CONTEXT)
    client_context = {
        "custom": {"foo": "bär"},
        "env": {"fizz": "buzz"},
        "client": {"app_title": "title"},
        "w3c": {"traceparent": "00-1", "tracestate": 7, "other": "x"},
    }
    headers = {
        "Lambda-Runtime-Client-Context": msgspec.json.encode(client_context).decode(),
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
        "Lambda-Runtime-Aws-Tenant-Id": "blue",
        "Lambda-Runtime-Deadline-Ms": "1",
    }
    facts = function.result(headers=headers)
    assert facts["client"] == [{"foo": "bär"}, {"fizz": "buzz"}, "title"]
    assert facts["missing"] is None
    assert facts["identity"] == ["id", "pool"]
    assert facts["fields"]["tenant_id"] == "blue"
    assert facts["w3c"] == {"traceparent": "00-1"}
    assert facts["left"] == 0
    assert facts["trace"] is None


def test_client_context_that_is_not_json(start_newest: Starter) -> None:
    document = start_newest(CONTEXT).invoke(headers={"Lambda-Runtime-Client-Context": "nope"}).json
    assert document["errorType"] == "Runtime.LambdaContextUnmarshalError"
    expected = "Unable to parse Client Context JSON: Expecting value: line 1 column 1 (char 0)"
    assert document["errorMessage"] == expected


VALUES = """
import collections, decimal, enum, math
Point = collections.namedtuple("Point", "x y")
class Colour(str, enum.Enum):
    RED = "red"
cycle = []
cycle.append(cycle)
def generate():
    yield 1
deep = []
for _ in range(100000):
    deep = [deep]
VALUES = {
    "none": None, "nan": [math.nan, -math.inf], "decimal": [decimal.Decimal("1.10"), decimal.Decimal("NaN")],
    "named": [Point(1, {"p": Point(2, 3)})], "bytes": b"\\x00raw\\xff", "nested bytes": {"a": b"text", b"k": 1},
    "text": "h\\u00e9 \\U0001f600", "keys": {1: "a", None: "b", True: "c"}, "enum": Colour.RED, "tuple": (1, 2),
    "set": {1}, "object": object(), "generator": generate(), "cycle": cycle, "tuple key": {(1,): 2},
    "bad bytes": [b"\\xff"], "surrogate": ["\\ud800"], "deep": deep, "complex": 1j, "decimal text": "decimal:1",
}
def handler(event, context):
    return VALUES[event]
"""

RESULTS = [
    ("none", b"null"),
    ("nan", b"[NaN, -Infinity]"),
    ("decimal", b"[1.10, NaN]"),
    ("named", b'[{"x": 1, "y": {"p": {"x": 2, "y": 3}}}]'),
    ("nested bytes", b'{"a": "text", "k": 1}'),
    ("keys", b'{"1": "c", "null": "b"}'),
    ("enum", b'"red"'),
    ("tuple", b"[1, 2]"),
    ("decimal text", b'"decimal:1"'),
]

MARSHAL_ERRORS = [
    ("set", "Unable to marshal response: Object of type set is not JSON serializable"),
    ("object", "Unable to marshal response: Object of type object is not JSON serializable"),
    ("generator", "Unable to marshal response: Object of type generator is not JSON serializable"),
    ("complex", "Unable to marshal response: Object of type complex is not JSON serializable"),
    ("cycle", "Unable to marshal response: Circular reference detected"),
    ("tuple key", "Unable to marshal response: keys must be str, int, float, bool or None, not tuple"),
]


def test_results_as_aws_writes_them(start_python: Starter, python: str) -> None:
    function = start_python(VALUES)
    for name, body in RESULTS:
        posted = function.invoke(name)
        assert (name, posted.what, posted.body) == (name, "response", body)
        assert posted.headers["content-type"] == "application/json"
    posted = function.invoke("bytes")
    assert (posted.body, posted.headers["content-type"]) == (b"\x00raw\xff", "application/unknown")
    text = function.invoke("text").body
    ascii_only = python_version(python) < (3, 12)
    assert text == (b'"h\\u00e9 \\ud83d\\ude00"' if ascii_only else '"hé 😀"'.encode())


def test_marshal_errors_have_the_texts_of_aws(start_python: Starter) -> None:
    function = start_python(VALUES)
    for name, message in MARSHAL_ERRORS:
        posted = function.invoke(name)
        assert posted.what == "error"
        assert posted.json["errorMessage"] == message
        assert posted.json["errorType"] == "Runtime.MarshalError"
        assert posted.json["requestId"] == posted.request_id
        assert posted.json["stackTrace"] == []
    assert function.invoke("bad bytes").json["errorType"] == "Runtime.MarshalError"
    assert function.invoke("deep").json["errorType"] == "Runtime.MarshalError"
    assert function.result("none") is None


WITHOUT_THE_C_MODULE = """
import collections, decimal, sys
sys.modules["_json"] = None
sys.path.insert(0, sys.argv[1])
from tatami_runtime import marshal
Point = collections.namedtuple("Point", "x")
assert marshal._scan is None
assert marshal.decode(' {"a": [1, "x"]} ') == {"a": [1, "x"]}
value = [Point(1), decimal.Decimal("1.0"), {b"k": b"v"}, float("nan")]
assert marshal.encode(value) == '[{"x": 1}, 1.0, {"k": "v"}, NaN]'
"""


def test_an_interpreter_without_the_c_accelerator_marshals_alike(python: str) -> None:
    command = [python, "-S", "-B", "-c", WITHOUT_THE_C_MODULE, str(RUNTIMES / "python")]
    subprocess.run(command, check=True)


ECHO = "def handler(event, context):\n    return event\n"
EVENTS: list[Any] = [None, 0, -1.5e300, "", "é😀\u2028", [], [[]], {"a": {"b": [1, "x", None, True]}}, 2**70]


def test_events_come_through_unchanged(start_python: Starter) -> None:
    function = start_python(ECHO)
    for event in EVENTS:
        body = b"1180591620717411303424" if event == 2**70 else msgspec.json.encode(event)
        posted = function.invoke(body)
        assert msgspec.json.decode(posted.body) == msgspec.json.decode(body)
    assert function.invoke(b' \n{"padded": 1}\t ').json == {"padded": 1}
    assert function.invoke(b'"\\ud83d\\ude00 \\u0000"').json == "😀 \u0000"


def test_event_that_is_not_json(start_python: Starter) -> None:
    function = start_python(ECHO)
    for body, reason in [(b"nope", "Expecting value: line 1 column 1 (char 0)"), (b"{} x", "Extra data: ")]:
        document = function.invoke(body).json
        assert document["errorType"] == "Runtime.UnmarshalError"
        assert document["errorMessage"].startswith("Unable to unmarshal input: " + reason)
    assert function.invoke(b"\xff").json["errorType"] == "Runtime.UnmarshalError"
    assert function.invoke(b"[" * 100_000).json["errorType"] == "Runtime.UnmarshalError"
    assert function.result(1) == 1


def test_payloads_of_six_megabytes_both_ways(start_python: Starter) -> None:
    function = start_python(ECHO)
    body = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'
    assert function.invoke(body).body == body
    function.api.hand_out(body, chunked=True)
    assert function.outcome().body == body


ERRORS = """
class OddErrör(Exception):
    pass
class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")
def recurse(depth):
    return recurse(depth + 1)
def handler(event, context):
    if event == "plain":
        raise Exception("Handler fails")
    if event == "odd":
        raise OddErrör("übel\\n\\ud800")
    if event == "named":
        raise type("With\\r\\nnewline: " + "x" * 1000, (Exception,), {})("m")
    if event == "silent":
        raise Silent()
    if event == "huge":
        raise ValueError("x" * 3000000)
    if event == "deep":
        recurse(0)
    if event == "caused":
        try:
            {}["k"]
        except KeyError as error:
            raise ValueError("outer") from error
    return event
"""


def test_handler_error_has_the_recorded_shape(start_python: Starter) -> None:
    """Recorded on AWS: test_lambda_handler_error and test_invocation_type_event_error."""
    function = start_python(ERRORS)
    posted = function.invoke("plain")
    file = function.task_root / "app.py"
    frame = f'  File "{file}", line 11, in handler\n    raise Exception("Handler fails")\n'
    assert list(posted.json.items()) == [
        ("errorMessage", "Handler fails"),
        ("errorType", "Exception"),
        ("requestId", posted.request_id),
        ("stackTrace", [frame]),
    ]
    assert posted.headers["lambda-runtime-function-error-type"] == "Exception"
    assert msgspec.json.decode(posted.headers["lambda-runtime-function-xray-error-cause"]) == {
        "working_directory": str(function.task_root),
        "exceptions": [
            {
                "message": "Handler fails",
                "type": "Exception",
                "stack": [{"label": "handler", "path": str(file), "line": 11}],
            }
        ],
        "paths": [str(file)],
    }
    assert function.log_texts == [
        "[ERROR] Exception: Handler fails\nTraceback (most recent call last):\n"
        f'\u00a0\u00a0File "{file}", line 11, in handler\n\u00a0\u00a0\u00a0\u00a0raise Exception("Handler fails")'
    ]


def test_odd_exceptions(start_python: Starter) -> None:
    function = start_python(ERRORS)
    odd = function.invoke("odd")
    assert odd.json["errorType"] == "OddErrör"
    assert odd.json["errorMessage"] == "übel\n?"
    assert odd.headers["lambda-runtime-function-error-type"] == "OddErr?r"
    named = function.invoke("named").headers["lambda-runtime-function-error-type"]
    assert named.startswith("With??newline: xxx")
    assert len(named) == 256
    assert function.invoke("silent").json["errorMessage"] == "<exception str() failed>"
    huge = function.invoke("huge")
    assert len(huge.json["errorMessage"]) == 3_000_000
    assert "lambda-runtime-function-xray-error-cause" not in huge.headers
    deep = function.invoke("deep").json
    assert deep["errorType"] == "RecursionError"
    assert any("Previous line repeated" in entry for entry in deep["stackTrace"])
    assert function.invoke("caused").json["errorMessage"] == "outer"
    assert function.result("alive") == "alive"


ENDINGS = """
import os, signal, sys, threading
def handler(event, context):
    print("before the end")
    print("unfinished", end="")
    if event == "kill":
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()
    {"sys.exit": lambda: sys.exit(), "sys.exit text": lambda: sys.exit("text"), "exit": lambda: exit(7),
     "os._exit": lambda: os._exit(9), "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt())}[event]()
"""


@pytest.mark.parametrize(
    ("how", "exit_code", "log"),
    [
        ("sys.exit", 0, ["before the end\n", "unfinished"]),
        ("sys.exit text", 1, ["before the end\n", "unfinished", "text\n"]),
        ("exit", 7, ["before the end\n", "unfinished"]),
        ("os._exit", 9, ["before the end\n"]),
        ("kill", -15, ["before the end\n"]),
    ],
)
def test_the_handler_ends_the_process(start_newest: Starter, how: str, exit_code: int, log: list[str]) -> None:
    function = start_newest(ENDINGS)
    posted = function.invoke(how)
    assert (posted.what, posted.exit_code) == ("exit", exit_code)
    assert sorted(function.log_texts) == sorted(log)


def test_other_base_exceptions_end_the_process_with_a_traceback(start_newest: Starter) -> None:
    function = start_newest(ENDINGS)
    assert function.invoke("interrupt").what == "exit"
    assert "KeyboardInterrupt\n" in function.log_texts


def test_globals_stay_warm_for_thousands_of_invocations_without_a_leak(start_newest: Starter) -> None:
    code = """
import resource
count = 0
def handler(event, context):
    global count
    count += 1
    return count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
    function = start_newest(code)
    event = {"text": "x" * 1000}
    for _ in range(500):
        function.api.hand_out(msgspec.json.encode(event))
    early = [function.outcome().json for _ in range(500)][-1][1]
    for _ in range(2500):
        function.api.hand_out(msgspec.json.encode(event))
    late = [function.outcome().json for _ in range(2500)]
    assert late[-1][0] == 3000
    assert late[-1][1] - early < 512  # KiB


def test_refused_posts_do_not_stop_the_runtime(start_newest: Starter) -> None:
    function = start_newest(ECHO)
    function.api.statuses += [413, 400, 403]
    assert [function.result(event) for event in (1, 2, 3, 4)] == [1, 2, 3, 4]
    function.api.statuses.append(500)
    assert function.result(5) == 5
    assert function.outcome().exit_code == 1


def test_a_closed_connection_is_opened_again_and_a_second_one_ends_the_process(start_newest: Starter) -> None:
    function = start_newest(ECHO)
    assert function.result(1) == 1
    function.api.hang_up()
    assert function.result(2) == 2
    function.api.hang_up()
    function.api.hang_up()
    assert function.outcome().exit_code == 1


def test_the_invocation_id_is_echoed(start_newest: Starter) -> None:
    function = start_newest(ERRORS)
    for event in ("plain", "fine"):
        posted = function.invoke(event, {"Lambda-Runtime-Invocation-Id": "attempt-1"})
        assert posted.headers["lambda-runtime-invocation-id"] == "attempt-1"
    assert "lambda-runtime-invocation-id" not in function.invoke("fine").headers


def test_threads_outlive_the_invocation(start_newest: Starter) -> None:
    code = """
import threading
go, gone = threading.Event(), threading.Event()
def work():
    go.wait()
    print("late")
    gone.set()
def handler(event, context):
    if event == "start":
        threading.Thread(target=work).start()
    else:
        go.set()
        gone.wait()
"""
    function = start_newest(code)
    function.result("start")
    assert function.log_texts == []
    function.result("finish")
    assert function.log_texts == ["late\n"]


def test_the_signal_handler_of_a_function_runs_while_it_waits(start_newest: Starter) -> None:
    code = """
import os, signal
def end(number, frame):
    print("ending")
    os._exit(5)
signal.signal(signal.SIGTERM, end)
def handler(event, context):
    return "ready"
"""
    function = start_newest(code)
    function.api.asked.wait(20)
    function.result()
    function.process.terminate()
    assert function.outcome().exit_code == 5
    assert function.log_texts == ["ending\n"]


def test_time_to_the_first_next_is_short(start_newest: Starter) -> None:
    """A coarse guard only: the measured medians live with the benchmarks."""
    started = time.perf_counter()
    function = start_newest(ECHO)
    assert function.api.asked.wait(20)
    assert function.api.asked_at - started < 5
