"""What CreateFunction and UpdateFunctionConfiguration refuse: AWS's rules, then what is not built."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.services.lambda_.room_under_test import in_loop, started, zipped


@in_loop
async def test_a_name_of_65_letters() -> None:
    under_test = await started()
    error = await under_test.refuses(name="a" * 65)
    assert error.code == "InvalidParameterValueException"
    assert error.message == (
        f"1 validation error detected: Value '{'a' * 65}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64"
    )
    await under_test.create("a" * 64)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Timeout": 901}, "Value '901' at 'timeout' failed"),
        ({"MemorySize": 10241}, "Value '10241' at 'memorySize' failed"),
        ({"EphemeralStorage": {"Size": 10241}}, "Value '10241' at 'ephemeralStorage.size' failed"),
    ],
)
@in_loop
async def test_ceilings_of_ordinary_functions(values: dict[str, Any], message: str) -> None:
    under_test = await started()
    error = await under_test.refuses(**values)
    assert error.code == "InvalidParameterValueException"
    assert message in error.message
    await under_test.create_active()
    error = await under_test.fails("UpdateFunctionConfiguration", FunctionName="greet", **values)
    assert message in error.message


@in_loop
async def test_an_unknown_runtime() -> None:
    under_test = await started()
    error = await under_test.refuses(Runtime="non-existent-runtime")
    assert error.code == "InvalidParameterValueException"
    assert error.message.startswith(
        "Value non-existent-runtime at 'runtime' failed to satisfy constraint: "
        "Member must satisfy enum value set: [nodejs20.x, python3.14, "
    )
    assert error.message.endswith("] or be a valid ARN")


@pytest.mark.parametrize("runtime", ["nodejs14.x", "java8", "go1.x", "provided", "python3.7", "dotnetcore3.1"])
@in_loop
async def test_a_runtime_that_aws_no_longer_takes(runtime: str) -> None:
    under_test = await started()
    expected = (
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )
    assert (await under_test.refuses(Runtime=runtime)).message == expected
    await under_test.create_active()
    error = await under_test.fails("UpdateFunctionConfiguration", FunctionName="greet", Runtime=runtime)
    assert error.message == expected


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ("java8.al2", "Java 11 and newer only"),
        ("java8.al2023", "Java 11 and newer only"),
        ("dotnet6", "not published as a program of its own"),
        ("dotnet8", "not published as a program of its own"),
        ("dotnet10", "runs under provided.al2023"),
        ("custom", "container images"),
    ],
)
@in_loop
async def test_a_language_that_is_not_built(runtime: str, reason: str) -> None:
    under_test = await started()
    error = await under_test.refuses(Runtime=runtime)
    assert (error.code, error.status) == ("NotImplemented", 501)
    assert f"lambda:CreateFunction with Runtime {runtime} (" in error.message
    assert reason in error.message


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ("java21", "tools/fetch-java-client"),
        ("java17.al2023", "need a JDK or JRE of that version"),
        ("ruby3.4", "is not installed on this machine"),
        ("python3.15", "is not installed on this machine"),
        ("nodejs26.x", "is not installed on this machine"),
        ("python3.8", "needs Python 3.9 or newer"),
        ("nodejs16.x", "needs Node.js 18 or newer"),
    ],
)
@in_loop
async def test_what_a_runtime_needs_that_is_not_here(runtime: str, reason: str) -> None:
    under_test = await started()
    error = await under_test.refuses(Runtime=runtime)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert reason in error.message
    assert "Available: python3.12, python3.11" in error.message


@in_loop
async def test_a_runtime_that_is_not_on_this_machine() -> None:
    under_test = await started()
    error = await under_test.refuses(Runtime="python3.14")
    assert error.code == "InvalidParameterValueException"
    for part in ("python3.14", "python3.12, python3.11", "--runtime-fallback"):
        assert part in error.message


@in_loop
async def test_runtime_and_handler_are_needed() -> None:
    under_test = await started()
    error = await under_test.refuses(Handler=None)
    assert error.message == (
        "Runtime and Handler are mandatory parameters for functions created with deployment packages."
    )


@in_loop
async def test_reserved_environment_variables() -> None:
    under_test = await started()
    error = await under_test.refuses(
        Environment={"Variables": {"AWS_REGION": "x", "MINE": "y", "LAMBDA_TASK_ROOT": "z"}}
    )
    assert error.code == "InvalidParameterValueException"
    assert error.message.endswith("Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT")


@in_loop
async def test_the_environment_may_have_4096_bytes_of_json() -> None:
    under_test = await started()
    await under_test.create(Environment={"Variables": {"LARGE_VAR": "x" * 4080}})
    error = await under_test.refuses(name="other", Environment={"Variables": {"LARGE_VAR": "x" * 4081}})
    assert error.message.startswith("Lambda was unable to configure your environment variables because")
    assert error.message.endswith('4KB limit. String measured: {"LARGE_VAR":"' + "x" * 4081 + '"}')


@in_loop
async def test_fifty_tags_and_no_more() -> None:
    under_test = await started()
    error = await under_test.refuses(Tags={f"{number}": "" for number in range(51)})
    assert error.message == "Number of tags exceeds resource tag limit."


@in_loop
async def test_a_package_is_needed() -> None:
    under_test = await started()
    assert (await under_test.refuses(Code={})).message == "Please provide a source for function code."
    assert (await under_test.refuses(Code={"ZipFile": b""})).message == "Uploaded file must be a non-empty zip"
    error = await under_test.refuses(Code={"ZipFile": b"no zip at all"})
    assert error.message == "Could not unzip uploaded file. Please check your file, then try to upload again."
    assert await under_test.blobs.digests() == []


UNBUILT: list[tuple[dict[str, Any], str]] = [
    ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "VpcConfig"),
    ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}}, "DeadLetterConfig.TargetArn"),
    ({"FileSystemConfigs": [{"Arn": "arn", "LocalMountPath": "/mnt/x"}]}, "FileSystemConfigs"),
    ({"ImageConfig": {"Command": ["x"]}}, "ImageConfig"),
    ({"PackageType": "Image"}, "PackageType Image"),
    ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart.ApplyOn PublishedVersions"),
    ({"TracingConfig": {"Mode": "Active"}}, "TracingConfig.Mode Active"),
    ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/x"}, "KMSKeyArn"),
    ({"CodeSigningConfigArn": "arn:x"}, "CodeSigningConfigArn"),
    ({"Publish": True}, "Publish"),
    ({"PublishTo": "LATEST_PUBLISHED"}, "PublishTo"),
    ({"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {}}}, "CapacityProviderConfig"),
    ({"DurableConfig": {"ExecutionTimeout": 60}}, "DurableConfig"),
    ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "TenancyConfig"),
    ({"AcceleratorConfig": {"AcceleratorMemorySize": 1}}, "AcceleratorConfig"),
    ({"RuntimeConfig": {"RuntimeArn": "arn", "RuntimeAlias": "x"}}, "RuntimeConfig"),
    ({"Architectures": ["arm64"]}, "Architectures arm64"),
    ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "Code.S3Bucket"),
    ({"Code": {"ZipFile": b"x", "S3ObjectStorageMode": "REFERENCE"}}, "Code.S3ObjectStorageMode REFERENCE"),
    ({"Code": {"ImageUri": "image"}}, "Code.ImageUri"),
    ({"Code": {"ZipFile": b"x", "SourceKMSKeyArn": "arn:x"}}, "Code.SourceKMSKeyArn"),
]


@pytest.mark.parametrize(("values", "what"), UNBUILT)
@in_loop
async def test_what_is_not_built_is_refused_by_name(values: dict[str, Any], what: str) -> None:
    under_test = await started()
    error = await under_test.refuses(**values)
    assert (error.code, error.status) == ("NotImplemented", 501)
    assert f"lambda:CreateFunction with {what}" in error.message
    assert (await under_test.call("ListFunctions"))["Functions"] == []


@in_loop
async def test_neutral_values_pass() -> None:
    under_test = await started()
    answer = await under_test.create(
        Layers=[],
        VpcConfig={},
        DeadLetterConfig={"TargetArn": ""},
        FileSystemConfigs=[],
        ImageConfig={},
        PackageType="Zip",
        SnapStart={"ApplyOn": "None"},
        TracingConfig={"Mode": "PassThrough"},
        KMSKeyArn="",
        LoggingConfig={"LogFormat": "Text"},
        Publish=False,
        Architectures=["x86_64"],
        Code={"ZipFile": zipped(), "S3ObjectStorageMode": "COPY"},
    )
    assert answer["State"] == "Pending"


@in_loop
async def test_other_operations_name_what_they_lack() -> None:
    under_test = await started()
    await under_test.create_active()
    for operation, values, what in (
        ("UpdateFunctionCode", {"ZipFile": zipped(), "Publish": True}, "Publish"),
        ("UpdateFunctionCode", {"S3Bucket": "bucket", "S3Key": "key"}, "Code.S3Bucket"),
        ("UpdateFunctionCode", {"ZipFile": zipped(), "Architectures": ["arm64"]}, "Architectures arm64"),
        (
            "UpdateFunctionConfiguration",
            {"SnapStart": {"ApplyOn": "PublishedVersions"}},
            "SnapStart.ApplyOn PublishedVersions",
        ),
        ("Invoke", {"InvocationType": "Event"}, "InvocationType Event"),
        ("Invoke", {"TenantId": "blue"}, "TenantId"),
        ("Invoke", {"DurableExecutionName": "one"}, "DurableExecutionName"),
        ("ListFunctions", {"MasterRegion": "ALL"}, "MasterRegion"),
    ):
        named = {} if operation == "ListFunctions" else {"FunctionName": "greet"}
        error = await under_test.fails(operation, **named, **values)
        assert (error.code, error.status) == ("NotImplemented", 501)
        assert f"lambda:{operation} with {what}" in error.message
