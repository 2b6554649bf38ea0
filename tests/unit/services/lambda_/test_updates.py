"""Updates: what changes, what is refused meanwhile, what serves meanwhile."""

from __future__ import annotations

import pytest
from tests.unit.services.lambda_.room_under_test import in_loop, sha256, started, zipped

from tatami.ports.engine import PackageUnusable

ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet"
NEW = zipped({"handler.py": b"handler = print\n"})


@in_loop
async def test_an_update_answers_in_progress_and_ends_successful() -> None:
    under_test = await started()
    await under_test.create_active(Environment={"Variables": {"A": "1"}}, Description="old")
    before = await under_test.configuration()
    await under_test.clock.advance(60)
    answer = await under_test.call(
        "UpdateFunctionConfiguration",
        FunctionName="greet",
        Environment={"Variables": {"B": "2"}},
        Timeout=10,
        Runtime="python3.11",
    )
    assert answer["State"] == "Active"
    assert answer["LastUpdateStatus"] == "InProgress"
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    assert answer["Environment"] == {"Variables": {"B": "2"}}
    assert (answer["Timeout"], answer["Description"], answer["Runtime"]) == (10, "old", "python3.11")
    assert answer["LastModified"] == "2023-11-14T22:14:20.000+0000"
    await under_test.tasks.drain()
    after = await under_test.configuration()
    assert after["LastUpdateStatus"] == "Successful"
    assert len({before["RevisionId"], answer["RevisionId"], after["RevisionId"]}) == 3


@in_loop
async def test_revisions_change_even_when_nothing_else_does() -> None:
    under_test = await started()
    await under_test.create_active()
    seen = {(await under_test.configuration())["RevisionId"]}
    for operation, values in (("UpdateFunctionConfiguration", {}), ("UpdateFunctionCode", {"ZipFile": zipped()})):
        answer = await under_test.call(operation, FunctionName="greet", **values)
        await under_test.tasks.drain()
        seen |= {answer["RevisionId"], (await under_test.configuration())["RevisionId"]}
    assert len(seen) == 5


@in_loop
async def test_the_old_configuration_serves_until_the_update_is_done() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.gate.clear()
    await under_test.call("UpdateFunctionCode", FunctionName="greet", ZipFile=NEW)
    await under_test.call("Invoke", FunctionName="greet")
    assert len(await under_test.blobs.digests()) == 2
    under_test.dispatch.gate.set()
    await under_test.tasks.drain()
    await under_test.call("Invoke", FunctionName="greet")
    (old, _), (new, _) = under_test.dispatch.invoked
    assert old.code != new.code
    assert old.generation != new.generation
    assert under_test.dispatch.retired[-1] == ("greet", new.generation)
    assert await under_test.blobs.digests() == [new.code]


@in_loop
async def test_a_failed_update_leaves_the_old_code_serving() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.unprepared = PackageUnusable("the package is odd")
    answer = await under_test.call("UpdateFunctionCode", FunctionName="greet", ZipFile=NEW)
    await under_test.tasks.drain()
    shown = await under_test.configuration()
    assert shown["State"] == "Active"
    assert shown["LastUpdateStatus"] == "Failed"
    assert shown["LastUpdateStatusReason"] == "the package is odd"
    assert shown["LastUpdateStatusReasonCode"] == "InvalidZipFileException"
    assert shown["RevisionId"] != answer["RevisionId"]
    await under_test.call("Invoke", FunctionName="greet")
    assert under_test.dispatch.invoked[0][0] == under_test.dispatch.prepared[0]
    under_test.dispatch.unprepared = None
    better = zipped({"handler.py": b"better = 1\n"})
    await under_test.call("UpdateFunctionCode", FunctionName="greet", ZipFile=better)
    await under_test.tasks.drain()
    assert (await under_test.configuration())["LastUpdateStatus"] == "Successful"
    assert len(await under_test.blobs.digests()) == 1


@pytest.mark.parametrize("operation", ["UpdateFunctionCode", "UpdateFunctionConfiguration", "TagResource"])
@in_loop
async def test_one_update_at_a_time(operation: str) -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.gate.clear()
    await under_test.call("UpdateFunctionConfiguration", FunctionName="greet", Timeout=5)
    error = await under_test.fails(operation, FunctionName="greet", ZipFile=NEW, Resource=ARN, Tags={"a": "b"})
    assert (error.code, error.status) == ("ResourceConflictException", 409)
    assert error.message == (
        f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}"
    )
    under_test.dispatch.gate.set()
    await under_test.tasks.drain()


@pytest.mark.parametrize("operation", ["UpdateFunctionCode", "UpdateFunctionConfiguration", "Invoke"])
@in_loop
async def test_nothing_happens_to_a_pending_function(operation: str) -> None:
    under_test = await started()
    under_test.dispatch.gate.clear()
    await under_test.create()
    values = {"ZipFile": NEW} if operation == "UpdateFunctionCode" else {}
    error = await under_test.fails(operation, FunctionName="greet", **values)
    assert (error.code, error.status) == ("ResourceConflictException", 409)
    assert error.message == (
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )
    under_test.dispatch.gate.set()
    await under_test.tasks.drain()


@pytest.mark.parametrize("operation", ["UpdateFunctionCode", "UpdateFunctionConfiguration"])
@in_loop
async def test_a_stale_revision_is_a_failed_precondition(operation: str) -> None:
    under_test = await started()
    created = await under_test.create_active()
    values = {"ZipFile": NEW} if operation == "UpdateFunctionCode" else {}
    error = await under_test.fails(operation, FunctionName="greet", RevisionId=created["RevisionId"], **values)
    assert (error.code, error.status) == ("PreconditionFailedException", 412)
    assert error.message == (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    current = (await under_test.configuration())["RevisionId"]
    await under_test.call(operation, FunctionName="greet", RevisionId=current, **values)


@in_loop
async def test_a_dry_run_changes_nothing() -> None:
    under_test = await started()
    await under_test.create_active()
    before = await under_test.configuration()
    answer = await under_test.call("UpdateFunctionCode", FunctionName="greet", ZipFile=NEW, DryRun=True)
    assert answer["CodeSha256"] == sha256(NEW)
    assert await under_test.configuration() == before
    assert len(await under_test.blobs.digests()) == 1
    error = await under_test.fails("UpdateFunctionCode", FunctionName="greet", ZipFile=b"bad", DryRun=True)
    assert error.message.startswith("Could not unzip uploaded file.")


@in_loop
async def test_a_logging_config_without_group_keeps_the_group() -> None:
    under_test = await started()
    await under_test.create_active(LoggingConfig={"LogGroup": "shared"})
    answer = await under_test.call(
        "UpdateFunctionConfiguration", FunctionName="greet", LoggingConfig={"LogFormat": "Text"}
    )
    assert answer["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "shared"}


@pytest.mark.parametrize("operation", ["UpdateFunctionCode", "UpdateFunctionConfiguration"])
@in_loop
async def test_updating_nobody(operation: str) -> None:
    under_test = await started()
    error = await under_test.fails(operation, FunctionName="greet", ZipFile=NEW)
    assert error.message == f"Function not found: {ARN}"
