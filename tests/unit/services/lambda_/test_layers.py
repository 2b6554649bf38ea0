"""Layers: versions, lists, who may use them, and what functions keep of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from tests.unit.services.lambda_.room_under_test import (
    ACCOUNT,
    REGION,
    RoomUnderTest,
    in_loop,
    sha256,
    started,
    zipped,
)

from tatami.services.lambda_ import lifecycle
from tatami.services.lambda_.model.package import MAX_UNZIPPED_BYTES
from tatami.services.lambda_.store import functions as functions_store
from tatami.services.lambda_.store import layers as layers_store

OTHER = "999999999999"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer"
SHARED = {"Action": "lambda:GetLayerVersion", "VersionNumber": 1}


def content(text: str = "one") -> bytes:
    return zipped({"python/shared.py": text.encode()})


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def published(under_test: RoomUnderTest, name: str = "shared", text: str = "one", **values: Any) -> str:
    answer = await under_test.call("PublishLayerVersion", LayerName=name, Content={"ZipFile": content(text)}, **values)
    arn: str = answer["LayerVersionArn"]
    return arn


def another_account(under_test: RoomUnderTest, account: str = OTHER) -> RoomUnderTest:
    """The same room, called from another account."""
    other = RoomUnderTest(account=account)
    other.state, other.room = under_test.state, under_test.room
    other.tasks = under_test.tasks
    return other


@in_loop
async def test_a_version_says_what_was_published() -> None:
    under_test = await started()
    answer = await under_test.call(
        "PublishLayerVersion", LayerName="shared", Content={"ZipFile": content()}, Description="d"
    )
    assert answer["Content"]["CodeSha256"] == sha256(content())
    assert answer["Content"]["CodeSize"] == len(content())
    assert answer["CreatedDate"] == "2023-11-14T22:13:20.000+0000"
    assert "CompatibleRuntimes" not in answer
    assert "LicenseInfo" not in answer
    by_arn = await under_test.call("GetLayerVersion", LayerName=f"{ARN}:shared", VersionNumber=1)
    assert by_arn == answer


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"ZipFile": b"no zip"}, "InvalidParameterValueException", "Could not unzip uploaded file."),
        ({"S3Bucket": "b", "S3Key": "k"}, "NotImplemented", "lambda:PublishLayerVersion with Content.S3Bucket"),
    ],
)
@in_loop
async def test_packages_are_judged_as_those_of_functions(given: dict[str, Any], code: str, message: str) -> None:
    error = await (await started()).fails("PublishLayerVersion", LayerName="shared", Content=given)
    assert error.code == code
    assert message in error.message


@in_loop
async def test_lists_are_paged_and_filtered() -> None:
    under_test = await started()
    await published(under_test, "a", CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    await published(under_test, "a", CompatibleRuntimes=["python3.11"], CompatibleArchitectures=["arm64"])
    await published(under_test, "a")
    await published(under_test, "b", CompatibleRuntimes=["python3.11", "python3.12"])
    first = await under_test.call("ListLayers", MaxItems=1)
    assert [layer["LatestMatchingVersion"]["Version"] for layer in first["Layers"]] == [3]
    second = await under_test.call("ListLayers", MaxItems=1, Marker=first["NextMarker"])
    assert second["Layers"][0]["LayerArn"] == f"{ARN}:b"
    assert "NextMarker" not in second
    matching = await under_test.call("ListLayers", CompatibleRuntime="python3.12")
    assert [(layer["LayerName"], layer["LatestMatchingVersion"]["Version"]) for layer in matching["Layers"]] == [
        ("a", 1),
        ("b", 1),
    ]
    versions = await under_test.call("ListLayerVersions", LayerName="a", MaxItems=2)
    assert [version["Version"] for version in versions["LayerVersions"]] == [3, 2]
    rest = await under_test.call("ListLayerVersions", LayerName="a", Marker=versions["NextMarker"])
    assert [version["Version"] for version in rest["LayerVersions"]] == [1]
    of_arm = await under_test.call("ListLayerVersions", LayerName="a", CompatibleArchitecture="arm64")
    assert [version["Version"] for version in of_arm["LayerVersions"]] == [2]
    error = await under_test.fails("ListLayerVersions", LayerName="b", Marker=versions["NextMarker"])
    assert error.code == "InvalidParameterValueException"


@in_loop
async def test_a_function_runs_with_its_layers_in_their_order() -> None:
    under_test = await started()
    one, two = await published(under_test, "one", "1"), await published(under_test, "two", "2")
    answer = await under_test.create_active(Layers=[two, one])
    assert answer["Layers"] == [{"Arn": arn, "CodeSize": len(content("1"))} for arn in (two, one)]
    await under_test.call("Invoke", FunctionName="greet")
    function, _ = under_test.dispatch.invoked[0]
    assert function.layers == (digest(content("2")), digest(content("1")))
    answer = await under_test.call("UpdateFunctionConfiguration", FunctionName="greet", Layers=[])
    assert "Layers" not in answer


@in_loop
async def test_a_deleted_version_stays_while_a_function_needs_it() -> None:
    under_test = await started()
    arn, kept = await published(under_test), digest(content())
    await under_test.create_active(Layers=[arn])
    await under_test.call("DeleteLayerVersion", LayerName="shared", VersionNumber=1)
    assert kept in await under_test.blobs.digests()
    assert await lifecycle.collect_garbage(under_test.state) == 0
    error = await under_test.fails("UpdateFunctionConfiguration", FunctionName="greet", Layers=[arn])
    assert error.message == f"Layer version {arn} does not exist."
    await under_test.call("UpdateFunctionConfiguration", FunctionName="greet", Layers=[])
    await under_test.tasks.drain()
    assert kept not in await under_test.blobs.digests()


@in_loop
async def test_the_last_user_of_a_layer_takes_its_package_along() -> None:
    under_test = await started()
    arn, kept = await published(under_test), digest(content())
    await under_test.create_active("a", Layers=[arn])
    await under_test.create_active("b", Layers=[arn])
    await under_test.call("DeleteLayerVersion", LayerName="shared", VersionNumber=1)
    await under_test.call("DeleteFunction", FunctionName="a")
    assert kept in await under_test.blobs.digests()
    await under_test.call("DeleteFunction", FunctionName="b")
    assert kept not in await under_test.blobs.digests()


@in_loop
async def test_two_versions_with_the_same_content_share_a_package() -> None:
    under_test = await started()
    await published(under_test)
    await published(under_test)
    await under_test.call("DeleteLayerVersion", LayerName="shared", VersionNumber=1)
    assert digest(content()) in await under_test.blobs.digests()
    await under_test.call("DeleteLayerVersion", LayerName="shared", VersionNumber=2)
    assert await under_test.blobs.digests() == []


@in_loop
async def test_garbage_of_a_publication_that_was_cut_off_is_collected() -> None:
    under_test = await started()
    await published(under_test)
    await under_test.blobs.put(b"left over")
    assert await lifecycle.collect_garbage(under_test.state) == 1
    assert await under_test.blobs.digests() == [digest(content())]


@in_loop
async def test_at_most_five_layers() -> None:
    under_test = await started()
    arns = [await published(under_test, f"layer-{number}") for number in range(6)]
    error = await under_test.refuses(Layers=arns)
    assert error.message == "Cannot reference more than 5 layers."
    assert len((await under_test.create(Layers=arns[:5]))["Layers"]) == 5


@in_loop
async def test_code_and_layers_together_have_a_limit() -> None:
    under_test = await started()
    arn = await published(under_test)

    async def grow(transaction: Any) -> None:
        version = await layers_store.find_in(transaction, (ACCOUNT, REGION, "shared"), 1)
        assert version is not None
        await layers_store.replace(transaction, msgspec.structs.replace(version, unzipped=MAX_UNZIPPED_BYTES))

    await under_test.store.write(grow)
    await under_test.create_active()
    error = await under_test.fails("UpdateFunctionConfiguration", FunctionName="greet", Layers=[arn])
    function = await functions_store.find(under_test.store, (ACCOUNT, REGION, "greet"))
    assert function is not None
    assert function.configuration.unzipped > 0
    assert error.message == (
        f"Function code combined with layers exceeds the maximum allowed size of {MAX_UNZIPPED_BYTES} bytes. "
        f"The actual size is {MAX_UNZIPPED_BYTES + function.configuration.unzipped} bytes."
    )


@in_loop
async def test_layers_count_as_code_storage() -> None:
    under_test = await started(code_storage_limit=2 * len(content()) - 1)
    await published(under_test)
    error = await under_test.fails("PublishLayerVersion", LayerName="shared", Content={"ZipFile": content("two")})
    assert error.code == "CodeStorageExceededException"
    usage = (await under_test.call("GetAccountSettings"))["AccountUsage"]
    assert usage == {"TotalCodeSize": len(content()), "FunctionCount": 0}


@in_loop
async def test_another_account_needs_a_permission() -> None:
    under_test = await started()
    arn = await published(under_test)
    other = another_account(under_test)
    refusal = (
        f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} "
        "because no resource-based policy allows the lambda:GetLayerVersion action"
    )
    error = await other.fails("GetLayerVersionByArn", Arn=arn)
    assert (error.code, error.status, error.message) == ("AccessDeniedException", 403, refusal)
    assert (await other.refuses(Layers=[arn])).message == refusal
    missing = await other.fails("GetLayerVersionByArn", Arn=f"{ARN}:nobody:1")
    assert missing.code == "AccessDeniedException"
    await under_test.call("AddLayerVersionPermission", LayerName="shared", StatementId="s", Principal=OTHER, **SHARED)
    assert (await other.call("GetLayerVersion", LayerName=f"{ARN}:shared", VersionNumber=1))["Version"] == 1
    assert (await other.create(Layers=[arn]))["Layers"][0]["Arn"] == arn
    third = another_account(under_test, "888888888888")
    assert (await third.fails("GetLayerVersionByArn", Arn=arn)).status == 403
    deleting = await other.fails("DeleteLayerVersion", LayerName=f"{ARN}:shared", VersionNumber=1)
    assert deleting.code == "AccessDeniedException"
    await other.tasks.drain()


@in_loop
async def test_a_statement_for_an_organization() -> None:
    under_test = await started()
    arn = await published(under_test)
    answer = await under_test.call(
        "AddLayerVersionPermission",
        LayerName="shared", StatementId="s", Principal="*", OrganizationId="o-1234567890", **SHARED,
    )  # fmt: skip
    statement = json.loads(answer["Statement"])
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert (await another_account(under_test).fails("GetLayerVersionByArn", Arn=arn)).status == 403


@in_loop
async def test_what_is_wrong_with_a_permission() -> None:
    under_test = await started()
    arn = await published(under_test)
    version: dict[str, Any] = {"LayerName": "shared", "VersionNumber": 1}
    error = await under_test.fails("GetLayerVersionPolicy", **version)
    assert (error.status, error.message) == (404, "No policy is associated with the given resource.")
    error = await under_test.fails("GetLayerVersionPolicy", LayerName="shared", VersionNumber=2)
    assert (error.status, error.message) == (404, f"Layer version {arn[:-1]}2 does not exist.")
    statement = {"LayerName": "shared", "StatementId": "s", "Principal": "*", **SHARED}
    await under_test.call("AddLayerVersionPermission", **statement)
    error = await under_test.fails("AddLayerVersionPermission", **statement)
    assert (error.status, error.message[:29]) == (409, "The statement id (s) provided")
    error = await under_test.fails("AddLayerVersionPermission", **{**statement, "StatementId": "t"}, RevisionId="x")
    assert error.code == "PreconditionFailedException"
    error = await under_test.fails("RemoveLayerVersionPermission", **version, StatementId="t")
    assert (error.status, error.message) == (404, "Statement t is not found in resource policy.")
    await under_test.call("RemoveLayerVersionPermission", **version, StatementId="s")
    assert (await under_test.fails("GetLayerVersionPolicy", **version)).status == 404


LEVELS = {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN"}


@in_loop
async def test_levels_need_json() -> None:
    under_test = await started()
    text = 'LogLevel is not supported when LogFormat is set to "Text".'
    assert (await under_test.refuses(LoggingConfig={"ApplicationLogLevel": "INFO"})).message.startswith(text)
    error = await under_test.refuses(LoggingConfig={"LogFormat": "Text", "SystemLogLevel": "INFO"})
    assert error.message.startswith(text)


@in_loop
async def test_logging_is_told_to_who_runs_the_function_and_forgotten_with_text() -> None:
    under_test = await started()
    await under_test.create_active(LoggingConfig=LEVELS)
    await under_test.call("Invoke", FunctionName="greet")
    function, _ = under_test.dispatch.invoked[0]
    assert (function.log_format, function.application_level, function.system_level) == ("JSON", "DEBUG", "WARN")
    update = {"FunctionName": "greet", "LoggingConfig": {"LogGroup": "elsewhere"}}
    answer = await under_test.call("UpdateFunctionConfiguration", **update)
    assert answer["LoggingConfig"] == {**LEVELS, "LogGroup": "elsewhere"}
    await under_test.tasks.drain()
    update = {"FunctionName": "greet", "LoggingConfig": {"LogFormat": "Text"}}
    answer = await under_test.call("UpdateFunctionConfiguration", **update)
    assert answer["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "elsewhere"}
    await under_test.tasks.drain()
    update = {"FunctionName": "greet", "LoggingConfig": {"LogFormat": "JSON"}}
    answer = await under_test.call("UpdateFunctionConfiguration", **update)
    assert answer["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
    await under_test.tasks.drain()
