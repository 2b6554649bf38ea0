"""Lambda's names: what may stand for a function in a request, and the ARNs that we answer with."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

LATEST = "$LATEST"

_FUNCTION_REFERENCE = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:(?:-gov)|(?:-iso(?:[a-z]?)))?-[a-z]+-\d{1}):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    re.ASCII,
)
"""AWS's own pattern of `NamespacedFunctionName` (botocore, lambda 2015-03-31), with named groups."""

_ALIAS = re.compile(r"(?!^[0-9]+$)[a-zA-Z0-9-_]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """What a `FunctionName` of a request says; "" where it says nothing."""

    name: str
    qualifier: str = ""
    account: str = ""
    region: str = ""
    partition: str = ""


def parse_function_name(text: str) -> FunctionReference | None:
    """Read a name, a partial ARN (`account:function:name`) or a full ARN, each with an optional `:qualifier`.

    None when `text` is none of them. As AWS does, `arn:aws:lambda:us-east-1:111111111111:function`
    is read as a function called `function` (recorded).
    """
    match = _FUNCTION_REFERENCE.fullmatch(text)
    if match is None:
        return None
    found = match.groupdict(default="")
    return FunctionReference(
        name=found["name"],
        qualifier=found["qualifier"],
        account=found["account"],
        region=found["region"],
        partition=found["partition"],
    )


def function_arn(account: str, region: str, name: str, qualifier: str = "", partition: str = "aws") -> str:
    """The ARN of a function, of one of its versions or aliases when `qualifier` is given."""
    arn = f"arn:{partition}:lambda:{region}:{account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def runtime_version_arn(region: str, runtime: str, version: str, partition: str = "aws") -> str:
    """A stable ARN of the interpreter that runs functions: 64 hexadecimal digits over `runtime:version`.

    runtime: the identifier of what really runs (`python3.12`). version: of the interpreter (`3.12.1`).
    """
    digest = hashlib.sha256(f"{runtime}:{version}".encode()).hexdigest()
    return f"arn:{partition}:lambda:{region}::runtime:{digest}"


def is_version(qualifier: str) -> bool:
    """Whether `qualifier` is the number of a published version."""
    return qualifier.isascii() and qualifier.isdigit()


def is_alias(qualifier: str) -> bool:
    """Whether `qualifier` can be an alias name: not all digits, no `$` (botocore, shape `Alias`)."""
    return _ALIAS.fullmatch(qualifier) is not None
