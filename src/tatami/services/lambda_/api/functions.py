"""Creating, reading, listing and deleting functions."""

from __future__ import annotations

import asyncio

import msgspec

from tatami.domain.arn import LATEST, is_alias
from tatami.frame.operation import Context, Values, operation
from tatami.kit.ids import hex_id, request_id
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors, lifecycle
from tatami.services.lambda_.api import naming
from tatami.services.lambda_.api.layer_use import usable_layers
from tatami.services.lambda_.model import answers, paging, requests, runtimes
from tatami.services.lambda_.model.functions import Function
from tatami.services.lambda_.model.layers import with_layers
from tatami.services.lambda_.model.package import CheckedPackage, checked
from tatami.services.lambda_.model.refusals import refuse_unbuilt, refuse_unbuilt_code
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store
from tatami.services.lambda_.store import policies, urls

CREATE = "lambda:CreateFunction"
LIST = "lambda:ListFunctions"
LIST_VERSIONS = "lambda:ListVersionsByFunction"
PAGE_SIZE = 50


@operation("CreateFunction", action=CREATE, own_checks=("Runtime",))
async def create_function(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Keep a new function and start its activation; the answer is Pending."""
    named = naming.unqualified(context, values, CREATE)
    requests.check_name(named.name)
    refuse_unbuilt(CREATE, values, state.architecture)
    refuse_unbuilt_code(CREATE, values["Code"])
    tags = dict(values.get("Tags") or {})
    requests.check_tags(tags)
    content = requests.check_zip_source(values["Code"], CREATE)
    configuration = requests.created(values, hex_id(), state.architecture)
    check_runtime(state, configuration.runtime, CREATE)
    package = await checked_package(content)
    now = state.clock.now()
    draft = Function(
        account=context.account,
        region=context.region,
        name=named.name,
        partition=context.partition,
        configuration=requests.with_code(configuration, package),
        revision=request_id(),
        created=now,
        last_modified=now,
        tags=tags,
    )

    async def work(transaction: Transaction) -> Function:
        layers = await usable_layers(transaction, context, values.get("Layers") or ())
        function = msgspec.structs.replace(draft, configuration=with_layers(draft.configuration, layers))
        await store.insert(transaction, function, state.code_storage_limit)
        return function

    async def keep() -> Function:
        async with state.packages.holding(package.digest):
            await state.blobs.put(content)
            function = await state.store.write(work)
        state.resolved.forget(function.key)
        lifecycle.begin(state, function)
        return function

    return describe(state, await lifecycle.to_the_end(state, f"create {draft.name}", keep()))


@operation("GetFunction", action="lambda:GetFunction")
async def get_function(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The configuration, where the package can be downloaded, and the tags."""
    named = naming.reference(context, values, "lambda:GetFunction")
    function = await naming.existing(state, named)
    location = state.locations.url(context, function.configuration.code, function.name)
    answer: Values = {
        "Configuration": describe(state, function, qualified=bool(named.qualifier)),
        "Code": {"RepositoryType": "S3", "Location": location},
    }
    if function.tags:
        answer["Tags"] = dict(function.tags)
    return answer


@operation("GetFunctionConfiguration", action="lambda:GetFunctionConfiguration")
async def get_function_configuration(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The configuration alone."""
    named = naming.reference(context, values, "lambda:GetFunctionConfiguration")
    function = await naming.existing(state, named)
    return describe(state, function, qualified=bool(named.qualifier))


@operation("ListFunctions", action=LIST)
async def list_functions(state: LambdaRoom, context: Context, values: Values) -> Values:
    """A page of at most 50, in the order of names."""
    refuse_unbuilt(LIST, values, state.architecture)
    size = min(values.get("MaxItems") or PAGE_SIZE, PAGE_SIZE)
    after = paging.name_of(LIST, values.get("Marker") or "")
    # One more than asked for tells whether there is another page.
    found = await store.page(state.store, context.account, context.region, after, size + 1)
    qualified = values.get("FunctionVersion") == "ALL"
    answer: Values = {"Functions": [answers.listed(function, qualified=qualified) for function in found[:size]]}
    if len(found) > size:
        answer["NextMarker"] = paging.marker_of(LIST, found[size - 1].name)
    return answer


@operation("ListVersionsByFunction", action=LIST_VERSIONS)
async def list_versions_by_function(state: LambdaRoom, context: Context, values: Values) -> Values:
    """`$LATEST`, the only version there is so far."""
    named = naming.unqualified(context, values, LIST_VERSIONS)
    after = paging.name_of(LIST_VERSIONS, values.get("Marker") or "")
    function = await naming.existing(state, named)
    return {"Versions": [] if after else [answers.listed(function, qualified=True)]}


@operation("DeleteFunction", action="lambda:DeleteFunction")
async def delete_function(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Remove the function with everything that belongs to it; 204."""
    named = naming.reference(context, values, "lambda:DeleteFunction")
    if named.qualifier != LATEST and is_alias(named.qualifier):
        raise errors.invalid_parameter("Deletion of aliases is not currently supported.")

    async def work(transaction: Transaction) -> Function:
        function = await store.find_in(transaction, naming.key(named))
        if function is None:
            raise errors.function_not_found(naming.arn(named, ""))
        if named.qualifier == LATEST:
            raise errors.invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        if named.qualifier:
            raise errors.function_not_found(naming.arn(named))
        await store.delete(transaction, function.key)
        await urls.delete_of_function(transaction, function.key)
        await policies.delete_of_function(transaction, function.key)
        return function

    async def remove() -> None:
        function = await state.store.write(work)
        state.resolved.forget(function.key)
        await state.dispatch.retire(*function.key, keep_generation=None)
        await lifecycle.drop_packages(state, function.packages)

    await lifecycle.to_the_end(state, f"delete {named.name}", remove())
    return {"StatusCode": 204}


def describe(state: LambdaRoom, function: Function, *, qualified: bool = False) -> Values:
    """The full configuration as answers show it."""
    choice = state.runtimes.resolve(function.configuration.runtime)
    return answers.described(function, choice, qualified=qualified)


def check_runtime(state: LambdaRoom, runtime: str, operation_name: str) -> None:
    """Raise AwsError when this machine cannot run `runtime`."""
    if refusal := runtimes.refused_runtime(runtime, operation_name):
        raise refusal
    if state.runtimes.resolve(runtime) is None:
        raise runtimes.runtime_unavailable(runtime, state.runtimes.available())


async def checked_package(content: bytes) -> CheckedPackage:
    """What is to be kept of a package that was found good. Raises AwsError.

    In a thread: inflating 250 MB takes longer than the event loop may stand still.
    """
    return await asyncio.to_thread(checked, content)
