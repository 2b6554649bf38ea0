"""Extensions in INIT and INVOKE: who is waited for, what they are told, and what happens when they fail."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.scripted_extension import BOTH, Extension, external, follower
from tests.scenarios.scripted_runtime import Runtime, Script, echo
from tests.scenarios.stage import ARN, Stage, played, said

from tatami.domain.invocation import Invocation, Outcome
from tatami.kit.clock import settle


def internal(events: list[dict[str, Any]], seconds: float = 0.0) -> Script:
    """A runtime with an extension inside, which takes its time after each invocation."""

    async def script(runtime: Runtime) -> None:
        extension = Extension(runtime, "inside")
        assert (await extension.register(["INVOKE"])).status == 200
        serving = asyncio.create_task(echo(runtime))
        runtime.at_end.append(serving.cancel)
        while True:
            events.append(await extension.next())
            if seconds:
                await runtime.clock.sleep(seconds)

    return script


@played
async def test_the_runtime_is_started_when_the_external_ones_have_registered(tmp_path: Path) -> None:
    may_register, may_ask = asyncio.Event(), asyncio.Event()

    async def slow(extension: Extension) -> None:
        await may_register.wait()
        await extension.register()
        await may_ask.wait()
        await extension.next()

    async with Stage(tmp_path, extensions={"slow": external(slow), "quick": follower([])}) as stage:
        starting = stage.tasks.spawn("start", stage.start())
        while not stage.sandboxes.made or len(stage.sandbox.processes) < 2:
            await asyncio.sleep(0)
        await settle(200)
        assert [process.spec.argv[0] for process in stage.sandbox.processes] == [
            "/opt/extensions/quick",
            "/opt/extensions/slow",
        ]
        may_register.set()
        while len(stage.sandbox.processes) < 3:
            await asyncio.sleep(0)
        await settle(200)
        assert not starting.done(), "INIT waits for the first question of every extension"
        may_ask.set()
        await starting
        assert stage.sandbox.frozen
        assert stage.logs.messages[1:] == [
            "EXTENSION\tName: quick\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
            "EXTENSION\tName: slow\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
        ]


@played
async def test_what_registration_answers(tmp_path: Path) -> None:
    replies = []

    async def script(extension: Extension) -> None:
        extension.name = "nobody"
        replies.append(await extension.register(["FOO"]))
        replies.append(await extension.register(["SHUTDOWN"]))
        extension.name = "one"
        replies.append(await extension.register(["INVOKE", "FOO"]))
        replies.append(await extension.wire.call("POST", "/2020-01-01/extension/register", {}, b"{}"))
        named = {"Lambda-Extension-Name": "one"}
        for body in (b"[]", b"{", b'{"events":"INVOKE"}', b'{"events":[1]}'):
            replies.append(await extension.wire.call("POST", "/2020-01-01/extension/register", named, body))
        good = await extension.register(BOTH, Lambda_Extension_Accept_Feature="something, accountId")
        assert good.status == 200
        assert json.loads(good.body) == {
            "functionName": "scripted",
            "functionVersion": "$LATEST",
            "handler": "index.handler",
            "accountId": "000000000000",
        }
        identifier = extension.identifier
        replies.append(await extension.register())
        for wrong in ("", "nonsense", "12345678-1234-1234-1234-123456789abc"):
            extension.identifier = wrong
            replies.append(await extension.ask())
        extension.identifier = identifier
        replies.append(await extension.report("init", ""))
        await extension.next()

    async with Stage(tmp_path, extensions={"one": external(script)}) as stage:
        await stage.start()
    assert {reply.status for reply in replies} == {403}
    assert [tuple(json.loads(reply.body).values()) for reply in replies] == [
        ("FOO: ErrorInvalidEventType", "Extension.InvalidEventType"),
        ("SHUTDOWN: ShutdownEventNotSupportedForInternalExtension", "Extension.InvalidEventType"),
        ("FOO: ErrorInvalidEventType", "Extension.InvalidEventType"),
        ("Empty extension name", "Extension.InvalidExtensionName"),
        *[("Invalid request body", "InvalidRequestFormat")] * 4,
        (
            "State transition from Registered to Registered failed for extension one. "
            "Error: State transition is not allowed",
            "Extension.InvalidExtensionState",
        ),
        ("Missing Lambda-Extension-Identifier header", "Extension.MissingExtensionIdentifier"),
        ("Invalid Lambda-Extension-Identifier", "Extension.InvalidExtensionIdentifier"),
        ("Unknown extension 12345678-1234-1234-1234-123456789abc", "Extension.UnknownExtensionIdentifier"),
        ("Lambda-Extension-Function-Error-Type not found", "Extension.MissingHeader"),
    ]


@played
async def test_registration_ends_with_the_runtimes_first_question_and_with_ten(tmp_path: Path) -> None:
    refusals: list[dict[str, str]] = []

    async def script(runtime: Runtime) -> None:
        for number in range(11):
            reply = await Extension(runtime, f"inside-{number}").register(["INVOKE"] if number else [])
            if reply.status != 200:
                refusals.append(json.loads(reply.body))
        again = Extension(runtime, "inside-0")
        refusals.append(json.loads((await again.register([])).body))
        asking = asyncio.create_task(echo(runtime))
        runtime.at_end.append(asking.cancel)
        await settle(100)
        refusals.append(json.loads((await Extension(runtime, "late").register([])).body))
        await runtime.hang()

    async with Stage(tmp_path, script) as stage:
        starting = stage.tasks.spawn("start", stage.start())
        await stage.hung()
        assert not starting.done(), "none of the ten has asked"
        await stage.clock.advance(10)
        await starting
        assert stage.line("INIT_REPORT").endswith("Phase: init\tStatus: timeout\n")
        assert stage.line("EXTENSION") == "EXTENSION\tName: inside-9\tState: Registered\tEvents: [INVOKE]\n"
    assert [refusal["errorType"] for refusal in refusals] == [
        "Extension.TooManyExtensions",
        "Extension.TooManyExtensions",
        "Extension.RegistrationClosed",
    ]
    assert refusals[0]["errorMessage"] == "Extension limit (10) reached"
    assert refusals[2]["errorMessage"] == "Extension registration closed already"


@played
async def test_the_eleventh_program_is_not_started(tmp_path: Path) -> None:
    programs = {f"e{number:02}": follower([]) for number in range(11)}
    async with Stage(tmp_path, extensions=programs) as stage:
        failed = await stage.invoke(await stage.start())
        assert said(failed)["errorType"] == "Extension.LaunchError"
        assert len(stage.sandbox.processes) == 10
        assert "EXTENSION\tName: e10\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions\n" in (
            stage.logs.messages
        )


@played
async def test_what_an_extension_is_told_of_an_invocation(tmp_path: Path) -> None:
    replies = []

    async def script(extension: Extension) -> None:
        await extension.register(["INVOKE"])
        while True:
            replies.append(await extension.ask())

    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    async with Stage(tmp_path, extensions={"one": external(script)}) as stage:
        environment = await stage.start()
        for number in (1, 2):
            call = Invocation(f"a-{number}", b'{"secret":1}', f"{ARN}:live", trace_id=trace)
            await stage.engine.invoke(environment, call, lambda outcome: None)
        deadline = int((stage.clock.now() + 3) * 1000)
    event = json.loads(replies[0].body)
    assert event.pop("tracing")["value"].startswith(trace)
    assert event == {
        "eventType": "INVOKE",
        "deadlineMs": deadline,
        "requestId": "a-1",
        "invokedFunctionArn": f"{ARN}:live",
    }
    assert replies[0].headers["content-type"] == "application/json"
    identifiers = {reply.headers["lambda-extension-event-identifier"] for reply in replies}
    assert len(identifiers) == 2
    assert b"secret" not in replies[0].body


@played
async def test_the_client_is_answered_first_and_the_phase_ends_with_the_extension(tmp_path: Path) -> None:
    may_ask = asyncio.Event()

    async def slow(extension: Extension) -> None:
        await extension.register()
        while (await extension.next())["eventType"] != "SHUTDOWN":
            await may_ask.wait()

    async with Stage(tmp_path, extensions={"slow": external(slow)}) as stage:
        environment = await stage.start()
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(stage.engine.invoke(environment, stage.invocation(b"7"), answered.set_result))
        assert (await answered).payload == b"7"
        await stage.clock.advance(1)
        assert not running.done()
        assert not stage.sandbox.frozen
        assert stage.line("END") == "END RequestId: r-1\n"
        may_ask.set()
        await running
        assert stage.sandbox.frozen
        assert "Duration: 1000.00 ms" in stage.line("REPORT"), "extensions are paid for"


@played
async def test_an_extension_that_wants_no_invocations_is_not_waited_for(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    async with Stage(tmp_path, extensions={"one": follower(events, ["SHUTDOWN"]), "none": follower([], [])}) as stage:
        environment = await stage.start()
        assert (await stage.invoke(environment, b"1")).payload == b"1"
        assert "EXTENSION\tName: none\tState: Ready\tEvents: []\n" in stage.logs.messages
        assert events == []


@played
async def test_an_internal_extension_is_waited_for(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    async with Stage(tmp_path, internal(events, seconds=1)) as stage:
        environment = await stage.start()
        assert "EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]\n" in stage.logs.messages
        running = stage.invoking(environment)
        while not events:
            await asyncio.sleep(0)
        await settle(100)
        assert not running.done()
        await stage.clock.advance(1)
        await running
        assert "Duration: 1000.00 ms" in stage.line("REPORT")


@played
async def test_a_timeout_while_an_extension_still_works(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []

    async def stuck(extension: Extension) -> None:
        await extension.register()
        events.append(await extension.next())
        await extension.runtime.hang()

    async with Stage(tmp_path, extensions={"stuck": [external(stuck), follower(events)]}) as stage:
        environment = await stage.start()
        answers: list[Outcome] = []
        running = asyncio.create_task(stage.engine.invoke(environment, stage.invocation(b"7"), answers.append))
        await stage.hung(process=0)
        while "END RequestId: r-1\n" not in stage.logs.messages:
            await asyncio.sleep(0)
        await stage.clock.advance(3)
        await settle(100)
        assert not running.done(), "the extension has two seconds for its SHUTDOWN"
        await stage.clock.advance(2)
        await running
        assert [answer.payload for answer in answers] == [b"7"]
        assert "Status: timeout" in stage.line("REPORT")
        assert (await stage.invoke(environment, b"8")).payload == b"8", "extension and runtime were started again"
        assert len(stage.sandbox.processes) == 4


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (lambda runtime: runtime.exit(3), "exit status 3"),
        (lambda runtime: runtime.exit(0), "exit code 0"),
        (lambda runtime: runtime.die(signal.SIGSEGV), "signal: segmentation fault"),
    ],
)
@played
async def test_a_crash_in_init(tmp_path: Path, how: Any, text: str) -> None:
    async def crashes(extension: Extension) -> None:
        await extension.register()
        how(extension.runtime)

    async with Stage(tmp_path, extensions={"one": [external(crashes), follower([])]}) as stage:
        environment = await stage.start()
        assert "Phase: init\tStatus: error\tError Type: Extension.Crash\n" in stage.line("INIT_REPORT")
        failed = await stage.invoke(environment)
        assert said(failed) == {"errorType": "Extension.Crash", "errorMessage": f"RequestId: r-1 Error: {text}"}
        assert "Status: error\tError Type: Extension.Crash" in stage.line("REPORT")
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_a_crash_before_registration_keeps_the_runtime_from_starting(tmp_path: Path) -> None:
    async def crashes(extension: Extension) -> None:
        extension.runtime.exit(1)

    async with Stage(tmp_path, extensions={"one": external(crashes)}) as stage:
        await stage.start()
        assert "EXTENSION\tName: one\tState: Started\tEvents: []\n" in stage.logs.messages
        assert len(stage.sandbox.processes) == 1


@played
async def test_a_crash_in_an_invocation(tmp_path: Path) -> None:
    async def crashes(extension: Extension) -> None:
        await extension.register()
        await extension.next()
        extension.runtime.exit(1)

    async def slow(runtime: Runtime) -> None:
        await runtime.ask_next()
        await runtime.hang()

    other: list[dict[str, Any]] = []
    programs: dict[str, Any] = {"one": [external(crashes), follower([])], "other": follower(other)}
    async with Stage(tmp_path, slow, echo, extensions=programs) as stage:
        environment = await stage.start()
        running = stage.invoking(environment)
        await stage.hung(process=2)
        await stage.clock.advance(0.6)  # of the two seconds for the end, 30 % are the runtime's
        failed = await running
        assert said(failed) == {"errorType": "Extension.Crash", "errorMessage": "RequestId: r-1 Error: exit status 1"}
        assert [(event["eventType"], event.get("shutdownReason")) for event in other] == [
            ("INVOKE", None),
            ("SHUTDOWN", "FAILURE"),
        ]
        other.clear()
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_a_crash_after_the_answer_does_not_take_it_back(tmp_path: Path) -> None:
    answered = asyncio.Event()

    async def crashes(extension: Extension) -> None:
        await extension.register()
        await extension.next()
        await answered.wait()
        extension.runtime.exit(1)

    async with Stage(tmp_path, extensions={"one": external(crashes)}) as stage:
        outcomes: list[Outcome] = []

        def deliver(outcome: Outcome) -> None:
            outcomes.append(outcome)
            answered.set()

        await stage.engine.invoke(await stage.start(), stage.invocation(b"1"), deliver)
        assert [outcome.payload for outcome in outcomes] == [b"1"]
        assert "Error Type: Extension.Crash" in stage.line("REPORT")


@pytest.mark.parametrize(("phase", "filed"), [("init", "Extension.InitError"), ("exit", "Extension.ExitError")])
@played
async def test_an_error_that_an_extension_reports_in_init(tmp_path: Path, phase: str, filed: str) -> None:
    async def reports(extension: Extension) -> None:
        await extension.register()
        reply = await extension.report(phase, "Extension.ConfigInvalid")
        assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
        assert (await extension.report(phase, "Extension.Again")).status == 202, "but only the first counts"
        refusal = await extension.ask()
        assert (refusal.status, json.loads(refusal.body)["errorType"]) == (403, "Extension.InvalidExtensionState")
        extension.runtime.exit(1)

    async with Stage(tmp_path, extensions={"one": [external(reports), follower([])]}) as stage:
        environment = await stage.start()
        state = filed.removeprefix("Extension.")
        assert stage.line("EXTENSION") == (
            f"EXTENSION\tName: one\tState: {state}\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.ConfigInvalid\n"
        )
        assert said(await stage.invoke(environment))["errorType"] == filed
        assert (await stage.invoke(environment, b"2")).payload == b"2"


@played
async def test_init_error_comes_too_late_after_the_first_question(tmp_path: Path) -> None:
    replies = []

    async def reports(extension: Extension) -> None:
        await extension.register()
        await extension.next()
        replies.append(await extension.report("init", "Extension.ConfigInvalid"))
        replies.append(await extension.report("exit", "Extension.Fatal"))

    async with Stage(tmp_path, extensions={"one": [external(reports), follower([])]}) as stage:
        await stage.invoke(await stage.start())
        assert [reply.status for reply in replies] == [403, 202]
        assert "from Running to InitError failed" in json.loads(replies[0].body)["errorMessage"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.EACCES, "PermissionDenied"), (errno.ENOEXEC, "UnknownError"), (errno.ENOENT, "UnknownError")],
)
@played
async def test_a_program_that_cannot_be_executed(tmp_path: Path, code: int, kind: str) -> None:
    programs: dict[str, Any] = {"bad": OSError(code, os.strerror(code)), "good": follower([])}
    async with Stage(tmp_path, extensions=programs) as stage:
        failed = await stage.invoke(await stage.start())
        text = f"RequestId: r-1 Error: fork/exec /opt/extensions/bad: {os.strerror(code).lower()}"
        assert said(failed) == {"errorType": "Extension.LaunchError", "errorMessage": text}
        line = f"EXTENSION\tName: bad\tState: LaunchError\tEvents: []\tError Type: {kind}\n"
        assert line in stage.logs.messages
        assert stage.sandbox.processes == []


@played
async def test_an_extension_that_never_registers_is_a_timeout_of_init(tmp_path: Path) -> None:
    async def mute(extension: Extension) -> None:
        await extension.runtime.hang()

    async with Stage(tmp_path, extensions={"mute": [external(mute), external(mute), follower([])]}) as stage:
        starting = stage.tasks.spawn("start", stage.start())
        await stage.hung()
        await stage.clock.advance(10)
        environment = await starting
        assert stage.line("INIT_REPORT") == "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"
        running = stage.invoking(environment)
        await stage.hung(process=1)
        await stage.clock.advance(3)
        outcome = await running
        assert said(outcome)["errorType"] == "Sandbox.Timedout"
        lines = [line.split(" ", 1)[0].split("\t")[0] for line in stage.logs.messages[-5:]]
        assert lines == ["EXTENSION", "INIT_REPORT", "START", "END", "REPORT"], "a suppressed init comes before START"
        assert "Init Duration: 3000.00 ms\tPhase: invoke\tStatus: timeout\n" in stage.line("INIT_REPORT")
        assert (await stage.invoke(environment, b"3")).payload == b"3"


@played
async def test_an_extension_whose_connection_breaks_loses_no_event(tmp_path: Path) -> None:
    worked = asyncio.Event()

    async def nervous(extension: Extension) -> None:
        await extension.register()
        await extension.wire.send(
            f"GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\n"
            f"Lambda-Extension-Identifier: {extension.identifier}\r\n\r\n".encode()
        )
        await settle(100)
        extension.wire.hang_up()
        extension.runtime.process.hung.set()
        await worked.wait()
        assert (await extension.next())["requestId"] == "r-1"
        await extension.runtime.clock.sleep(1)
        await extension.next()

    async with Stage(tmp_path, extensions={"one": external(nervous)}) as stage:
        environment = await stage.start()
        await stage.hung()
        running = stage.invoking(environment)
        while "END RequestId: r-1\n" not in stage.logs.messages:
            await asyncio.sleep(0)
        worked.set()
        await settle(200)
        assert not running.done(), "the question that brings a waiting event is not the end of the phase"
        await stage.clock.advance(1)
        await running


@played
async def test_extensions_see_what_they_may_of_the_functions_variables(tmp_path: Path) -> None:
    async with Stage(tmp_path, extensions={"one": follower([])}) as stage:
        await stage.start()
        extension, runtime = stage.sandbox.processes
        assert set(runtime.spec.variables) - set(extension.spec.variables) >= {
            "_HANDLER",
            "LAMBDA_TASK_ROOT",
            "LAMBDA_RUNTIME_DIR",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_EXECUTION_ENV",
        }
        assert extension.spec.variables["AWS_LAMBDA_FUNCTION_NAME"] == "scripted"
        assert not extension.spec.framed
