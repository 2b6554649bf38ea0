"""
The resource-based policy of a function: who else may do what with it.

A policy is a list of Allow statements, each made by one AddPermission (Lambda guide, access-control-resource-based).
`allows` evaluates it for one call; a condition on a key that the call does not have is not met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tatami.frame.operation import Values
from tatami.services.lambda_ import errors

LARGEST = 20_480
"""Bytes of a policy (Lambda guide, gettingstarted-limits)."""

INVOKE_URL = "lambda:InvokeFunctionUrl"

URL_AUTH_TYPE = "lambda:functionurlauthtype"
INVOKED_VIA_URL = "lambda:invokedviafunctionurl"

Statement = dict[str, Any]

_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:.+")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The statements of one function, alias or version. revision: a UUID, drawn anew with every change."""

    revision: str
    statements: tuple[Statement, ...] = ()


NO_POLICY = Policy(revision="")


def statement_of(values: Values, resource: str, partition: str) -> Statement:
    """The statement that AddPermission's input describes. resource: an ARN. Raises AwsError."""
    statement: Statement = {
        "Sid": values["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(values["Principal"], partition),
        "Action": values["Action"],
        "Resource": resource,
    }
    if condition := _condition(values):
        statement["Condition"] = condition
    return statement


def added(policy: Policy, statement: Statement, asked: str | None, revision: str) -> Policy:
    """`policy` with one more statement. asked: the revision that the caller saw. Raises AwsError."""
    _check_revision(policy, asked)
    sid = statement["Sid"]
    if any(known["Sid"] == sid for known in policy.statements):
        raise errors.resource_conflict(
            f"The statement id ({sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    grown = Policy(revision=revision, statements=(*policy.statements, statement))
    size = len(document(grown).encode())
    if size > LARGEST:
        raise errors.policy_too_long(size, LARGEST)
    return grown


def removed(policy: Policy, sid: str, asked: str | None, revision: str) -> Policy:
    """`policy` without the statement `sid`. Raises AwsError."""
    kept = tuple(statement for statement in policy.statements if statement["Sid"] != sid)
    if len(kept) == len(policy.statements):
        raise errors.resource_not_found(f"Statement {sid} is not found in resource policy.")
    _check_revision(policy, asked)
    return Policy(revision=revision, statements=kept)


def statement_text(statement: Statement) -> str:
    """One statement as JSON text."""
    return json.dumps(statement, separators=(",", ":"))


def document(policy: Policy) -> str:
    """The policy as JSON text."""
    whole = {"Version": "2012-10-17", "Id": "default", "Statement": list(policy.statements)}
    return json.dumps(whole, separators=(",", ":"))


def allows(policy: Policy, action: str, account: str, caller: str, facts: Mapping[str, str]) -> bool:
    """Whether a statement allows `action`.

    account, caller: of who calls, as 12 digits and as an ARN; both "" for somebody unknown. facts: condition keys in
    lower case to their values.
    """
    return any(
        _covers(statement["Action"], action)
        and _is_meant(statement["Principal"], account, caller)
        and _is_met(statement.get("Condition", {}), facts)
        for statement in policy.statements
    )


def _principal(given: str, partition: str) -> str | dict[str, str]:
    if given == "*":
        return "*"
    if _ACCOUNT.fullmatch(given):
        return {"AWS": f"arn:{partition}:iam::{given}:root"}
    if _PRINCIPAL_ARN.fullmatch(given):
        return {"AWS": given}
    if _SERVICE.fullmatch(given):
        return {"Service": given}
    raise errors.invalid_parameter("The provided principal was invalid. Please check the principal and try again.")


def _condition(values: Values) -> dict[str, dict[str, str]]:
    equals = {
        "AWS:SourceAccount": values.get("SourceAccount"),
        "aws:PrincipalOrgID": values.get("PrincipalOrgID"),
        "lambda:FunctionUrlAuthType": values.get("FunctionUrlAuthType"),
        "lambda:EventSourceToken": values.get("EventSourceToken"),
    }
    condition: dict[str, dict[str, str]] = {}
    if given := {key: value for key, value in equals.items() if value}:
        condition["StringEquals"] = given
    if values.get("InvokedViaFunctionUrl") is not None:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": "true" if values["InvokedViaFunctionUrl"] else "false"}
    if arn := values.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": arn}
    return condition


def _check_revision(policy: Policy, asked: str | None) -> None:
    if asked and asked != policy.revision:
        raise errors.policy_mismatch()


def _covers(stated: str, action: str) -> bool:
    return stated in ("*", "lambda:*") or stated.lower() == action.lower()


def _is_meant(principal: str | Mapping[str, str], account: str, caller: str) -> bool:
    if principal == "*":
        return True
    named = principal.get("AWS", "") if isinstance(principal, Mapping) else ""
    if not named or not account:
        return False
    return named == caller or named.partition(":iam::")[2] == f"{account}:root"


def _is_met(condition: Mapping[str, Mapping[str, str]], facts: Mapping[str, str]) -> bool:
    for operator, wanted in condition.items():
        for key, value in wanted.items():
            fact = facts.get(key.lower())
            if fact is None:
                return False
            if operator == "ArnLike":
                if not re.fullmatch(".*".join(re.escape(part) for part in value.split("*")), fact):
                    return False
            elif fact != value:
                return False
    return True
