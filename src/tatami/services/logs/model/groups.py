"""A log group: its names, its answers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tatami.frame.operation import Context, Values
from tatami.services.logs.errors import invalid_parameter

MOST_DESCRIBED = 50
STANDARD = "STANDARD"

_ARN = re.compile(r"arn:[^:]+:logs:(?P<region>[^:]*):(?P<account>[^:]*):log-group:(?P<name>[^:]+)(?::\*)?")


@dataclass(frozen=True, slots=True)
class Group:
    """One log group as stored. retention_days: None keeps events for ever; stored_bytes: messages and overhead."""

    group_id: int
    name: str
    created_ms: int
    retention_days: int | None
    stored_bytes: int
    next_sequence: int


def group_arn(context: Context, name: str) -> str:
    """The ARN without the `:*` that names the group's streams."""
    return f"arn:{context.partition}:logs:{context.region}:{context.account}:log-group:{name}"


def described(context: Context, group: Group, *, with_bytes: bool = True) -> Values:
    """The group as DescribeLogGroups shows it; a search by pattern leaves `storedBytes` out (recorded)."""
    arn = group_arn(context, group.name)
    answer: Values = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupClass": STANDARD,
        "logGroupArn": arn,
    }
    if group.retention_days is not None:
        answer["retentionInDays"] = group.retention_days
    if with_bytes:
        answer["storedBytes"] = group.stored_bytes
    return answer


def listed(context: Context, group: Group) -> Values:
    """The group as ListLogGroups shows it."""
    return {"logGroupName": group.name, "logGroupArn": group_arn(context, group.name), "logGroupClass": STANDARD}


def name_of(context: Context, identifier: str) -> str | None:
    """The group name in a name or an ARN; None for an ARN of another account or region."""
    if not identifier.startswith("arn:"):
        return identifier
    found = _ARN.fullmatch(identifier)
    if found is None or (found["account"], found["region"]) != (context.account, context.region):
        return None
    return found["name"]


def chosen_name(context: Context, values: Values) -> str | None:
    """The group that `logGroupName` or `logGroupIdentifier` means. Raises AwsError unless one of them is given."""
    name, identifier = values.get("logGroupName"), values.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid_parameter("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return str(name) if name is not None else name_of(context, str(identifier))


def name_filter(pattern: str) -> re.Pattern[str]:
    """ListLogGroups' pattern: up to five parts with `|` between, each a prefix (`^a`) or a substring."""
    parts = pattern.split("|")
    return re.compile("|".join("^" * part.startswith("^") + re.escape(part.removeprefix("^")) for part in parts))
