"""Names and ARNs of functions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.domain.arn import (
    FunctionReference,
    function_arn,
    is_alias,
    is_version,
    parse_function_name,
    runtime_version_arn,
)

ACCOUNT = "111111111111"
NAMES = st.from_regex(r"[a-zA-Z0-9\-_]{1,64}", fullmatch=True)
QUALIFIERS = st.sampled_from(["", "$LATEST", "1", "42"]) | st.from_regex(r"[a-zA-Z0-9\-_]{1,20}", fullmatch=True)
REGIONS = st.sampled_from(["us-east-1", "us-gov-west-1", "ap-southeast-3", "us-iso-east-1", "eusc-de-east-1"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("greet", FunctionReference("greet")),
        ("greet:$LATEST", FunctionReference("greet", "$LATEST")),
        ("greet:prod", FunctionReference("greet", "prod")),
        ("function:greet", FunctionReference("greet")),
        (f"{ACCOUNT}:greet", FunctionReference("greet", account=ACCOUNT)),
        (f"{ACCOUNT}:function:greet:3", FunctionReference("greet", "3", ACCOUNT)),
        (
            f"arn:aws-cn:lambda:cn-north-1:{ACCOUNT}:function:greet:1",
            FunctionReference("greet", "1", ACCOUNT, "cn-north-1", "aws-cn"),
        ),
        # Recorded: an incomplete ARN means a function called "function".
        (
            f"arn:aws:lambda:us-east-1:{ACCOUNT}:function",
            FunctionReference("function", "", ACCOUNT, "us-east-1", "aws"),
        ),
    ],
)
def test_every_form(text: str, expected: FunctionReference) -> None:
    assert parse_function_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "greet!",
        "greet\n",
        "grüße",
        "greet:invalid!",
        "greet:1:2",
        "invalid:function:greet",
        f"arn:aws:lambda:invalid-region:{ACCOUNT}:function:greet",
        "arn:aws:lambda:us-east-1::function:greet",
        f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance:i-1",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:greet:$LATES",
        "٣٣٣٣٣٣٣٣٣٣٣٣:greet",
    ],
)
def test_what_is_no_name(text: str) -> None:
    assert parse_function_name(text) is None


@settings(deadline=None)
@given(NAMES, QUALIFIERS, REGIONS)
def test_an_arn_says_what_it_was_made_of(name: str, qualifier: str, region: str) -> None:
    arn = function_arn(ACCOUNT, region, name, qualifier)
    assert parse_function_name(arn) == FunctionReference(name, qualifier, ACCOUNT, region, "aws")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_reading_agrees_with_the_pattern_of_the_model(text: str) -> None:
    pattern = (
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
        r"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
    )
    assert (parse_function_name(text) is None) == (re.fullmatch(pattern, text, re.ASCII) is None)


def test_runtime_version_arns_are_stable_and_differ_by_version() -> None:
    arn = runtime_version_arn("eu-west-1", "python3.12", "3.12.1")
    assert re.fullmatch(r"arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}", arn)
    assert arn == runtime_version_arn("eu-west-1", "python3.12", "3.12.1")
    assert arn != runtime_version_arn("eu-west-1", "python3.12", "3.12.2")


@settings(deadline=None)
@given(st.text(max_size=10))
def test_a_qualifier_is_a_version_or_an_alias_or_neither(qualifier: str) -> None:
    assert not (is_version(qualifier) and is_alias(qualifier))


def test_versions_and_aliases() -> None:
    assert [is_version(text) for text in ("1", "", "²", "$LATEST", "1a")] == [True, False, False, False, False]
    assert [is_alias(text) for text in ("prod", "1a", "1", "$LATEST", "$latest")] == [True, True, False, False, False]
