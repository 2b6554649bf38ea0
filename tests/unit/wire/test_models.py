"""Service models: traits of references, recursion, errors by name and code."""

from __future__ import annotations

import pytest

from tatami.wire.models import UnknownServiceModel, is_known, load_service


def test_metadata() -> None:
    service = load_service("cloudwatch")
    assert service.protocols == ("smithy-rpc-v2-cbor", "json", "query")
    assert (service.signing_name, service.target_prefix) == ("monitoring", "GraniteServiceVersion20100801")
    assert service.query_compatible
    assert load_service("cloudwatch") is service


def test_the_newest_version_is_read() -> None:
    assert load_service("lambda").api_version == "2015-03-31"


def test_operations() -> None:
    service = load_service("lambda")
    operation = service.operations["GetLayerVersionByArn"]
    assert (operation.method, operation.uri, operation.status) == ("GET", "/2018-10-31/layers?find=LayerVersion", 200)
    assert operation is service.operations["GetLayerVersionByArn"]
    assert "ResourceNotFoundException" in {shape.name for shape in operation.errors}
    assert "Nothing" not in service.operations
    assert load_service("stepfunctions").operations["StartSyncExecution"].host_prefix == "sync-"
    assert load_service("s3").operations["PutObject"].http_checksum["requestAlgorithmMember"] == "ChecksumAlgorithm"
    assert load_service("sts").operations["AssumeRoleWithWebIdentity"].auth_type == "none"


def test_traits_of_a_reference_lie_over_the_shape() -> None:
    shape = load_service("s3").operations["PutObject"].input
    assert shape is not None
    assert (shape.payload, shape.members["Key"].location) == ("Body", "uri")
    assert shape.members["Metadata"].wire_name == "x-amz-meta-"
    assert shape.required == ("Bucket", "Key")


def test_recursive_shapes() -> None:
    value = load_service("dynamodb").shape("AttributeValue")
    assert value.members["L"].member is value
    assert value.members["M"].value.members["M"].value is value


def test_errors_by_name_and_by_code() -> None:
    sqs = load_service("sqs")
    error = sqs.error("QueueDoesNotExist")
    assert error is not None
    assert sqs.error("AWS.SimpleQueueService.NonExistentQueue") is error
    assert sqs.error("Nothing") is None
    missing = load_service("iam").error("NoSuchEntity")
    assert missing is not None
    assert (missing.name, missing.error_status) == ("NoSuchEntityException", 404)


def test_unknown_services() -> None:
    assert not is_known("../lambda")
    with pytest.raises(UnknownServiceModel):
        load_service("nothing")
