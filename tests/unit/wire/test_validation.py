"""AWS's texts for broken constraints; RECORDED holds those of recorded answers, some with shorter values."""

from __future__ import annotations

from typing import Any

import pytest

from tatami.wire.java_patterns import compile_java
from tatami.wire.models import load_service
from tatami.wire.validation import message_for, violations

NAME = (
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?"
    "(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
LAYER = (
    "(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:"
    "[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)
REQUIRED_FUNCTION = {"FunctionName": "f", "Role": "arn:aws:iam::111111111111:role/r", "Code": {}}
RECORDED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "lambda",
        "GetFunction",
        {"FunctionName": "*"},
        "Value '*' at 'functionName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {NAME}",
    ),
    (
        "lambda",
        "PutProvisionedConcurrencyConfig",
        {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0},
        "Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    ),
    (
        "lambda",
        "CreateFunction",
        {**REQUIRED_FUNCTION, "Layers": ["x"]},
        "Value '[x]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, "
        f"Member must satisfy regular expression pattern: {LAYER}, Member must not be null]",
    ),
    (
        "lambda",
        "CreateFunction",
        {**REQUIRED_FUNCTION, "VpcConfig": {"SecurityGroupIds": ["a b"]}},
        "Value '[a b]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, "
        "Member must satisfy regular expression pattern: sg-[0-9a-zA-Z]*]",
    ),
    (
        "lambda",
        "CreateFunctionUrlConfig",
        {"FunctionName": "f", "AuthType": "NONE", "InvokeMode": "UNKNOWN"},
        "Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
    ),
    (
        "sns",
        "PublishBatch",
        {
            "TopicArn": "t",
            "PublishBatchRequestEntries": [{"Id": "1", "Message": "m", "MessageAttributes": {"attr1": {}}}],
        },
        "Value null at 'publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType' "
        "failed to satisfy constraint: Member must not be null",
    ),
    (
        "logs",
        "PutMetricFilter",
        {
            "logGroupName": "g",
            "filterName": "f",
            "filterPattern": "",
            "metricTransformations": [
                {"metricName": f"metric{n}", "metricNamespace": f"namespace{n}", "metricValue": "1"} for n in (1, 2)
            ],
        },
        "Value '[MetricTransformation(metricName=metric1, metricNamespace=namespace1, metricValue=1, "
        "defaultValue=null, unit=null, dimensions=null), MetricTransformation(metricName=metric2, "
        "metricNamespace=namespace2, metricValue=1, defaultValue=null, unit=null, dimensions=null)]' "
        "at 'metricTransformations' failed to satisfy constraint: Member must have length less than or equal to 1",
    ),
]


@pytest.mark.parametrize(("service", "operation", "values", "expected"), RECORDED)
def test_recorded_texts(service: str, operation: str, values: dict[str, Any], expected: str) -> None:
    shape = load_service(service).operations[operation].input
    assert shape is not None
    assert violations(shape, values) == [expected]


def test_several_violations_are_joined() -> None:
    shape = load_service("events").operations["CreateConnection"].input
    assert shape is not None
    name = "This should fail with two errors 123467890123412341234123412341234"
    found = violations(shape, {"Name": name, "AuthorizationType": "INVALID", "AuthParameters": {}})
    assert message_for(found) == (
        f"3 validation errors detected: Value '{name}' at 'name' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value '{name}' at 'name' failed to "
        "satisfy constraint: Member must have length less than or equal to 64; Value 'INVALID' at 'authorizationType' "
        "failed to satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"
    )
    assert message_for(found[:1]).startswith("1 validation error detected: Value ")


def test_lambda_lists_the_runtimes_that_it_knows() -> None:
    shape = load_service("lambda").operations["PublishLayerVersion"].input
    assert shape is not None
    values = {
        "LayerName": "l",
        "Content": {},
        "CompatibleRuntimes": ["no"],
        "CompatibleArchitectures": ["no", "x86_64"],
    }
    runtimes, architectures = violations(shape, values)
    assert runtimes == (
        "Value '[no]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: "
        "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
        "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
        "java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"
    )
    assert architectures == (
        "Value '[no, x86_64]' at 'compatibleArchitectures' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    )


def test_map_keys_and_sensitive_values() -> None:
    # Not recorded: the form is publicly reported, the final `not be null` inferred from Lambda's other elements.
    shape = load_service("lambda").operations["CreateFunction"].input
    assert shape is not None
    assert violations(shape, {**REQUIRED_FUNCTION, "Environment": {"Variables": {"a-b": "1"}}}) == [
        "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]"
    ]


def test_good_values_have_no_violations() -> None:
    shape = load_service("lambda").operations["TagResource"].input
    assert shape is not None
    arn = "arn:aws:lambda:us-east-1:111111111111:function:f"
    assert violations(shape, {"Resource": arn, "Tags": {"Größe": "1"}}) == []


def test_java_patterns() -> None:
    tag = compile_java("^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$")
    assert tag is not None
    assert tag.fullmatch("Größe 1:a")
    assert not tag.fullmatch("a#b")
    assert compile_java("[a-z&&[^b]]") is None
    assert compile_java("(") is None
    named = compile_java("(?<year>\\d{4})")
    assert named is not None
    assert named.fullmatch("2025")
    assert not named.fullmatch("٢٠٢٥")
