"""Python runtime: print, logging, errors and subprocesses on their way to the log."""

from __future__ import annotations

import json
import re
import time

from tests.unit.runtimes.running_function import Starter

MIXED = """
import logging, os, subprocess, sys
def handler(event, context):
    print("one")
    logging.warning("two")
    print("thr", end="")
    print("ee", file=sys.stdout)
    sys.stderr.write("four\\nfi")
    sys.stderr.write("ve\\n")
    logging.error("six\\nstill %s", "six")
    logging.info("not shown")
    sys.stdout.buffer.write("sieb\\u00e9n\\n".encode())
    subprocess.run(["/bin/sh", "-c", "echo child; echo trouble >&2"], check=True)
    print("unfinished", end="", flush=True)
"""
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_frames_keep_the_order_of_print_and_logging(start_python: Starter) -> None:
    function = start_python(MIXED)
    before = time.time_ns() // 1000
    posted = function.invoke()
    assert posted.what == "response"
    after = time.time_ns() // 1000
    texts = [re.sub(STAMP, "TIME", text) for text in function.log_texts]
    assert texts == [
        "one\n",
        f"[WARNING]\tTIME\t{posted.request_id}\ttwo\n",
        "three\n",
        "four\n",
        "five\n",
        f"[ERROR]\tTIME\t{posted.request_id}\tsix\nstill six\n",
        "siebén\n",
        "unfinished",
    ]
    assert [frame.type & 0xFF for frame in function.frames] == [0x03, 0x13, 0x03, 0x03, 0x03, 0x17, 0x03, 0x03]
    assert {frame.type >> 8 for frame in function.frames} == {0xA55A00}
    times = [frame.microseconds for frame in function.frames]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after
    assert (function.stdout, function.stderr_path.read_text()) == ("child\n", "trouble\n")


def test_without_the_descriptor_everything_goes_to_standard_output_in_order(start_python: Starter) -> None:
    function = start_python(MIXED, telemetry=False)
    request_id = function.invoke().request_id
    assert re.sub(STAMP, "TIME", function.stdout).splitlines() == [
        "one",
        f"[WARNING]\tTIME\t{request_id}\ttwo",
        "three",
        f"[ERROR]\tTIME\t{request_id}\tsix",
        "still six",
        *(["siebén", "child"] if "siebén\nchild" in function.stdout else ["child", "siebén"]),
        "unfinished",
    ]
    assert function.stderr == "four\nfive\ntrouble\n"


def test_errors_on_standard_output_are_one_line(start_newest: Starter) -> None:
    function = start_newest("def handler(event, context):\n    return 1 / 0", telemetry=False)
    function.invoke()
    lines = function.stdout.split("\n")
    assert len(lines) == 2
    assert lines[0].startswith(
        "[ERROR] ZeroDivisionError: division by zero\rTraceback (most recent call last):\r\u00a0"
    )


LEVELS = """
import logging
logging.getLogger().setLevel(event_level) if (event_level := None) else None
def handler(event, context):
    root = logging.getLogger()
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logging.getLogger("named"), level)(level)
    return [root.level, len(root.handlers)]
"""


def test_levels_in_text(start_newest: Starter) -> None:
    assert start_newest(LEVELS).result() == [30, 1]
    for name, level, shown in (("DEBUG", 10, 5), ("TRACE", 10, 5), ("WARN", 30, 3), ("FATAL", 50, 1), ("odd", 30, 3)):
        function = start_newest(LEVELS, environment={"AWS_LAMBDA_LOG_LEVEL": name})
        assert function.result() == [level, 1]
        assert len(function.frames) == shown
    types = [0x0B, 0x0F, 0x13, 0x17, 0x1B]
    function = start_newest(LEVELS, environment={"AWS_LAMBDA_LOG_LEVEL": "DEBUG"})
    function.result()
    assert [frame.type & 0xFF for frame in function.frames] == types


JSON_CODE = """
import decimal, logging
log = logging.getLogger("my.logger")
log.setLevel(logging.DEBUG)
def handler(event, context):
    log.debug("debug %d", 1)
    log.info({"a": {"b": 1}})
    log.warning("with extra", extra={"order": 7, "odd": {1, 2} if event == "odd" else "x"})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("caught\\nhere")
    log.log(25, "between")
    print("plain")
    if event == "fail":
        raise ValueError("b\\u00f6se")
"""


def test_json_records(start_python: Starter) -> None:
    environment = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    function = start_python(JSON_CODE, environment=environment)
    posted = function.invoke("fail", {"Lambda-Runtime-Aws-Tenant-Id": "blue"})
    records = [json.loads(text) for text in function.log_texts if text != "plain\n"]
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("timestamp"))
        assert record.pop("requestId") == posted.request_id
    common = {"logger": "my.logger", "tenantId": "blue"}
    assert records[0] == {"level": "DEBUG", "message": "debug 1", **common}
    assert records[1] == {"level": "INFO", "message": {"a": {"b": 1}}, **common}
    assert records[2] == {"level": "WARNING", "message": "with extra", "order": 7, "odd": "x", **common}
    caught = records[3]
    file = function.task_root / "app.py"
    assert caught["errorType"] == "ZeroDivisionError"
    assert caught["errorMessage"] == "division by zero"
    assert caught["location"] == f"{file}:handler:12"
    assert caught["stackTrace"][0].startswith(f'  File "{file}", line 10, in handler\n    1 / 0\n')
    assert records[4] == {"level": "INFO", "message": "between", **common}
    assert list(records[5]) == ["level", "errorMessage", "errorType", "stackTrace"]
    assert (records[5]["level"], records[5]["errorMessage"]) == ("ERROR", "böse")
    expected = [0x0A, 0x0E, 0x12, 0x16, 0x0E, 0x03, 0x16]
    assert [frame.type & 0xFF for frame in function.frames] == expected
    assert all(text.endswith("\n") for text in function.log_texts)


def test_json_records_with_values_json_cannot_say(start_newest: Starter) -> None:
    function = start_newest(JSON_CODE, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    assert function.invoke("odd").what == "response"
    assert json.loads(function.log_texts[2])["odd"] == "{1, 2}"


def test_messages_before_the_first_invocation_have_no_request_id(start_newest: Starter) -> None:
    code = "import logging\nlogging.warning('early')\nprint('early too')\ndef handler(event, context):\n    pass"
    function = start_newest(code)
    function.result()
    assert re.sub(STAMP, "TIME", function.log_texts[0]) == "[WARNING]\tTIME\t\tearly\n"
    assert function.log_texts[1] == "early too\n"


STREAMS = """
import contextlib, io, logging, os, sys, threading
def handler(event, context):
    facts = [sys.stdout.isatty(), sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.encoding, sys.stdout.writable(),
             sys.stdout.buffer.name, sys.stdout is sys.__stdout__]
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.writelines(["a\\n", "b\\n"])
    print("lone \\ud800")
    caught = io.StringIO()
    with contextlib.redirect_stdout(caught):
        print("redirected")
    assert caught.getvalue() == "redirected\\n"
    logging.basicConfig(level="INFO")  # has no effect: the root logger has a handler
    context.log("from the context")
    logging.getLogger().handlers[0].setFormatter(logging.Formatter("mine %(message)s %(aws_request_id)s"))
    logging.warning("formatted")
    logging.warning("bad %d", "format")
    pid = os.fork()
    if pid == 0:
        print("forked")
        os._exit(0)
    os.waitpid(pid, 0)
    writers = [threading.Thread(target=lambda: [print("x" * 2000) for _ in range(50)]) for _ in range(4)]
    [writer.start() for writer in writers]
    [writer.join() for writer in writers]
    return facts
"""


def test_replaced_streams_behave_like_streams(start_python: Starter) -> None:
    function = start_python(STREAMS)
    posted = function.invoke()
    assert posted.json == [False, 1, 2, "utf-8", True, "<stdout>", True]
    texts = function.log_texts
    assert texts[:4] == ["a\n", "b\n", "lone \\ud800\n", "from the context"]
    assert texts[4] == f"mine formatted {posted.request_id}"
    assert "--- Logging error ---\n" in texts
    assert texts.count("forked\n") == 1
    lines = [text for text in texts if text.startswith("x")]
    assert "".join(lines).count("x") == 400_000
    assert "".join(lines).count("\n") == 200


def test_long_lines_and_millions_of_characters_arrive(start_newest: Starter) -> None:
    code = """
def handler(event, context):
    print("y" * 3000000)
    print("z" * 1500000, end="")
    print("z" * 1500000, end="")
    for number in range(20000):
        print(number)
"""
    function = start_newest(code)
    function.result()
    texts = function.log_texts
    assert texts[0] == "y" * 3_000_000 + "\n"
    assert "".join(texts) == "y" * 3_000_000 + "\n" + "z" * 3_000_000 + "".join(f"{n}\n" for n in range(20_000))
