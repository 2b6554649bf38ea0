"""Publishing, reading, listing and deleting layer versions."""

from __future__ import annotations

from typing import Any

from tatami.frame.operation import Context, Values, operation
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors, lifecycle
from tatami.services.lambda_.api.functions import checked_package
from tatami.services.lambda_.api.layer_use import check_shared
from tatami.services.lambda_.model import answers, paging, requests
from tatami.services.lambda_.model.functions import timestamp
from tatami.services.lambda_.model.layers import LayerReference, LayerVersion, parse_arn
from tatami.services.lambda_.model.refusals import refuse_unbuilt_content
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import layers as store

PUBLISH = "lambda:PublishLayerVersion"
GET = "lambda:GetLayerVersion"
LIST = "lambda:ListLayers"
LIST_VERSIONS = "lambda:ListLayerVersions"
PAGE_SIZE = 50
_NO_NUMBER = 2**62
"""Above every version's number."""


@operation("PublishLayerVersion", action=PUBLISH)
async def publish_layer_version(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Keep a package as the next version of a layer, which need not exist before."""
    named = own_layer(context, values["LayerName"], PUBLISH)
    refuse_unbuilt_content(PUBLISH, values["Content"])
    content = requests.check_zip_source(values["Content"], PUBLISH)
    package = await checked_package(content)
    draft = LayerVersion(
        partition=context.partition,
        region=context.region,
        account=context.account,
        name=named.name,
        number=0,
        code=package.digest,
        code_size=package.size,
        unzipped=package.unzipped,
        created=state.clock.now(),
        description=values.get("Description") or "",
        license=values.get("LicenseInfo"),
        runtimes=_maybe(values.get("CompatibleRuntimes")),
        architectures=_maybe(values.get("CompatibleArchitectures")),
    )

    async def work(transaction: Transaction) -> LayerVersion:
        return await store.publish(transaction, draft, state.code_storage_limit)

    async def keep() -> LayerVersion:
        async with state.packages.holding(package.digest):
            await state.blobs.put(content)
            return await state.store.write(work)

    version = await lifecycle.to_the_end(state, f"publish layer {named.name}", keep())
    return _described(state, context, version)


@operation("GetLayerVersion", action=GET)
async def get_layer_version(state: LambdaRoom, context: Context, values: Values) -> Values:
    """A version, where its package can be downloaded included."""
    number = checked_number(values)
    reference = _reference(context, values["LayerName"], number)
    return await _found(state, context, reference)


@operation("GetLayerVersionByArn", action=GET)
async def get_layer_version_by_arn(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The same, by the ARN of the version."""
    reference = parse_arn(values["Arn"])
    if reference is None:  # AWS's own public layers, `arn:...:lambda:::awslayer:...`, have the only other form
        raise errors.resource_not_found("The resource you requested does not exist.")
    return await _found(state, context, reference)


@operation("ListLayers", action=LIST)
async def list_layers(state: LambdaRoom, context: Context, values: Values) -> Values:
    """A page of at most 50 layers, by name, each with its newest version that suits the filters."""
    size = min(values.get("MaxItems") or PAGE_SIZE, PAGE_SIZE)
    after = paging.name_of(LIST, values.get("Marker") or "")
    found = await store.newest(state.store, context.account, context.region, after, size + 1, *_filters(values))
    answer: Values = {"Layers": [_latest(version) for version in found[:size]]}
    if len(found) > size:
        answer["NextMarker"] = paging.marker_of(LIST, found[size - 1].name)
    return answer


@operation("ListLayerVersions", action=LIST_VERSIONS)
async def list_layer_versions(state: LambdaRoom, context: Context, values: Values) -> Values:
    """A page of at most 50 versions, the newest first; none for a layer that does not exist."""
    named = own_layer(context, values["LayerName"], LIST_VERSIONS)
    size = min(values.get("MaxItems") or PAGE_SIZE, PAGE_SIZE)
    kind = f"{LIST_VERSIONS}:{named.name}"
    before = paging.number_of(kind, values.get("Marker") or "", _NO_NUMBER)
    found = await store.versions(state.store, named.key, before, size + 1, *_filters(values))
    answer: Values = {"LayerVersions": [_listed(version) for version in found[:size]]}
    if len(found) > size:
        answer["NextMarker"] = paging.marker_of_number(kind, found[size - 1].number)
    return answer


@operation("DeleteLayerVersion", action="lambda:DeleteLayerVersion")
async def delete_layer_version(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Remove a version; functions that use it keep its package. Removing what is not there is no error; 204."""
    number = checked_number(values)
    named = own_layer(context, values["LayerName"], "lambda:DeleteLayerVersion")

    async def work(transaction: Transaction) -> LayerVersion | None:
        return await store.delete(transaction, named.key, number)

    async def remove() -> None:
        if (version := await state.store.write(work)) is not None:
            await lifecycle.drop_packages(state, [version.code])

    await lifecycle.to_the_end(state, f"delete layer {named.name}:{number}", remove())
    return {}


def checked_number(values: Values) -> int:
    """`VersionNumber`. Raises AwsError."""
    number: int = values["VersionNumber"]
    if number < 1:
        raise errors.invalid_parameter("Layer Version Cannot be less than 1")
    return number


def own_layer(context: Context, text: str, action: str, number: int = 0) -> LayerReference:
    """The caller's layer that `LayerName`, a name or an ARN, means. Raises AwsError for a layer of another account."""
    reference = _reference(context, text, number)
    if reference.account != context.account:
        caller = context.caller_arn or f"arn:{context.partition}:iam::{context.account}:root"
        raise errors.foreign_account(caller, action, reference.arn)
    return reference


def _reference(context: Context, text: str, number: int) -> LayerReference:
    parsed = parse_arn(text)
    if parsed is None:
        return LayerReference(context.partition, context.region, context.account, text, number)
    return LayerReference(parsed.partition, parsed.region, parsed.account, parsed.name, number)


async def _found(state: LambdaRoom, context: Context, reference: LayerReference) -> Values:
    version = await store.find(state.store, reference.key, reference.number)
    check_shared(context, reference, version)
    if version is None or reference.region != context.region:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return _described(state, context, version)


def _filters(values: Values) -> tuple[str, str]:
    return values.get("CompatibleRuntime") or "", values.get("CompatibleArchitecture") or ""


def _maybe(given: Any) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _latest(version: LayerVersion) -> Values:
    arn = version.reference.arn
    layer = arn.rpartition(":")[0]
    return {"LayerName": version.name, "LayerArn": layer, "LatestMatchingVersion": _listed(version)}


def _listed(version: LayerVersion) -> Values:
    """An entry of a list (recorded: without LayerArn and Content)."""
    entry: Values = {
        "LayerVersionArn": version.reference.arn,
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": timestamp(version.created),
    }
    if version.runtimes is not None:
        entry["CompatibleRuntimes"] = list(version.runtimes)
    if version.architectures is not None:
        entry["CompatibleArchitectures"] = list(version.architectures)
    if version.license is not None:
        entry["LicenseInfo"] = version.license
    return entry


def _described(state: LambdaRoom, context: Context, version: LayerVersion) -> Values:
    return {
        **_listed(version),
        "LayerArn": version.reference.arn.rpartition(":")[0],
        "Content": {
            "Location": state.locations.url(context, version.code, version.name),
            "CodeSha256": answers.code_sha256(version.code),
            "CodeSize": version.code_size,
        },
    }
