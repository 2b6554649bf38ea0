"""The resource-based policy of a layer version: who else may use it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tatami.frame.operation import Values
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.layers import LayerVersion


def with_statement(version: LayerVersion, values: Values, revision: str) -> LayerVersion:
    """`version` with the statement that AddLayerVersionPermission describes. Raises AwsError."""
    sid = values["StatementId"]
    _check_revision(version, values.get("RevisionId"))
    if any(statement["Sid"] == sid for statement in version.statements):
        raise errors.resource_conflict(
            f"The statement id ({sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": _principal(version.partition, values["Principal"]),
        "Action": values["Action"],
        "Resource": version.reference.arn,
    }
    if organization := values.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organization}}
    statements = (*version.statements, statement)
    return msgspec.structs.replace(version, statements=statements, policy_revision=revision)


def without_statement(version: LayerVersion, sid: str, asked: str | None, revision: str) -> LayerVersion:
    """`version` without the statement `sid`. asked: the revision that the caller saw. Raises AwsError."""
    kept = tuple(statement for statement in version.statements if statement["Sid"] != sid)
    if len(kept) == len(version.statements):
        raise errors.resource_not_found(f"Statement {sid} is not found in resource policy.")
    _check_revision(version, asked)
    return msgspec.structs.replace(version, statements=kept, policy_revision=revision)


def document(version: LayerVersion) -> str:
    """The policy as JSON text. Raises AwsError when there is none."""
    if not version.statements:
        raise errors.resource_not_found("No policy is associated with the given resource.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(version.statements)}
    return json.dumps(policy, separators=(",", ":"))


def allows(version: LayerVersion, account: str) -> bool:
    """Whether `account`, another than the owner's, may get and use the version.

    Nobody here is known to belong to an organization, so a statement for one allows nobody.
    """
    owner = f"arn:{version.partition}:iam::{account}:root"
    return any(
        statement["Principal"] in ("*", {"AWS": owner})
        for statement in version.statements
        if "Condition" not in statement
    )


def _principal(partition: str, given: str) -> str | dict[str, str]:
    if given == "*":
        return given
    return {"AWS": f"arn:{partition}:iam::{given}:root" if given.isdigit() else given}


def _check_revision(version: LayerVersion, asked: str | None) -> None:
    if asked and asked != version.policy_revision:
        raise errors.layer_policy_mismatch()
