"""From the members of CreateFunction and UpdateFunctionConfiguration to a configuration, with Lambda's own checks.

The service model's constraints (lengths, patterns, enumerations) were checked before; here are the rules
that it does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tatami.frame.operation import Values
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.environment import check_variables
from tatami.services.lambda_.model.functions import Configuration
from tatami.services.lambda_.model.layers import check_total_size
from tatami.services.lambda_.model.logging_config import logging_changes
from tatami.services.lambda_.model.package import CheckedPackage

MAX_NAME = 64
MAX_TIMEOUT = 900
MAX_MEMORY = 10_240
MAX_EPHEMERAL = 10_240
MAX_TAGS = 50
MAX_REQUEST_BYTES = 70_167_211
"""Of a request that carries a package (recorded: TestLambdaSizeLimits::test_oversized_request_create_lambda)."""


def check_name(name: str) -> None:
    """A new function's own name; longer ones are only looked up (and not found)."""
    if len(name) > MAX_NAME:
        raise errors.invalid_constraint(
            name, "functionName", f"Member must have length less than or equal to {MAX_NAME}"
        )


def check_tags(tags: Mapping[str, str]) -> None:
    """All tags of one function together."""
    if len(tags) > MAX_TAGS:
        raise errors.invalid_parameter("Number of tags exceeds resource tag limit.")


def check_zip_source(code: Values, operation: str) -> bytes:
    """The package in a request's code members. operation: `lambda:CreateFunction`."""
    if "ZipFile" not in code:
        raise errors.invalid_parameter("Please provide a source for function code.")
    content: bytes = code["ZipFile"]
    if not content:
        raise errors.invalid_parameter("Uploaded file must be a non-empty zip")
    # The request carries the package in Base64; AWS refuses the whole request before it looks at the package.
    if (len(content) + 2) // 3 * 4 > MAX_REQUEST_BYTES:
        name = operation.removeprefix("lambda:")
        raise errors.entity_too_large(
            f"Request must be smaller than {MAX_REQUEST_BYTES} bytes for the {name} operation"
        )
    return content


def check_limits(values: Values) -> None:
    """Ceilings that hold for ordinary functions; the model's own are those of Managed Instances."""
    for member, given, most in (
        ("timeout", values.get("Timeout"), MAX_TIMEOUT),
        ("memorySize", values.get("MemorySize"), MAX_MEMORY),
        ("ephemeralStorage.size", (values.get("EphemeralStorage") or {}).get("Size"), MAX_EPHEMERAL),
    ):
        if given is not None and given > most:
            raise errors.invalid_constraint(given, member, f"Member must have value less than or equal to {most}")


def created(values: Values, generation: str, architecture: str) -> Configuration:
    """The configuration of a new function, its code and layers left out. Raises AwsError."""
    if not values.get("Runtime") or not values.get("Handler"):
        raise errors.invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    blank = Configuration(
        generation=generation,
        runtime=values["Runtime"],
        handler=values["Handler"],
        role=values["Role"],
        code="",
        code_size=0,
        architecture=architecture,
    )
    return changed(blank, values, generation)


def changed(configuration: Configuration, values: Values, generation: str) -> Configuration:
    """`configuration` with the members that `values` gives; what is absent stays. Raises AwsError."""
    check_limits(values)
    changes: dict[str, Any] = {"generation": generation}
    for member, (field, read) in _MEMBERS.items():
        if (given := values.get(member)) is not None and (value := read(given)) is not None:
            changes[field] = value
    if (variables := changes.get("variables")) is not None:
        check_variables(variables)
    if (logging := values.get("LoggingConfig")) is not None:
        changes |= logging_changes(configuration, logging)
    return msgspec.structs.replace(configuration, **changes)


def with_code(configuration: Configuration, package: CheckedPackage, generation: str = "") -> Configuration:
    """`configuration` with another package. generation: "" keeps the present one. Raises AwsError when too large."""
    changed = msgspec.structs.replace(
        configuration,
        code=package.digest,
        code_size=package.size,
        unzipped=package.unzipped,
        generation=generation or configuration.generation,
    )
    check_total_size(changed)
    return changed


def _same(value: Any) -> Any:
    return value


_MEMBERS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "Runtime": ("runtime", _same),
    "Handler": ("handler", _same),
    "Role": ("role", _same),
    "Description": ("description", _same),
    "Timeout": ("timeout", _same),
    "MemorySize": ("memory", _same),
    "EphemeralStorage": ("ephemeral", lambda value: value["Size"]),
    "Environment": ("variables", lambda value: dict(value.get("Variables") or {})),
    "VpcConfig": ("empty_vpc", lambda _: True),
}
"""Member of the API → field of Configuration; None leaves the field as it is.

Environment replaces the whole map (recorded).
"""
