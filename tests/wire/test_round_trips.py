"""Every operation in every protocol of its model: botocore writes and we read, we write and botocore reads."""

from __future__ import annotations

from typing import Any

import pytest
from tests.wire import judge
from tests.wire.generation import FULL, MINIMAL, RANDOM, Generator

from tatami.wire.models import load_service
from tatami.wire.protocols import codec
from tatami.wire.routing import identify

CASES = [(name, protocol) for name in judge.SERVICES + judge.WIDER for protocol in judge.protocols_of(name)]
REQUEST_ID = "6f1b2a52-0000-4000-8000-5f0c3b0e1a11"
WAYS = [(MINIMAL, 0), (FULL, 0), (RANDOM, 1), (RANDOM, 2)]


def ways(name: str) -> list[tuple[str, int]]:
    return WAYS if name in judge.SERVICES else WAYS[:3]


def without_empty(value: Any) -> Any:
    """Empty lists, maps and structures cannot be told from absent ones in forms, XML and headers."""
    if isinstance(value, dict):
        return {key: inner for key, item in value.items() if (inner := without_empty(item)) not in ({}, [], None)}
    if isinstance(value, list):
        return [inner for item in value if (inner := without_empty(item)) not in ({}, [])]
    return value


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_requests(name: str, protocol: str) -> None:
    service = load_service(name)
    for operation_name in judge.service_of(name).operation_names:
        model = judge.service_of(name).operation_model(operation_name)
        if model.has_event_stream_input:
            continue
        for how, seed in ways(name):
            generator = Generator(f"{name} {operation_name} {how} {seed}", how)
            values = generator.value(model.input_shape) if model.input_shape else {}
            request = judge.request(name, operation_name, protocol, values, service)
            target = identify(request)
            seen = (target.service.name, target.operation.name, target.protocol)
            meant = TWINS.get(operation_name, operation_name) if name == "s3" else operation_name
            assert seen == (name, meant, protocol), (request.method, request.path, request.query)
            if meant != operation_name:
                continue
            decoded = codec(protocol).decode(service.operations[operation_name], request, target.path_values)
            for client_only in CLIENT_ONLY.get(name, ()):
                values.pop(client_only, None)
                decoded.pop(client_only, None)
            expected, found = without_empty(values), without_empty(decoded)
            assert found == expected, (operation_name, how, request)


CLIENT_ONLY = {"s3": ("Expires", "ContentLength"), "rds": ("SourceRegion",)}
"""Members that cannot agree: a header that botocore takes for a date, one that HTTP adds, a member never sent."""

TWINS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}
"""Operations of S3 that share method, path and query with another, which is the one that is meant."""

NOT_FOR_PARSERS = {"GetBucketLocation", "GetBucketNotification"}
"""botocore reads the first in a hook of its own; the second has two members with one name, which it cannot part."""


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_answers(name: str, protocol: str) -> None:
    service = load_service(name)
    for operation_name in judge.service_of(name).operation_names:
        model = judge.service_of(name).operation_model(operation_name)
        if model.has_event_stream_output or operation_name in NOT_FOR_PARSERS:
            continue
        for how, seed in ways(name):
            generator = Generator(f"{name} {operation_name} {how} {seed}", how)
            values = generator.value(model.output_shape) if model.output_shape else {}
            payload = model.output_shape.serialization.get("payload") if model.output_shape else None
            if payload in values and model.output_shape.members[payload].type_name == "blob":
                # A payload that does not stream is text to botocore.
                values[payload] = b"payload" if model.has_streaming_output else b"text"
            for member, shape in model.output_shape.members.items() if model.output_shape else ():
                if shape.serialization.get("location") == "statusCode":
                    values[member] = 202
            response = codec(protocol).encode(service.operations[operation_name], values, REQUEST_ID)
            parsed = judge.parse(name, operation_name, protocol, response)
            metadata = parsed.pop("ResponseMetadata", {})
            assert response.headers["x-amzn-RequestId"] == REQUEST_ID
            assert metadata.get("HTTPStatusCode", response.status) == response.status
            compare_answer(parsed, values, payload, operation_name)


def compare_answer(parsed: dict[str, Any], values: dict[str, Any], payload: str | None, operation: str) -> None:
    if payload in parsed and payload not in values:
        assert parsed[payload] in ("", b"", {}), operation
        del parsed[payload]
    if payload in values and isinstance(values[payload], bytes) and isinstance(parsed[payload], str):
        parsed[payload] = parsed[payload].encode()
    assert without_empty(parsed) == without_empty(values), operation


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_errors(name: str, protocol: str) -> None:
    service = load_service(name)
    for operation_name in judge.service_of(name).operation_names:
        model = judge.service_of(name).operation_model(operation_name)
        operation = service.operations[operation_name]
        for shape in model.error_shapes:
            status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
            response = codec(protocol).encode_error(
                operation, service, shape.name, "It <failed> & burned", status, True, {}, REQUEST_ID
            )
            parsed = judge.parse(name, operation_name, protocol, response)
            assert parsed["ResponseMetadata"]["HTTPStatusCode"] == status
            if operation.method == "HEAD":
                assert parsed["Error"]["Code"] == str(status)
                continue
            found = service.error(shape.name)
            assert found is not None
            uses_query_code = protocol in ("query", "ec2", "rest-xml") or service.query_compatible
            assert parsed["Error"]["Code"] == (service.query_code(found) if uses_query_code else shape.name)
            assert parsed["Error"].get("Message", parsed["Error"].get("message")) == "It <failed> & burned"
            assert parsed["ResponseMetadata"].get("RequestId") == REQUEST_ID
