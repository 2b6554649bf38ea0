"""Resource-based policies: how statements are made, and whom they let in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tatami.frame.errors import AwsError
from tatami.services.lambda_.model import policies
from tatami.services.lambda_.model.policies import INVOKE_URL, NO_POLICY, Policy

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
OPEN = {policies.URL_AUTH_TYPE: "NONE", policies.INVOKED_VIA_URL: "true"}


def statement(**values: Any) -> policies.Statement:
    given = {"StatementId": "s", "Action": INVOKE_URL, "Principal": "*", **values}
    return policies.statement_of(given, ARN, "aws")


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:user/u", {"AWS": "arn:aws:iam::123456789012:user/u"}),
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
    ],
)
def test_principals(principal: str, shown: object) -> None:
    assert statement(Principal=principal)["Principal"] == shown


def test_a_principal_that_is_none() -> None:
    with pytest.raises(AwsError, match="provided principal was invalid"):
        statement(Principal="invalid.nonaws.com")


def test_conditions() -> None:
    made = statement(
        SourceArn="arn:aws:s3:::b",
        SourceAccount="123456789012",
        PrincipalOrgID="o-1234567890",
        FunctionUrlAuthType="NONE",
        InvokedViaFunctionUrl=True,
        EventSourceToken="t",
    )
    assert made["Condition"] == {
        "StringEquals": {
            "AWS:SourceAccount": "123456789012",
            "aws:PrincipalOrgID": "o-1234567890",
            "lambda:FunctionUrlAuthType": "NONE",
            "lambda:EventSourceToken": "t",
        },
        "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
    }


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({}, True),
        ({"FunctionUrlAuthType": "NONE"}, True),
        ({"FunctionUrlAuthType": "AWS_IAM"}, False),
        ({"InvokedViaFunctionUrl": True}, True),
        ({"Action": "lambda:*"}, True),
        ({"Action": "lambda:InvokeFunction"}, False),
        ({"Principal": "123456789012"}, False),
        ({"Principal": "s3.amazonaws.com"}, False),
        ({"SourceArn": "arn:aws:s3:::b"}, False),
        ({"PrincipalOrgID": "o-1234567890"}, False),
    ],
)
def test_who_may_call_without_a_name(values: dict[str, Any], allowed: bool) -> None:
    policy = policies.added(NO_POLICY, statement(**values), None, "r")
    assert policies.allows(policy, INVOKE_URL, "", "", OPEN) is allowed


def test_another_account_and_one_of_its_users() -> None:
    account, user = "123456789012", "arn:aws:iam::123456789012:user/u"
    whole = policies.added(NO_POLICY, statement(Principal=account), None, "r")
    single = policies.added(NO_POLICY, statement(Principal=user), None, "r")
    assert policies.allows(whole, INVOKE_URL, account, user, {})
    assert policies.allows(single, INVOKE_URL, account, user, {})
    assert not policies.allows(single, INVOKE_URL, account, f"{user}2", {})
    assert not policies.allows(whole, INVOKE_URL, "210987654321", "", {})


def test_a_pattern_of_arns() -> None:
    policy = policies.added(NO_POLICY, statement(SourceArn="arn:aws:s3:::b*"), None, "r")
    assert policies.allows(policy, INVOKE_URL, "", "", {"aws:sourcearn": "arn:aws:s3:::bucket"})
    assert not policies.allows(policy, INVOKE_URL, "", "", {"aws:sourcearn": "arn:aws:s3:::other"})


def test_the_document_has_a_limit_and_its_statements_have_names_of_their_own() -> None:
    policy = policies.added(NO_POLICY, statement(), None, "r1")
    assert json.loads(policies.document(policy))["Statement"] == [statement()]
    with pytest.raises(AwsError, match=r"The statement id \(s\) provided already exists"):
        policies.added(policy, statement(), None, "r2")
    with pytest.raises(AwsError) as long:
        policies.added(policy, statement(StatementId="t", EventSourceToken="x" * 20_480), None, "r2")
    assert long.value.code == "PolicyLengthExceededException"


def test_revisions() -> None:
    policy = Policy(revision="r1", statements=(statement(),))
    with pytest.raises(AwsError) as stale:
        policies.added(policy, statement(StatementId="t"), "r0", "r2")
    assert (stale.value.status, stale.value.code) == (412, "PreconditionFailedException")
    with pytest.raises(AwsError, match="Statement t is not found"):
        policies.removed(policy, "t", None, "r2")
    assert policies.removed(policy, "s", "r1", "r2").statements == ()
