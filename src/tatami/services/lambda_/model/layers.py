"""
One version of a layer as it is kept, and the rules for functions that use it.

A function holds a copy of what it needs (the blob and its sizes), so that a layer version may be deleted while
functions go on using it (Lambda guide, chapter-layers). Numbers of versions are never given out again (recorded).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.functions import Configuration, UsedLayer
from tatami.services.lambda_.model.package import MAX_UNZIPPED_BYTES

MAX_LAYERS = 5

_ARN = re.compile(
    r"arn:(?P<partition>[a-zA-Z0-9-]+):lambda:(?P<region>[a-zA-Z0-9-]+):(?P<account>\d{12}):layer:"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<number>\d+))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class LayerReference:
    """What a request says of a layer. number: of the version, 0 where none is said."""

    partition: str
    region: str
    account: str
    name: str
    number: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, Region and name."""
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        """Of the layer, or of its version when a number is said."""
        arn = f"arn:{self.partition}:lambda:{self.region}:{self.account}:layer:{self.name}"
        return f"{arn}:{self.number}" if self.number else arn


def parse_arn(text: str) -> LayerReference | None:
    """The layer or layer version of an ARN; None when `text` is no such ARN."""
    found = _ARN.fullmatch(text)
    if found is None:
        return None
    number = int(found["number"] or 0)
    return LayerReference(found["partition"], found["region"], found["account"], found["name"], number)


class LayerVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A published version. Sizes in bytes; created: seconds since the epoch; code: the blob's digest.

    license, runtimes, architectures: None where the request said nothing, which answers tell apart from empty.
    statements, policy_revision: its resource-based policy; empty without one.
    """

    partition: str
    region: str
    account: str
    name: str
    number: int
    code: str
    code_size: int
    unzipped: int
    created: float
    description: str = ""
    license: str | None = None
    runtimes: tuple[str, ...] | None = None
    architectures: tuple[str, ...] | None = None
    statements: tuple[dict[str, Any], ...] = ()
    policy_revision: str = ""

    @property
    def reference(self) -> LayerReference:
        """How requests name it."""
        return LayerReference(self.partition, self.region, self.account, self.name, self.number)


def used(version: LayerVersion) -> UsedLayer:
    """What a function keeps of it."""
    arn = version.reference.arn
    return UsedLayer(arn=arn, code=version.code, code_size=version.code_size, unzipped=version.unzipped)


def check_layers(arns: Sequence[str], region: str) -> list[LayerReference]:
    """The layer versions that a function may name together. Raises AwsError; whether they exist is not known here.

    region: the function's.
    """
    if len(arns) > MAX_LAYERS:
        raise errors.invalid_parameter(f"Cannot reference more than {MAX_LAYERS} layers.")
    seen: dict[tuple[str, str, str], str] = {}
    references = []
    for arn in arns:
        reference = parse_arn(arn)
        if reference is None or not reference.number:
            raise errors.invalid_parameter(f"Layer version {arn} does not exist.")
        if reference.key in seen:
            raise errors.invalid_parameter(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[reference.key]} and {arn} are versions of the same layer."
            )
        seen[reference.key] = arn
        references.append(reference)
    if any(reference.region != region for reference in references):
        raise errors.invalid_parameter(
            f"Layers are not in the same region as the function. Layers are expected to be in region {region}."
        )
    return references


def with_layers(configuration: Configuration, layers: Sequence[UsedLayer]) -> Configuration:
    """`configuration` with these layers, in the order in which they are unpacked. Raises AwsError when too large."""
    changed = msgspec.structs.replace(configuration, layers=tuple(layers))
    check_total_size(changed)
    return changed


def check_total_size(configuration: Configuration) -> None:
    """The limit of a package holds for the function's code and its layers together."""
    size = configuration.unzipped + sum(layer.unzipped for layer in configuration.layers)
    if configuration.layers and size > MAX_UNZIPPED_BYTES:
        raise errors.invalid_parameter(
            f"Function code combined with layers exceeds the maximum allowed size of {MAX_UNZIPPED_BYTES} bytes. "
            f"The actual size is {size} bytes."
        )
