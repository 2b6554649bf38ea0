"""
What requests may ask for and nobody built yet: refused by name, so that nothing is accepted and then ignored.

Neutral values (empty lists, `PassThrough`, `None`, `Text`, `Zip`) mean what we do anyway and pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tatami.frame.errors import not_implemented
from tatami.frame.operation import Values

_Effect = Callable[[Any], str]
"""Takes the member's value; returns what of it is not built (`DeadLetterConfig.TargetArn`), "" when neutral."""


def _any(name: str) -> _Effect:
    return lambda value: name if value not in (None, "", [], {}, False) else ""


def _inner(name: str, member: str, *neutral: object) -> _Effect:
    def effect(value: Any) -> str:
        given = value.get(member)
        return "" if not given or given in neutral else f"{name}.{member} {given}" if neutral else f"{name}.{member}"

    return effect


def _vpc(value: Any) -> str:
    return "VpcConfig" if value.get("SubnetIds") or value.get("SecurityGroupIds") else ""


_CODE_EFFECTS: Mapping[str, _Effect] = {
    "S3ObjectStorageMode": lambda value: "Code.S3ObjectStorageMode REFERENCE" if value == "REFERENCE" else "",
    "S3Bucket": _any("Code.S3Bucket"),
    "S3Key": _any("Code.S3Key"),
    "S3ObjectVersion": _any("Code.S3ObjectVersion"),
    "ImageUri": _any("Code.ImageUri"),
    "SourceKMSKeyArn": _any("Code.SourceKMSKeyArn"),
}

_CONTENT_EFFECTS: Mapping[str, _Effect] = {
    "S3ObjectStorageMode": lambda value: "Content.S3ObjectStorageMode REFERENCE" if value == "REFERENCE" else "",
    "S3Bucket": _any("Content.S3Bucket"),
    "S3Key": _any("Content.S3Key"),
    "S3ObjectVersion": _any("Content.S3ObjectVersion"),
}

_EFFECTS: Mapping[str, _Effect] = {
    "VpcConfig": _vpc,
    "DeadLetterConfig": _inner("DeadLetterConfig", "TargetArn"),
    "FileSystemConfigs": _any("FileSystemConfigs"),
    "ImageConfig": _any("ImageConfig"),
    "PackageType": lambda value: "PackageType Image" if value == "Image" else "",
    "SnapStart": _inner("SnapStart", "ApplyOn", "None"),
    "TracingConfig": _inner("TracingConfig", "Mode", "PassThrough"),
    "KMSKeyArn": _any("KMSKeyArn"),
    "CodeSigningConfigArn": _any("CodeSigningConfigArn"),
    "Publish": _any("Publish"),
    "PublishTo": _any("PublishTo"),
    "CapacityProviderConfig": _any("CapacityProviderConfig"),
    "DurableConfig": _any("DurableConfig"),
    "TenancyConfig": _any("TenancyConfig"),
    "AcceleratorConfig": _any("AcceleratorConfig"),
    "RuntimeConfig": _any("RuntimeConfig"),
    "MasterRegion": _any("MasterRegion"),
    "TenantId": _any("TenantId"),
    "DurableExecutionName": _any("DurableExecutionName"),
    "InvocationType": lambda value: "InvocationType Event" if value == "Event" else "",
}


def refuse_unbuilt(operation: str, values: Values, architecture: str) -> None:
    """Raise the 501 that names the first member of `values` that would have an effect not built yet.

    operation: `lambda:CreateFunction`. architecture: of this machine (`x86_64`, `arm64`).
    """
    _refuse(operation, values, _EFFECTS)
    asked = values.get("Architectures")
    if asked and asked[0] != architecture:
        raise not_implemented(f"{operation} with Architectures {asked[0]} on a machine that is {architecture}")


def refuse_unbuilt_code(operation: str, code: Values) -> None:
    """The same for the members that say where a package is."""
    _refuse(operation, code, _CODE_EFFECTS)


def refuse_unbuilt_content(operation: str, content: Values) -> None:
    """The same for the members that say where a layer's package is."""
    _refuse(operation, content, _CONTENT_EFFECTS)


def _refuse(operation: str, values: Values, effects: Mapping[str, _Effect]) -> None:
    for member, given in values.items():
        if given is not None and (effect := effects.get(member)) and (what := effect(given)):
            raise not_implemented(f"{operation} with {what}")
