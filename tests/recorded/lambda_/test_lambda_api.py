"""The control plane against what AWS answered."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from tests.recorded.lambda_.replay import NAME, answered, bindings, created, recorded_room, refused, zipped
from tests.recorded.matching import load, match
from tests.unit.services.lambda_.room_under_test import ACCOUNT, REGION, create_values, in_loop

from tatami.services.lambda_.model import package, requests

RECORDED = load("lambda", "test_lambda_api")
PREFIX = "lambda_/test_lambda_api.py::"
EMPTY: dict[str, Any] = {"Environment": {"Variables": {}}}
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"
OTHER = zipped({"handler.py": b"def handler(event, context):\n    return 'other'\n"})


def recording(test: str) -> dict[str, Any]:
    answers: dict[str, Any] = RECORDED[PREFIX + test]
    return answers


@in_loop
async def test_function_lifecycle() -> None:
    recorded = recording("TestLambdaFunction::test_function_lifecycle")
    under_test, known = await recorded_room(), bindings()

    async def check(label: str, operation: str, **values: Any) -> None:
        match(recorded[label], await answered(under_test, operation, FunctionName=NAME, **values), known)

    answer = await created(under_test, MemorySize=256, Timeout=5, **EMPTY)
    match(recorded["create_response"]["CreateFunctionResponse"], answer, known)
    await check("get_function_response", "GetFunction")
    await check(
        "update_func_conf_response",
        "UpdateFunctionConfiguration",
        Runtime="python3.11",
        Description="Changed-Description",
        MemorySize=512,
        Timeout=10,
        Environment={"Variables": {"ENV_A": "a"}},
    )
    await under_test.tasks.drain()
    await check("get_function_response_postupdate", "GetFunction")
    await check("update_code_response", "UpdateFunctionCode", ZipFile=OTHER)
    await under_test.tasks.drain()
    await check("get_function_response_postcodeupdate", "GetFunction")
    await check("delete_response", "DeleteFunction")
    await check("delete_postdelete", "DeleteFunction")


@in_loop
async def test_function_arns() -> None:
    recorded = recording("TestLambdaFunction::test_function_arns")
    under_test = await recorded_room()
    other = OTHER
    known = bindings(**{"<function-name:2>": "second"})
    first = await created(under_test, ARN, Timeout=30, **EMPTY)
    match(recorded["create-function-arn-response"]["CreateFunctionResponse"], first, known)
    second = await created(under_test, f"{ACCOUNT}:function:second", Timeout=30, Code={"ZipFile": other}, **EMPTY)
    match(recorded["create-function-partial-arn-response"]["CreateFunctionResponse"], second, known)
    match(recorded["long_function_name_exc"], refused(await under_test.refuses(name="a" * 65)), known)
    region = await answered(under_test, "GetFunction", FunctionName=ARN.replace(REGION, "ap-southeast-1"))
    match(recorded["function_arn_other_region_exc"], region, known)
    account = await answered(under_test, "GetFunction", FunctionName=ARN.replace(ACCOUNT, "1" * 12))
    match(recorded["function_arn_other_account_exc"], account, known, {"$.Error.Message"})


@in_loop
async def test_lambda_code_location_zipfile() -> None:
    recorded = recording("TestLambdaFunction::test_lambda_code_location_zipfile")
    under_test, known = await recorded_room(), bindings()
    answer = await created(under_test, Handler="index.handler")
    match(recorded["create-response-zip-file"], answer, known)
    match(recorded["get-function-response"], await answered(under_test, "GetFunction", FunctionName=NAME), known)
    under_test.dispatch.gate.clear()
    answer = await answered(under_test, "UpdateFunctionCode", FunctionName=NAME, ZipFile=OTHER)
    match(recorded["update-function-response"], answer, known)
    answer = await answered(under_test, "GetFunction", FunctionName=NAME)
    match(recorded["get-function-response-updated"], answer, known)
    under_test.dispatch.gate.set()
    await under_test.tasks.drain()


@in_loop
async def test_lambda_concurrent_config_updates() -> None:
    recorded = recording("TestLambdaFunction::test_lambda_concurrent_config_updates")
    under_test, known = await recorded_room(), bindings()
    answer = await created(under_test, Timeout=30, **EMPTY)
    match(recorded["create-function-response"]["CreateFunctionResponse"], answer, known)
    under_test.dispatch.gate.clear()
    update = {"FunctionName": NAME, "Environment": {"Variables": {"ENV_A": "a"}}}
    await answered(under_test, "UpdateFunctionConfiguration", **update)
    answer = await answered(under_test, "UpdateFunctionConfiguration", **update)
    match(recorded["update-during-in-progress-update-exc"], answer, known)
    under_test.dispatch.gate.set()
    await under_test.tasks.drain()


@pytest.mark.parametrize("operation", ["DeleteFunction", "GetFunction", "GetFunctionConfiguration"])
@in_loop
async def test_ops_on_nonexisting_fn(operation: str) -> None:
    names = {"DeleteFunction": "delete_function", "GetFunction": "get_function"}
    name = names.get(operation, "get_function_configuration")
    recorded = recording(f"TestLambdaFunction::test_ops_on_nonexisting_fn[{name}]")
    under_test = await recorded_room()
    answer = await answered(under_test, operation, FunctionName="nobody")
    match(recorded["not_found_exception"], answer, bindings(**{"<nonexisting-fn-name>": "nobody"}))


CASES: dict[str, dict[str, str]] = {
    "function_name_and_qualifier_too_long": {"FunctionName": NAME, "Qualifier": "a" * 65},
    "function_name_too_long": {"FunctionName": "a" * 65},
    "incomplete_arn": {"FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"},
    "latest_version_with_additional_qualifier": {"FunctionName": f"{ARN}:$LATEST", "Qualifier": "1"},
    "lowercase_latest_qualifier": {"FunctionName": NAME, "Qualifier": "$latest"},
    "qualifier_too_long1": {"FunctionName": NAME, "Qualifier": "a" * 65},
}
OPERATIONS = {
    "create_function": "CreateFunction",
    "delete_function": "DeleteFunction",
    "get_function": "GetFunction",
    "invoke": "Invoke",
}
NAMING = f"{PREFIX}TestLambdaFunction::test_function_name_and_qualifier_validation["


@pytest.mark.parametrize("test", [test.removeprefix(NAMING) for test in RECORDED if test.startswith(NAMING)])
@in_loop
async def test_function_name_and_qualifier_validation(test: str) -> None:
    case, _, operation = test.removesuffix("]").partition("-")
    recorded = RECORDED[f"{NAMING}{test}"][f"{operation}_exception"]
    values: dict[str, Any] = CASES[case]
    if operation == "create_function":
        values = create_values() | values
    error = (await answered(await recorded_room(), OPERATIONS[operation], **values))["Error"]
    if "Errors" in recorded:
        head, _, problems = error.pop("Message").partition(" validation error detected: ")
        error |= {"Count": int(head), "Errors": problems.split("; ")}
    match(recorded, error, bindings())


@in_loop
async def test_the_size_of_the_environment() -> None:
    under_test = await recorded_room()
    recorded = recording("TestLambdaSizeLimits::test_large_environment_fails_multiple_keys")
    variables = {"SMALL_VAR": "ok", "LARGE_VAR": "x" * (4097 - len('{"SMALL_VAR":"ok","LARGE_VAR":""}'))}
    answer = await created(under_test, Environment={"Variables": variables})
    match(recorded["failured_create_fn_result_multi_key"], answer, bindings())
    recorded = recording("TestLambdaSizeLimits::test_lambda_envvars_near_limit_succeeds")
    answer = await created(under_test, Timeout=30, Environment={"Variables": {"LARGE_VAR": "x" * 4080}})
    match(recorded["successful_create_fn_result"]["CreateFunctionResponse"], answer, bindings())


@in_loop
async def test_oversized_unzipped_lambda() -> None:
    recorded = recording("TestLambdaSizeLimits::test_oversized_unzipped_lambda")
    content = bytearray(zipped())
    size = content.index(b"PK\x01\x02") + 24  # of the unpacked file, in the central directory
    content[size : size + 4] = struct.pack("<I", package.MAX_UNZIPPED_BYTES + 1)
    error = refused(await (await recorded_room()).refuses(Code={"ZipFile": bytes(content)}))
    match(recorded["invalid_param_exc"], error, bindings())


@in_loop
async def test_oversized_request_create_lambda() -> None:
    recorded = recording("TestLambdaSizeLimits::test_oversized_request_create_lambda")
    content = b"\0" * (requests.MAX_REQUEST_BYTES // 4 * 3 + 1)
    error = refused(await (await recorded_room()).refuses(Code={"ZipFile": content}))
    match(recorded["invalid_param_exc"], error, bindings())


TAG_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("tag_single_response", "TagResource", {"Tags": {"A": "tag-a"}}),
    ("tag_multiple_response", "TagResource", {"Tags": {"B": "tag-b", "C": "tag-c"}}),
    ("tag_overlap_response", "TagResource", {"Tags": {"C": "tag-c-newsuffix", "D": "tag-d"}}),
    ("untag_single_response", "UntagResource", {"TagKeys": ["A"]}),
    ("untag_multiple_response", "UntagResource", {"TagKeys": ["B", "C"]}),
    ("untag_nonexisting_response", "UntagResource", {"TagKeys": ["F"]}),
    ("untag_existing_and_nonexisting_response", "UntagResource", {"TagKeys": ["D", "F"]}),
]


@pytest.mark.parametrize("test", ["test_tag_lifecycle", "test_tag_lifecycle[lambda_function]"])
@in_loop
async def test_tag_lifecycle(test: str) -> None:
    recorded = recording(f"TestLambdaTag::{test}")
    under_test, known = await recorded_room(), bindings()
    await created(under_test)
    for label, operation, values in TAG_CALLS:
        match(recorded[label], await answered(under_test, operation, Resource=ARN, **values), known)
        listed = await answered(under_test, "ListTags", Resource=ARN)
        match(recorded[f"{label}_listtags"], listed, known)


@in_loop
async def test_tag_limits() -> None:
    recorded = recording("TestLambdaTags::test_tag_limits")
    under_test, known = await recorded_room(), bindings()
    many = {f"{number}_key": f"{number}_value" for number in range(51)}
    answer = await created(under_test, Tags=many)
    match(recorded["create_function_invalid_tags"], answer, known)
    await created(under_test, Timeout=30, **EMPTY)
    answer = await answered(under_test, "TagResource", Resource=ARN, Tags=many)
    match(recorded["tag_lambda_too_many_tags"], answer, known)
    fifty = dict(list(many.items())[:50])
    match(recorded["tag_response"], await answered(under_test, "TagResource", Resource=ARN, Tags=fifty), known)
    match(recorded["list_tags_response"], await answered(under_test, "ListTags", Resource=ARN), known)
    match(recorded["get_fn_response"], await answered(under_test, "GetFunction", FunctionName=NAME), known)
    answer = await answered(under_test, "TagResource", Resource=ARN, Tags={"a_key": "a_value"})
    match(recorded["tag_lambda_too_many_tags_additional"], answer, known)


@in_loop
async def test_tag_versions() -> None:
    recorded = recording("TestLambdaTags::test_tag_versions")
    under_test, known = await recorded_room(), bindings()
    await created(under_test)
    for label, qualifier in (("tag_resource_exception", "1"), ("tag_resource_latest_exception", "$LATEST")):
        answer = await answered(under_test, "TagResource", Resource=f"{ARN}:{qualifier}", Tags={"key": "value"})
        match(recorded[label], answer, known)
