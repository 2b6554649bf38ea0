"""Function URLs and resource-based policies against what AWS answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.recorded.lambda_.replay import NAME, answered, bindings, created, recorded_room
from tests.recorded.matching import Bindings, load, match
from tests.unit.services.lambda_.room_under_test import RoomUnderTest, in_loop

from tatami.domain.invocation import Outcome
from tatami.frame.operation import Context
from tatami.frame.site import Visit
from tatami.services.lambda_.function_urls import FunctionUrls
from tatami.wire.http import Request, Response

API = load("lambda", "test_lambda_api")
INVOKING = load("lambda", "test_lambda")
PREFIX = "lambda_/test_lambda.py::"

RETURNED = {
    "dict": '{"hello": "world"}',
    "http-response": '{"statusCode": 200, "body": "body123"}',
    "http-response-json": '{"statusCode": 200, "body": "{\\"hello\\": \\"world\\"}"}',
    "list-mixed": '["hello", 3, true]',
    "string": '"hello"',
    "integer": "3",
    "float": "3.1",
    "boolean": "true",
}
STATEMENT: dict[str, Any] = {
    "StatementId": "urlPermission",
    "Action": "lambda:InvokeFunctionUrl",
    "Principal": "*",
    "FunctionUrlAuthType": "NONE",
}


async def ask(under_test: RoomUnderTest, url: str, path: str = "/", **parts: Any) -> Response:
    """A request to a URL as the site answers it."""

    async def nobody() -> Context | None:
        return None

    host = url.removeprefix("http://").rstrip("/")
    headers = {"host": host, **parts.pop("headers", {})}
    request = Request(parts.pop("method", "GET"), path, parts.pop("query", ""), headers, parts.pop("body", b""))
    visit = Visit(request, "4c7a3f2e-0000-4000-8000-000000000001", "127.0.0.1", "HTTP/1.1", nobody)
    return await FunctionUrls(under_test.state).answer(visit)


async def with_url(recorded: dict[str, Any], known: Bindings, **config: Any) -> tuple[RoomUnderTest, str]:
    """A function with a URL open to all, both compared with what was recorded."""
    under_test = await recorded_room()
    await created(under_test)
    known["<resource:1>"] = NAME
    url = await answered(under_test, "CreateFunctionUrlConfig", FunctionName=NAME, AuthType="NONE", **config)
    known["<function-url>"] = url["FunctionUrl"]
    match(recorded["create_lambda_url_config"], url, known)
    added = await answered(under_test, "AddPermission", FunctionName=NAME, **STATEMENT)
    match(recorded["add_permission"], added, known)
    return under_test, url["FunctionUrl"]


def invoked(response: Response) -> dict[str, Any]:
    """A response as the recordings show it."""
    assert isinstance(response.body, bytes)
    headers = {"Content-Type": response.headers["content-type"], "Content-Length": str(len(response.body))}
    return {"statuscode": response.status, "headers": headers, "content": response.body.decode()}


@pytest.mark.parametrize("kind", RETURNED)
def test_lambda_url_invocation(kind: str) -> None:
    @in_loop
    async def test() -> None:
        recorded = INVOKING[f"{PREFIX}TestLambdaURL::test_lambda_url_invocation[{kind}]"]
        known = bindings()
        under_test, url = await with_url(recorded, known)
        under_test.dispatch.answers = [Outcome(RETURNED[kind].encode(), "$LATEST")]
        response = await ask(
            under_test, url, "/custom_path/extend", method="POST", query="a=b", body=b"{'key':'value'}"
        )
        expected = recorded["lambda_url_invocation"]
        match(expected, invoked(response), known)

    test()


@pytest.mark.parametrize("mode", ["None", "BUFFERED", "RESPONSE_STREAM"])
def test_lambda_url_echo_invoke(mode: str) -> None:
    @in_loop
    async def test() -> None:
        recorded = INVOKING[f"{PREFIX}TestLambdaURL::test_lambda_url_echo_invoke[{mode}]"]
        config = {} if mode == "None" else {"InvokeMode": mode}
        under_test, url = await with_url(recorded, bindings(), **config)
        response = await ask(under_test, url, method="POST", headers={"content-type": "text/plain"}, body=b"text")
        assert isinstance(response.body, bytes)
        event = json.loads(response.body)
        assert (event["body"], event["isBase64Encoded"]) == ("text", False)

    test()


@in_loop
async def test_lambda_permission_url_invocation() -> None:
    recorded = INVOKING[f"{PREFIX}TestLambdaPermissions::test_lambda_permission_url_invocation"]
    under_test = await recorded_room()
    await created(under_test)
    url = await answered(under_test, "CreateFunctionUrlConfig", FunctionName=NAME, AuthType="NONE")
    response = await ask(under_test, url["FunctionUrl"])
    assert response.status == 403
    assert isinstance(response.body, bytes)
    match(recorded["lambda_url_invocation_missing_permission"], json.loads(response.body), bindings())


@in_loop
async def test_lambda_url_echo_http_fixture_default() -> None:
    recorded = INVOKING[f"{PREFIX}TestLambdaURL::test_lambda_url_echo_http_fixture_default"]["url_response"]
    under_test = await recorded_room()
    await created(under_test)
    url = await answered(under_test, "CreateFunctionUrlConfig", FunctionName=NAME, AuthType="NONE")
    await answered(under_test, "AddPermission", FunctionName=NAME, **STATEMENT)
    headers = {
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
        "content-length": "14",
        "content-type": "application/json",
        "extra-headers": "With WeiRd CapS",
        "user-agent": "test/echo",
    }
    response = await ask(
        under_test,
        url["FunctionUrl"],
        "/pa2%25Fth/1",
        method="POST",
        query="q=query&multiQuery=foo&multiQuery=%2Fbar",
        headers=headers,
        body=b'{"foo": "bar"}',
    )
    assert isinstance(response.body, bytes)
    event = json.loads(response.body)
    http = event["requestContext"]["http"]
    echoed = {
        "args": event["queryStringParameters"],
        "data": json.loads(event["body"]),
        "domain": event["requestContext"]["domainName"],
        "headers": event["headers"],
        "method": http["method"],
        "origin": http["sourceIp"],
        "path": http["path"],
    }
    match(recorded, echoed, bindings())


@in_loop
async def test_lambda_url_form_payload() -> None:
    recorded = INVOKING[f"{PREFIX}TestLambdaURL::test_lambda_url_form_payload"]["url_response"]
    under_test = await recorded_room()
    await created(under_test)
    url = await answered(under_test, "CreateFunctionUrlConfig", FunctionName=NAME, AuthType="NONE")
    await answered(under_test, "AddPermission", FunctionName=NAME, **STATEMENT)
    headers = {"content-type": recorded["headers"]["content-type"]}
    body = base64.b64decode(recorded["data"])
    response = await ask(under_test, url["FunctionUrl"], "/test/value", method="POST", headers=headers, body=body)
    assert isinstance(response.body, bytes)
    event = json.loads(response.body)
    assert (event["body"], event["isBase64Encoded"]) == (recorded["data"], True)
    assert event["rawPath"] == recorded["path"]


@in_loop
async def test_url_config_lifecycle() -> None:
    recorded = API["lambda_/test_lambda_api.py::TestLambdaUrl::test_url_config_lifecycle"]
    under_test, known = await recorded_room(), bindings(**{"<resource:1>": NAME})
    await created(under_test)

    async def check(label: str, operation: str, **values: Any) -> None:
        result = await answered(under_test, operation, FunctionName=NAME, **values)
        if "FunctionUrl" in result:
            result["FunctionUrl"] = "lambda-url"
        match(recorded[label], result, known)

    await check("url_creation", "CreateFunctionUrlConfig", AuthType="NONE")
    await check("failed_duplication", "CreateFunctionUrlConfig", AuthType="NONE")
    await check("get_url_config", "GetFunctionUrlConfig")
    await check("updated_url_config", "UpdateFunctionUrlConfig", AuthType="AWS_IAM")
    await answered(under_test, "DeleteFunctionUrlConfig", FunctionName=NAME)
    await check("failed_getter", "GetFunctionUrlConfig")


@in_loop
async def test_url_config_of_a_function_that_is_not_there() -> None:
    under_test, known = await recorded_room(), bindings()
    paging = API["lambda_/test_lambda_api.py::TestLambdaUrl::test_url_config_list_paging"]
    listed = await answered(under_test, "ListFunctionUrlConfigs", FunctionName=NAME)
    match(paging["list_function_notfound"], listed, known)
    getting = API["lambda_/test_lambda_api.py::TestLambdaFunction::test_ops_on_nonexisting_fn[get_function_url_config]"]
    match(getting["not_found_exception"], await answered(under_test, "GetFunctionUrlConfig", FunctionName=NAME), known)
    await created(under_test)
    empty = await answered(under_test, "ListFunctionUrlConfigs", FunctionName=NAME)
    match(paging["list_all_empty"], empty, known)


@in_loop
async def test_permissions() -> None:
    recorded = API["lambda_/test_lambda_api.py::TestLambdaPermissions::test_add_lambda_permission_aws"]
    under_test, known = await recorded_room(), bindings()
    await created(under_test)
    s3 = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    added = await answered(under_test, "AddPermission", FunctionName=NAME, SourceArn="arn:aws:s3:::bucket", **s3)
    match(recorded["add_permission"], added, known)
    match(recorded["get_policy"], await answered(under_test, "GetPolicy", FunctionName=NAME), known)


@in_loop
async def test_several_permissions() -> None:
    recorded = API["lambda_/test_lambda_api.py::TestLambdaPermissions::test_create_multiple_lambda_permissions"]
    under_test, known = await recorded_room(), bindings(**{"<resource:1>": NAME})
    await created(under_test)
    for number, service in ((1, "logs"), (2, "kinesis")):
        values = {"StatementId": service, "Action": "lambda:InvokeFunction", "Principal": f"{service}.amazonaws.com"}
        added = await answered(under_test, "AddPermission", FunctionName=NAME, **values)
        match(recorded[f"add_permission_response_{number}"], added, known)
    match(recorded["policy_after_2_add"], await answered(under_test, "GetPolicy", FunctionName=NAME), known)


@in_loop
async def test_permission_exceptions() -> None:
    recorded = API["lambda_/test_lambda_api.py::TestLambdaPermissions::test_permission_exceptions"]
    under_test, known = await recorded_room(), bindings(**{"<function-name>": NAME})
    await created(under_test)
    s3 = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}

    async def check(label: str, operation: str, **values: Any) -> None:
        match(recorded[label], await answered(under_test, operation, **{"FunctionName": NAME, **values}), known)

    async def adding(label: str, **values: Any) -> None:
        await check(f"add_permission_{label}", "AddPermission", **{**s3, **values})

    await adding("fn_qualifier_mismatch", FunctionName=f"{NAME}:alias-not-42", Qualifier="42")
    await adding("fn_qualifier_latest", FunctionName=f"{NAME}:$LATEST", Qualifier="$LATEST")
    await adding("principal_invalid", Principal="invalid.nonaws.com")
    await adding("fn_doesnotexist", FunctionName="doesnotexist")
    await adding("fn_alias_doesnotexist", FunctionName=f"{NAME}:alias-doesnotexist")
    await adding("fn_version_doesnotexist", Qualifier="42")
    await adding("fn_qualifier_valid_doesnotexist", Qualifier="valid-with-$-but-doesnotexist")
    await check("get_policy_fn_doesnotexist", "GetPolicy", FunctionName="doesnotexist")
    await check("get_policy_fn_version_doesnotexist", "GetPolicy", Qualifier="77")
    await check("remove_permission_policy_doesnotexist", "RemovePermission", StatementId="s3")
    await answered(under_test, "AddPermission", FunctionName=NAME, **s3)
    await adding("conflicting_statement_id")
    await check("remove_permission_fn_doesnotexist", "RemovePermission", FunctionName="doesnotexist", StatementId="s3")
    await check(
        "remove_permission_fn_alias_doesnotexist",
        "RemovePermission",
        StatementId="s3",
        Qualifier="alias-doesnotexist",
    )
