"""Creating, reading, listing and deleting functions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.services.lambda_.room_under_test import ROLE, create_values, in_loop, sha256, started, zipped

ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet"


@in_loop
async def test_a_minimal_create_answers_as_recorded() -> None:
    under_test = await started()
    package = zipped()
    answer = await under_test.create(Code={"ZipFile": package})
    assert answer.pop("RevisionId")
    assert answer.pop("RuntimeVersionConfig")["RuntimeVersionArn"].startswith("arn:aws:lambda:us-east-1::runtime:")
    assert answer == {
        "Architectures": ["x86_64"],
        "CodeSha256": sha256(package),
        "CodeSize": len(package),
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": ARN,
        "FunctionName": "greet",
        "Handler": "handler.handler",
        "LastModified": "2023-11-14T22:13:20.000+0000",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/greet"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": ROLE,
        "Runtime": "python3.12",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }


@in_loop
async def test_activation_changes_state_and_revision() -> None:
    under_test = await started()
    created = await under_test.create()
    await under_test.tasks.drain()
    active = await under_test.configuration()
    assert active["State"] == "Active"
    assert active["LastUpdateStatus"] == "Successful"
    assert active["RevisionId"] != created["RevisionId"]
    assert active["LastModified"] == created["LastModified"]
    assert "StateReason" not in active
    assert "LastUpdateStatusReason" not in active


@in_loop
async def test_every_setting_is_kept_and_reaches_the_dispatcher() -> None:
    under_test = await started()
    await under_test.create_active(
        Description="says hello",
        Timeout=900,
        MemorySize=10240,
        EphemeralStorage={"Size": 10240},
        Environment={"Variables": {"NAME": "world"}},
        LoggingConfig={"LogFormat": "Text", "LogGroup": "shared"},
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
    )
    shown = await under_test.configuration()
    assert shown["Environment"] == {"Variables": {"NAME": "world"}}
    assert shown["LoggingConfig"]["LogGroup"] == "shared"
    assert shown["VpcConfig"] == {
        "SubnetIds": [],
        "SecurityGroupIds": [],
        "VpcId": "",
        "Ipv6AllowedForDualStack": False,
    }
    (version,) = under_test.dispatch.prepared
    assert (version.timeout_seconds, version.memory_mb, version.ephemeral_mb) == (900, 10240, 10240)
    assert version.variables == {"NAME": "world"}
    assert (version.log_group, version.arn, version.version) == ("shared", ARN, "$LATEST")
    assert await under_test.blobs.get(version.code) == zipped()


@in_loop
async def test_a_name_is_taken_once() -> None:
    under_test = await started()
    await under_test.create()
    error = await under_test.fails("CreateFunction", **create_values())
    assert (error.code, error.status) == ("ResourceConflictException", 409)
    assert error.message == "Function already exist: greet"


@in_loop
async def test_the_same_name_lives_in_every_region_and_account() -> None:
    under_test = await started()
    for account, region in (("000000000000", "us-east-1"), ("000000000000", "eu-west-1"), ("1" * 12, "us-east-1")):
        under_test.account, under_test.region = account, region
        answer = await under_test.create()
        assert answer["FunctionArn"] == f"arn:aws:lambda:{region}:{account}:function:greet"


@in_loop
async def test_get_function_tells_where_the_code_is_and_the_tags() -> None:
    under_test = await started()
    await under_test.create_active(Tags={"team": "blue"})
    answer = await under_test.call("GetFunction", FunctionName=ARN)
    digest = under_test.dispatch.prepared[0].code
    assert answer["Code"] == {"RepositoryType": "S3", "Location": f"http://127.0.0.1:4566/greet/{digest}"}
    assert answer["Tags"] == {"team": "blue"}
    assert answer["Configuration"] == await under_test.configuration()


@in_loop
async def test_latest_as_qualifier_shows_in_the_arn() -> None:
    under_test = await started()
    await under_test.create_active()
    for values in ({"FunctionName": "greet", "Qualifier": "$LATEST"}, {"FunctionName": "greet:$LATEST"}):
        answer = await under_test.call("GetFunctionConfiguration", **values)
        assert answer["FunctionArn"] == f"{ARN}:$LATEST"


@pytest.mark.parametrize("operation", ["GetFunction", "GetFunctionConfiguration", "Invoke", "DeleteFunction"])
@in_loop
async def test_names_that_mean_no_function(operation: str) -> None:
    under_test = await started()
    await under_test.create_active()
    absent = await under_test.fails(operation, FunctionName="nobody")
    suffix = ":$LATEST" if operation == "Invoke" else ""
    assert absent.message == f"Function not found: {ARN.replace('greet', 'nobody')}{suffix}"
    assert (absent.code, absent.status, absent.fields) == ("ResourceNotFoundException", 404, {"Type": "User"})
    elsewhere = await under_test.fails(operation, FunctionName=ARN.replace("us-east-1", "eu-west-1"))
    assert elsewhere.message == "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    foreign = await under_test.fails(operation, FunctionName="999999999999:function:greet")
    assert (foreign.code, foreign.status) == ("AccessDeniedException", 403)
    contrary = await under_test.fails(operation, FunctionName="greet:$LATEST", Qualifier="1")
    assert contrary.message == "The derived qualifier from the function name does not match the specified qualifier."
    numbered = await under_test.fails(operation, FunctionName="greet", Qualifier="7")
    assert numbered.message == f"Function not found: {ARN}:7"


@in_loop
async def test_a_missing_alias_of_an_existing_function() -> None:
    under_test = await started()
    await under_test.create_active()
    error = await under_test.fails("GetFunction", FunctionName="greet", Qualifier="prod")
    assert error.message == f"Cannot find alias arn: {ARN}:prod"
    error = await under_test.fails("DeleteFunction", FunctionName="greet", Qualifier="prod")
    assert error.message == "Deletion of aliases is not currently supported."
    error = await under_test.fails("DeleteFunction", FunctionName="greet", Qualifier="$LATEST")
    assert error.message == "$LATEST version cannot be deleted without deleting the function."


@pytest.mark.parametrize("operation", ["UpdateFunctionConfiguration", "UpdateFunctionCode", "ListVersionsByFunction"])
@in_loop
async def test_operations_on_functions_take_no_version(operation: str) -> None:
    under_test = await started()
    await under_test.create_active()
    error = await under_test.fails(operation, FunctionName="greet:1", ZipFile=zipped())
    assert error.message.startswith("This operation is permitted on Lambda functions only.")


@in_loop
async def test_lists_have_pages_of_at_most_fifty_in_the_order_of_names() -> None:
    under_test = await started()
    names = [f"function-{number:03d}" for number in range(120)]
    for name in reversed(names):
        await under_test.create(name)
    await under_test.tasks.drain()
    seen: list[str] = []
    sizes: list[int] = []
    more: dict[str, Any] = {"MaxItems": 1000}
    while more:
        page = await under_test.call("ListFunctions", **more)
        seen += [entry["FunctionName"] for entry in page["Functions"]]
        sizes.append(len(page["Functions"]))
        more = {"Marker": page["NextMarker"], "MaxItems": 1000} if "NextMarker" in page else {}
    assert seen == names
    assert sizes == [50, 50, 20]
    page = await under_test.call("ListFunctions", MaxItems=1)
    assert len(page["Functions"]) == 1


@in_loop
async def test_listed_functions_leave_out_their_state() -> None:
    under_test = await started()
    await under_test.create_active()
    shown = await under_test.configuration()
    (entry,) = (await under_test.call("ListFunctions"))["Functions"]
    missing = {"State", "LastUpdateStatus", "RuntimeVersionConfig"}
    assert entry == {name: value for name, value in shown.items() if name not in missing}
    (entry,) = (await under_test.call("ListFunctions", FunctionVersion="ALL"))["Functions"]
    assert entry["FunctionArn"] == f"{ARN}:$LATEST"
    assert await under_test.call("ListVersionsByFunction", FunctionName="greet") == {"Versions": [entry]}


@in_loop
async def test_a_page_exactly_full_has_no_marker_and_a_foreign_marker_is_refused() -> None:
    under_test = await started()
    for name in ("a", "b"):
        await under_test.create(name)
    page = await under_test.call("ListFunctions", MaxItems=2)
    assert "NextMarker" not in page
    for marker in ("garbage", "YWZ0ZXI6", "*"):
        error = await under_test.fails("ListFunctions", Marker=marker)
        assert error.code == "InvalidParameterValueException"


@in_loop
async def test_lists_show_one_account_and_region_only() -> None:
    under_test = await started()
    await under_test.create()
    under_test.region = "eu-west-1"
    assert await under_test.call("ListFunctions") == {"Functions": []}


@in_loop
async def test_delete_removes_the_function_its_environments_and_its_package() -> None:
    under_test = await started()
    await under_test.create_active()
    assert await under_test.call("DeleteFunction", FunctionName="greet") == {"StatusCode": 204}
    error = await under_test.fails("GetFunction", FunctionName="greet")
    assert error.code == "ResourceNotFoundException"
    assert under_test.dispatch.retired[-1] == ("greet", None)
    assert await under_test.blobs.digests() == []
    error = await under_test.fails("DeleteFunction", FunctionName="greet")
    assert error.message == f"Function not found: {ARN}"


@in_loop
async def test_a_package_stays_while_another_function_uses_it() -> None:
    under_test = await started()
    await under_test.create_active("one")
    await under_test.create_active("two")
    await under_test.call("DeleteFunction", FunctionName="one")
    assert len(await under_test.blobs.digests()) == 1
    await under_test.call("DeleteFunction", FunctionName="two")
    assert await under_test.blobs.digests() == []


@in_loop
async def test_account_settings_count_what_is_there() -> None:
    under_test = await started()
    await under_test.create_active("one")
    await under_test.create_active("two")
    answer = await under_test.call("GetAccountSettings")
    assert answer["AccountUsage"] == {"TotalCodeSize": 2 * len(zipped()), "FunctionCount": 2}
    assert answer["AccountLimit"] == {
        "TotalCodeSize": 80530636800,
        "CodeSizeUnzipped": 262144000,
        "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }


@in_loop
async def test_the_code_storage_limit_is_enforced() -> None:
    size = len(zipped())
    under_test = await started(code_storage_limit=2 * size)
    await under_test.create_active("one")
    await under_test.create_active("two")
    error = await under_test.fails("CreateFunction", **create_values("three"))
    assert (error.code, error.message) == ("CodeStorageExceededException", "Code storage limit exceeded.")
    larger = zipped({"handler.py": b"x = 1\n", "other.py": b"y = 2\n"})
    error = await under_test.fails("UpdateFunctionCode", FunctionName="one", ZipFile=larger)
    assert error.code == "CodeStorageExceededException"
    await under_test.call("UpdateFunctionCode", FunctionName="one", ZipFile=zipped({"a.py": b""}))


@in_loop
async def test_a_fallback_runtime_is_shown() -> None:
    under_test = await started()
    under_test.runtimes.fallback = True
    answer = await under_test.create(Runtime="python3.9")
    shown = answer["RuntimeVersionConfig"]
    assert shown["Error"] == {
        "ErrorCode": "RuntimeFallback",
        "Message": "python3.9 is not installed on this machine; python3.11 runs the function instead.",
    }
    under_test.runtimes.fallback = False
    later = await under_test.configuration()
    assert later["RuntimeVersionConfig"]["Error"]["ErrorCode"] == "RuntimeUnavailable"
