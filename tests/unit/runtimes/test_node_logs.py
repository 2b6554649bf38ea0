"""Node.js runtime: console, stdout and errors on their way to the log."""

from __future__ import annotations

import json
import re

from tests.unit.runtimes.running_function import Starter

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MIXED = """
const { execFileSync } = require("node:child_process");
console.log("at init");
exports.handler = async () => {
    console.log("one %d", 1, {a: 1});
    process.stdout.write("two");
    process.stdout.write(" more\\nthr");
    console.warn("four\\nlines");
    process.stdout.write("ee\\n", () => {});
    process.stderr.write(Buffer.from("f\\u00fcnf\\n"));
    console.info("info"); console.debug("debug"); console.trace("trace"); console.error("error");
    console.fatal("fatal");
    execFileSync("/bin/sh", ["-c", "echo child"], {stdio: "inherit"});
    process.stdout.write("unfinished");
};
"""


def test_frames_keep_the_order_of_console_and_stdout(start_node: Starter) -> None:
    function = start_node(MIXED)
    posted = function.invoke()
    texts = [re.sub(STAMP, "TIME", text).replace(posted.request_id, "ID") for text in function.log_texts]
    assert texts == [
        "TIME\tundefined\tINFO\tat init\n",
        "TIME\tID\tINFO\tone 1 { a: 1 }\n",
        "two more\n",
        "TIME\tID\tWARN\tfour\nlines\n",
        "three\n",
        "fünf\n",
        "TIME\tID\tINFO\tinfo\n",
        "TIME\tID\tDEBUG\tdebug\n",
        "TIME\tID\tTRACE\ttrace\n",
        "TIME\tID\tERROR\terror\n",
        "TIME\tID\tFATAL\tfatal\n",
        "unfinished",
    ]
    types = [frame.type & 0xFF for frame in function.frames]
    assert types == [0x0F, 0x0F, 0x03, 0x13, 0x03, 0x03, 0x0F, 0x0B, 0x07, 0x17, 0x1B, 0x03]
    times = [frame.microseconds for frame in function.frames]
    assert times == sorted(times)
    assert function.stdout == "child\n"


def test_without_the_descriptor_everything_goes_to_standard_output(start_node: Starter) -> None:
    function = start_node(MIXED, telemetry=False)
    function.invoke()
    lines = re.sub(STAMP, "TIME", function.stdout).split("\n")
    assert lines[:3] == ["TIME\tundefined\tINFO\tat init", lines[1], "two more"]
    assert "thrTIME" in lines[3]
    assert lines[3].endswith("\tWARN\tfour\rlines")
    assert lines[-2:] == ["child", "unfinished"]


def test_invoke_error_is_one_event(start_node: Starter) -> None:
    code = "exports.handler = async () => { throw Object.assign(new TypeError('m'), {code: 'E_X', more: 1}); };"
    function = start_node(code)
    request_id = function.invoke().request_id
    [text] = function.log_texts
    head, _, document = text.rpartition("\t")
    assert re.sub(STAMP, "TIME", head) == f"TIME\t{request_id}\tERROR\tInvoke Error "
    logged = json.loads(document)
    assert list(logged) == ["errorType", "errorMessage", "code", "more", "stack"]
    assert logged["stack"][0] == "TypeError: m"


def test_json_records(start_node: Starter) -> None:
    code = """
exports.handler = async (event) => {
    console.log("text"); console.log("%s", "formatted"); console.info({a: 1n.toString()}); console.debug("hidden");
    console.warn(new TypeError("single")); console.error("with", new Error("second")); console.log({big: 1n});
    console.log("two\\nlines");
    process.stdout.write("plain\\n");
    throw new RangeError("end");
};
"""
    function = start_node(code, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    posted = function.invoke(headers={"Lambda-Runtime-Aws-Tenant-Id": "blue"})
    records = [json.loads(text) for text in function.log_texts if text != "plain\n"]
    for record in records:
        assert re.fullmatch(STAMP, record.pop("timestamp"))
        assert (record.pop("requestId"), record.pop("tenantId")) == (posted.request_id, "blue")
    assert records[:3] == [
        {"level": "INFO", "message": "text"},
        {"level": "INFO", "message": "formatted"},
        {"level": "INFO", "message": {"a": "1"}},
    ]
    single = records[3]
    assert (single["level"], single["message"]["errorType"]) == ("WARN", "TypeError")
    assert single["message"]["errorMessage"] == "single"
    assert single["message"]["stackTrace"][0] == "TypeError: single"
    second = records[4]
    assert (second["level"], second["errorType"], second["errorMessage"]) == ("ERROR", "Error", "second")
    assert second["message"].startswith("with Error: second\n")
    assert records[5] == {"level": "INFO", "message": "{ big: 1n }"}
    assert records[6]["message"] == "two\nlines"
    assert records[7]["message"]["errorType"] == "RangeError"
    types = [frame.type & 0xFF for frame in function.frames]
    assert types == [0x0E, 0x0E, 0x0E, 0x12, 0x16, 0x0E, 0x0E, 0x03, 0x16]


def test_levels(start_node: Starter) -> None:
    code = """
exports.handler = async () => {
    for (const name of ["trace", "debug", "info", "log", "warn", "error", "fatal"]) console[name](name);
};
"""
    for log_format, level, shown in (("", "", 7), ("", "ERROR", 2), ("JSON", "", 5), ("JSON", "TRACE", 7)):
        environment = {"AWS_LAMBDA_LOG_FORMAT": log_format, "AWS_LAMBDA_LOG_LEVEL": level}
        function = start_node(code, environment=environment)
        function.result()
        assert len(function.frames) == shown
