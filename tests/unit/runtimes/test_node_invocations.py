"""Node.js runtime: events, results, errors, callbacks, the context and the end of the process."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.runtimes.running_function import Starter

CONTEXT = """
exports.handler = async (event, context) => ({
    context,
    left: context.getRemainingTimeInMillis(),
    trace: process.env._X_AMZN_TRACE_ID ?? null,
    methods: ["done", "succeed", "fail"].map((name) => typeof context[name]),
    hidden: process.env._LAMBDA_TELEMETRY_LOG_FD === undefined,
    streaming: Object.keys(awslambda),
});
"""


def test_context_has_the_recorded_fields(start_node: Starter) -> None:
    """Recorded on AWS: test_lambda_with_context."""
    function = start_node(CONTEXT)
    client_context = {"client": {"snap": ["crackle", "pop"]}, "custom": {"foo": "bär"}, "env": {"fizz": "buzz"}}
    headers = {
        "Lambda-Runtime-Client-Context": msgspec.json.encode(client_context).decode(),
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
        "Lambda-Runtime-Trace-Id": "Root=1-2-3",
        "Lambda-Runtime-Aws-Tenant-Id": "blue",
    }
    posted = function.invoke({}, headers)
    facts = posted.json
    assert facts["context"] == {
        "awsRequestId": posted.request_id,
        "callbackWaitsForEmptyEventLoop": True,
        "clientContext": client_context,
        "functionName": "f",
        "functionVersion": "7",
        "identity": {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"},
        "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/01/02/[7]0123",
        "memoryLimitInMB": "512",
        "tenantId": "blue",
    }
    assert 0 < facts["left"] <= 60_000
    assert facts["trace"] == "Root=1-2-3"
    assert facts["methods"] == ["function"] * 3
    assert facts["hidden"]
    again = function.result(headers={"Lambda-Runtime-Deadline-Ms": "1"})
    assert (again["left"], again["trace"]) == (0, None)
    assert "clientContext" not in again["context"]
    document = function.invoke(headers={"Lambda-Runtime-Client-Context": "nope"}).json
    assert document["errorMessage"].startswith("Cannot parse ClientContext as json: SyntaxError")


OUTCOMES = """
const later = (action, ms = 5) => setTimeout(action, ms);
class OddErrör extends Error { constructor(m) { super(m); this.name = "OddErrör"; this.extra = {n: 1n}; } }
const cases = {
    "value": async () => ({a: [1, "é"]}),
    "undefined": async () => undefined,
    "function": async () => () => 1,
    "thenable": () => ({then: (resolve) => resolve("then")}),
    "callback": (e, c, callback) => later(() => callback(null, "late")),
    "callback undefined": (e, c, callback) => { callback(); },
    "callback waits": (e, c, callback) => { callback(null, "first"); later(() => console.log("drained"), 20); },
    "callback does not wait": (e, c, callback) => {
        c.callbackWaitsForEmptyEventLoop = false;
        const forever = setInterval(() => {}, 1000);
        forever.unref(); setTimeout(() => clearInterval(forever), 60000).unref();
        callback(null, "at once");
    },
    "twice": (e, c, callback) => { callback(null, 1); callback(null, 2); },
    "nothing": () => {},
    "sync value": () => "ignored",
    "succeed": (e, c) => c.succeed("ok"),
    "done": (e, c) => c.done(null, "done"),
    "promise leaves timers": async () => { setTimeout(() => {}, 100000).unref(); return "quick"; },
};
const failures = {
    "throw": async () => { throw new TypeError("böse"); },
    "sync throw": () => { throw new RangeError("sync"); },
    "callback error": (e, c, callback) => callback(new Error("back")),
    "callback text": (e, c, callback) => callback("text"),
    "fail": (e, c) => c.fail(new Error("failed")),
    "done error": (e, c) => c.done(new Error("undone")),
    "text": async () => { throw "just text"; },
    "null": async () => { throw null; },
    "object": async () => { throw {a: 1}; },
    "odd": async () => { throw new OddErrör("x\\ny"); },
    "getter": async () => { throw Object.defineProperty(new Error("m"), "message", {get() { throw 1; }}); },
    "bigint": async () => ({n: 1n}),
    "cycle": async () => { const o = {}; o.o = o; return o; },
    "deep": async () => { const f = () => f(); f(); },
    "huge": async () => { throw new Error("x".repeat(3000000)); },
    "unsettled": () => new Promise(() => {}),
};
exports.handler = (event, context, callback) => ({...cases, ...failures})[event](event, context, callback);
"""

VALUES = [
    ("value", {"a": [1, "é"]}),
    ("undefined", None),
    ("function", None),
    ("thenable", "then"),
    ("callback", "late"),
    ("callback undefined", None),
    ("callback waits", "first"),
    ("callback does not wait", "at once"),
    ("nothing", None),
    ("sync value", None),
    ("succeed", "ok"),
    ("done", "done"),
    ("promise leaves timers", "quick"),
]

FAILURES = [
    ("throw", "TypeError", "böse"),
    ("sync throw", "RangeError", "sync"),
    ("callback error", "Error", "back"),
    ("callback text", "string", "text"),
    ("fail", "Error", "failed"),
    ("done error", "Error", "undone"),
    ("text", "string", "just text"),
    ("null", "object", "null"),
    ("object", "object", "[object Object]"),
    ("odd", "OddErrör", "x\ny"),
    ("getter", "handled", "the error could not be read: a property of it throws"),
    ("bigint", "Error", "Unable to stringify response body: Do not know how to serialize a BigInt"),
    ("deep", "RangeError", "Maximum call stack size exceeded"),
    ("unsettled", "Runtime.NodeJsExit", "The event loop is empty and the handler's promise is not settled"),
]


def test_outcomes_one_after_the_other_in_one_process(start_node: Starter) -> None:
    function = start_node(OUTCOMES)
    for name, value in VALUES:
        assert (name, function.result(name)) == (name, value)
    assert any("drained" in text for text in function.log_texts)
    function.result("callback waits")
    for name, error_type, message in FAILURES:
        posted = function.invoke(name)
        assert (name, posted.what) == (name, "error")
        assert list(posted.json) == ["errorType", "errorMessage", "trace"]
        assert posted.json["errorType"] == error_type
        assert posted.json["errorMessage"].startswith(message)
    assert (
        function.invoke("cycle").json["errorMessage"].startswith("Unable to stringify response body: Converting circ")
    )
    assert len(function.invoke("huge").json["errorMessage"]) == 3_000_000
    assert function.invoke(b"not json").json["errorType"] == "SyntaxError"
    assert function.result("value")


def test_error_document_and_headers(start_node: Starter) -> None:
    function = start_node(OUTCOMES)
    posted = function.invoke("odd", {"Lambda-Runtime-Invocation-Id": "attempt-1"})
    assert posted.headers["lambda-runtime-function-error-type"] == "OddErr?r"
    assert posted.headers["lambda-runtime-invocation-id"] == "attempt-1"
    assert posted.json["trace"][:2] == ["OddErrör: x", "y"] or posted.json["trace"][:2] == ["Error: x", "y"]
    cause = msgspec.json.decode(posted.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["type"] == "OddErrör"
    assert str(function.task_root / "index.js") in cause["paths"]
    assert '"extra":{"n":"1"}' in function.log_texts[0]


ENDINGS = [
    ("setTimeout(() => { throw new RangeError('later') }, 1); await new Promise(() => {})", "RangeError", 129),
    ("Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 1000))", None, 128),
]


@pytest.mark.parametrize(("code", "error_type", "exit_code"), ENDINGS)
def test_errors_nobody_caught_end_the_process(
    start_node: Starter, code: str, error_type: str | None, exit_code: int
) -> None:
    function = start_node(f"exports.handler = async () => {{ {code} }};")
    posted = function.invoke()
    assert posted.what == "error"
    assert posted.json["errorType"] == (error_type or "Runtime.UnhandledPromiseRejection")
    assert posted.json["errorMessage"] == ("later" if error_type else "Error: lost")
    assert function.outcome().exit_code == exit_code


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("process.exit(7)", 7), ("process.exitCode = 3; process.exit()", 3), ("process.kill(process.pid)", -15)],
)
def test_the_handler_ends_the_process(start_node: Starter, code: str, exit_code: int) -> None:
    function = start_node(f"exports.handler = async () => {{ console.log('last'); {code} }};")
    posted = function.invoke()
    assert (posted.what, posted.exit_code) == ("exit", exit_code)
    assert function.log_texts[0].endswith("\tlast\n")


def test_payloads_of_six_megabytes_both_ways(start_node: Starter) -> None:
    function = start_node("exports.handler = async (event) => event;")
    body = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'
    assert function.invoke(body).body == body
    function.api.hand_out(body, chunked=True)
    assert function.outcome().body == body
    function.api.hand_out('"é😀"'.encode(), chunked=True)
    assert function.outcome().json == "é😀"


def test_globals_stay_warm_for_thousands_of_invocations_without_a_leak(start_node: Starter) -> None:
    code = """
let count = 0;
exports.handler = async (event) => {
    count += 1;
    if (count % 1000 === 0) gc();
    return [count, process.memoryUsage().heapUsed];
};
"""
    function = start_node(code, environment={"NODE_OPTIONS": "--expose-gc"})
    for _ in range(3000):
        function.api.hand_out(b'{"text": "' + b"x" * 1000 + b'"}')
    results = [function.outcome().json for _ in range(3000)]
    assert results[-1][0] == 3000
    assert results[2999][1] - results[999][1] < 512 * 1024


def test_refused_posts_and_closed_connections(start_node: Starter) -> None:
    function = start_node("exports.handler = async (event) => event;")
    function.api.statuses += [413, 400, 403]
    assert [function.result(event) for event in (1, 2, 3, 4)] == [1, 2, 3, 4]
    function.api.hang_up()
    assert function.result(5) == 5
    function.api.hang_up()
    function.api.hang_up()
    assert function.outcome().exit_code == 1


def test_a_container_error_ends_the_process(start_node: Starter) -> None:
    function = start_node("exports.handler = async (event) => event;")
    function.api.statuses.append(500)
    assert function.result(5) == 5
    assert function.outcome().exit_code == 1
