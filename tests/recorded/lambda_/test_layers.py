"""Layers against what AWS answered, whole answers."""

from __future__ import annotations

from typing import Any

from tests.recorded.lambda_.replay import NAME, answered, bindings, created, recorded_room, zipped
from tests.recorded.matching import Bindings, load, match
from tests.unit.services.lambda_.room_under_test import ACCOUNT, REGION, RoomUnderTest, in_loop

from tatami.wire.models import load_service
from tatami.wire.validation import message_for, violations

RECORDED = load("lambda", "test_lambda_api")
PREFIX = "lambda_/test_lambda_api.py::TestLambdaLayer::"
EMPTY: dict[str, Any] = {"Environment": {"Variables": {}}}
LAYER = "my-layer"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{LAYER}"
CONTENT = {"ZipFile": zipped({"python/shared.py": b"pass\n"})}


def known_values(**known: str) -> Bindings:
    found = bindings(**known)
    found.free = found.free | {"<layer-location>"}
    return found


def constraint(operation: str, **values: Any) -> dict[str, Any]:
    """What the gateway answers to `values` that break the model's constraints."""
    shape = load_service("lambda").operations[operation].input
    assert shape is not None
    found = violations(shape, values)
    return {
        "Error": {"Code": "ValidationException", "Message": message_for(found)},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }


async def published(under_test: RoomUnderTest, name: str = LAYER, **values: Any) -> dict[str, Any]:
    return await answered(under_test, "PublishLayerVersion", LayerName=name, Content=CONTENT, **values)


@in_loop
async def test_layer_lifecycle() -> None:
    recorded = RECORDED[f"{PREFIX}test_layer_lifecycle"]
    under_test = await recorded_room()
    known = known_values(**{"<resource:3>": LAYER, "<description>": "words", "<license-info>": "MIT"})

    async def check(label: str, operation: str, **values: Any) -> None:
        match(recorded[label], await answered(under_test, operation, **values), known)

    async def publish(label: str) -> None:
        details: dict[str, Any] = {"Description": "words", "LicenseInfo": "MIT", "CompatibleArchitectures": ["x86_64"]}
        answer = await published(under_test, CompatibleRuntimes=["python3.12"], **details)
        match(recorded[label], answer, known)

    await created(under_test, Timeout=30, **EMPTY)
    await check("get_fn_result", "GetFunction", FunctionName=NAME)
    await check("get_fn_config_result", "GetFunctionConfiguration", FunctionName=NAME)
    await publish("publish_result")
    await publish("publish_result_2")
    await check("update_fn_config", "UpdateFunctionConfiguration", FunctionName=NAME, Layers=[f"{ARN}:1"])
    await under_test.tasks.drain()
    await check("get_fn_config", "GetFunctionConfiguration", FunctionName=NAME)
    await check("get_layer_ver_result", "GetLayerVersion", LayerName=LAYER, VersionNumber=1)
    await check("get_layer_by_arn_version", "GetLayerVersionByArn", Arn=f"{ARN}:1")
    await check("list_layer_versions_predelete", "ListLayerVersions", LayerName=LAYER)
    await check("delete_layer_1", "DeleteLayerVersion", LayerName=LAYER, VersionNumber=1)
    await check("get_fn_config_postdelete", "GetFunctionConfiguration", FunctionName=NAME)
    await check("delete_layer_2", "DeleteLayerVersion", LayerName=LAYER, VersionNumber=2)
    await check("list_layer_versions_postdelete", "ListLayerVersions", LayerName=LAYER)
    await publish("publish_result_3")


@in_loop
async def test_layer_exceptions() -> None:
    recorded = RECORDED[f"{PREFIX}test_layer_exceptions"]
    under_test = await recorded_room()
    known = known_values(**{"<resource:1>": LAYER, "<resource:2>": "empty"})
    details: dict[str, Any] = {"CompatibleRuntimes": ["python3.12"], "CompatibleArchitectures": ["x86_64"]}
    match(recorded["publish_result"], await published(under_test, **details), known)
    for label, operation, values in (
        ("list_nonexistent_layer", "ListLayerVersions", {"LayerName": "nobody"}),
        ("get_layer_version_exc_layer_doesnotexist", "GetLayerVersion", {"LayerName": "nobody", "VersionNumber": 1}),
        (
            "get_layer_version_exc_layer_version_doesnotexist_negative",
            "GetLayerVersion",
            {"LayerName": LAYER, "VersionNumber": -1},
        ),
        (
            "get_layer_version_exc_layer_version_doesnotexist_zero",
            "GetLayerVersion",
            {"LayerName": LAYER, "VersionNumber": 0},
        ),
        (
            "get_layer_version_exc_layer_version_doesnotexist_2",
            "GetLayerVersion",
            {"LayerName": LAYER, "VersionNumber": 2},
        ),
        ("get_layer_version_by_arn_exc_nonexistentversion", "GetLayerVersionByArn", {"Arn": f"{ARN}:2"}),
        ("delete_nonexistent_response", "DeleteLayerVersion", {"LayerName": "nobody", "VersionNumber": 1}),
        ("delete_nonexistent_version_response", "DeleteLayerVersion", {"LayerName": LAYER, "VersionNumber": 2}),
        ("delete_layer_response", "DeleteLayerVersion", {"LayerName": LAYER, "VersionNumber": 1}),
        ("delete_layer_again_response", "DeleteLayerVersion", {"LayerName": LAYER, "VersionNumber": 1}),
        (
            "delete_layer_version_exc_layerversion_invalid_version",
            "DeleteLayerVersion",
            {"LayerName": LAYER, "VersionNumber": -1},
        ),
    ):
        match(recorded[label], await answered(under_test, operation, **values), known)
    empty = await published(under_test, "empty", CompatibleRuntimes=[], CompatibleArchitectures=[])
    match(recorded["publish_empty_result"], empty, known)


def test_values_that_the_gateway_refuses() -> None:
    recorded = RECORDED[f"{PREFIX}test_layer_exceptions"]
    known = known_values(**{"<resource:1>": LAYER})
    wrong = {"LayerName": "two", "Content": CONTENT, "CompatibleRuntimes": ["invalidruntime"]}
    some: dict[str, Any] = {
        "CompatibleRuntimes": ["invalidruntime", "invalidruntime2", "nodejs20.x"],
        "CompatibleArchitectures": ["invalidarch", "x86_64"],
    }
    for label, operation, values in (
        ("list_layers_exc_compatibleruntime_invalid", "ListLayers", {"CompatibleRuntime": "runtimedoesnotexist"}),
        (
            "list_layers_exc_compatiblearchitecture_invalid",
            "ListLayers",
            {"CompatibleArchitecture": "archdoesnotexist"},
        ),
        ("get_layer_version_by_arn_exc_invalidarn", "GetLayerVersionByArn", {"Arn": ARN}),
        (
            "publish_layer_version_exc_invalid_runtime_arch",
            "PublishLayerVersion",
            {**wrong, "CompatibleArchitectures": ["invalidarch"]},
        ),
        ("publish_layer_version_exc_partially_invalid_values", "PublishLayerVersion", {**wrong, **some}),
    ):
        match(recorded[label], constraint(operation, **values), known)


@in_loop
async def test_layer_function_exceptions() -> None:
    recorded = RECORDED[f"{PREFIX}test_layer_function_exceptions"]
    under_test = await recorded_room()
    known = known_values(**{"<resource:1>": LAYER, "<resource:2>": "worker"})
    for label in ("publish_result", "publish_result_2", "publish_result_3"):
        answer = await published(under_test, CompatibleRuntimes=[], CompatibleArchitectures=["x86_64"])
        match(recorded[label], answer, known)
    await created(under_test, Timeout=30, **EMPTY)
    match(recorded["get_fn_result"], await answered(under_test, "GetFunction", FunctionName=NAME), known)
    for label, layers in (
        ("two_layer_versions_single_function_exc", [f"{ARN}:1", f"{ARN}:2"]),
        ("three_layer_versions_single_function_exc", [f"{ARN}:1", f"{ARN}:2", f"{ARN}:3"]),
        ("two_identical_layer_versions_single_function_exc", [f"{ARN}:1", f"{ARN}:1"]),
        ("add_nonexistent_layer_exc", [f"{ARN.replace(LAYER, 'doesnotexist')}:1"]),
        ("add_nonexistent_layer_version_exc", [f"{ARN}:9"]),
    ):
        answer = await answered(under_test, "UpdateFunctionConfiguration", FunctionName=NAME, Layers=layers)
        match(recorded[label], answer, known)
    answer = constraint("UpdateFunctionConfiguration", FunctionName=NAME, Layers=[ARN])
    match(recorded["add_layer_arn_without_version_exc"], answer, known)
    elsewhere = f"{ARN.replace(REGION, 'eu-west-1')}:1"
    answer = await created(under_test, Layers=[elsewhere])
    match(recorded["create_function_with_layer_in_different_region"], answer, known)


@in_loop
async def test_layer_policy_lifecycle() -> None:
    recorded = RECORDED[f"{PREFIX}test_layer_policy_lifecycle"]
    under_test = await recorded_room()
    known = known_values(**{"<resource:1>": LAYER})
    layer: dict[str, Any] = {"LayerName": LAYER, "VersionNumber": 1}
    statement = {**layer, "Action": "lambda:GetLayerVersion", "Principal": "*"}
    details: dict[str, Any] = {"CompatibleRuntimes": ["python3.12"], "CompatibleArchitectures": ["x86_64"]}
    match(recorded["publish_result"], await published(under_test, **details), known)

    async def check(label: str, operation: str, **values: Any) -> str:
        answer = await answered(under_test, operation, **values)
        match(recorded[label], answer, known)
        return str(answer.get("RevisionId", ""))

    await check("add_policy_s1", "AddLayerVersionPermission", **statement, StatementId="s1")
    seen = await check("get_layer_version_policy", "GetLayerVersionPolicy", **layer)
    await check("add_policy_s2", "AddLayerVersionPermission", **statement, StatementId="s2", RevisionId=seen)
    seen = await check("get_layer_version_policy_postadd2", "GetLayerVersionPolicy", **layer)
    await check("remove_s2", "RemoveLayerVersionPermission", **layer, StatementId="s2", RevisionId=seen)
    await check("get_layer_version_policy_postdeletes2", "GetLayerVersionPolicy", **layer)
