"""Node.js runtime: streamed responses."""

from __future__ import annotations

import base64

import msgspec
from tests.unit.runtimes.running_function import Starter

STREAMS = """
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const cases = {
    async plain(stream) { stream.write("one "); stream.write("zw\\u00f6lf"); stream.end(); },
    async typed(stream) { stream.setContentType("text/plain"); stream.end("x"); },
    async empty(stream) { stream.end(); },
    async http(stream) {
        const body = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {a: "b"}, cookies: ["c"]});
        body.write("<p>"); body.end();
    },
    async piped(stream) { await pipeline(Readable.from(["a".repeat(100000), "b".repeat(100000)]), stream); },
    async late(stream) { setTimeout(() => stream.end("late"), 10); stream.write("early "); },
    async forgotten(stream) { stream.write("never ended"); },
    async before() { throw new TypeError("before"); },
    async midway(stream) {
        stream.write("begun");
        await new Promise((r) => setTimeout(r, 5));
        throw new RangeError("mid\\u00fc");
    },
    async value() { return 1; },
};
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
    console.log(context.awsRequestId);
    await cases[event](stream);
});
"""


def test_streamed_responses(start_node: Starter) -> None:
    function = start_node(STREAMS)
    for name, body in [
        ("plain", "one zwölf".encode()),
        ("typed", b"x"),
        ("empty", b""),
        ("http", b'{"statusCode":201,"headers":{"a":"b"},"cookies":["c"]}' + bytes(8) + b"<p>"),
        ("piped", b"a" * 100_000 + b"b" * 100_000),
        ("late", b"early late"),
        ("forgotten", b"never ended"),
        ("value", b""),
    ]:
        posted = function.invoke(name)
        assert (name, posted.what, posted.body) == (name, "response", body)
        assert posted.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert posted.headers["transfer-encoding"] == "chunked"
        assert posted.headers["connection"] == "close"
        types = {"typed": "text/plain", "http": "application/vnd.awslambda.http-integration-response"}
        assert posted.headers["content-type"] == types.get(name, "application/octet-stream")
        assert posted.trailers == {}


def test_errors_before_and_after_the_beginning(start_node: Starter) -> None:
    function = start_node(STREAMS)
    before = function.invoke("before")
    assert (before.what, before.json["errorType"], before.json["errorMessage"]) == ("error", "TypeError", "before")
    midway = function.invoke("midway")
    assert (midway.what, midway.body) == ("response", b"begun")
    assert midway.trailers["lambda-runtime-function-error-type"] == "RangeError"
    document = msgspec.json.decode(base64.b64decode(midway.trailers["lambda-runtime-function-error-body"]))
    assert (document["errorType"], document["errorMessage"]) == ("RangeError", "midü")
    assert function.invoke("plain").what == "response"
    assert len([text for text in function.log_texts if "Invoke Error" in text]) == 2
