"""Changing a function's code and configuration."""

from __future__ import annotations

from collections.abc import Callable

from tatami.domain.arn import FunctionReference
from tatami.frame.operation import Context, Values, operation
from tatami.kit.ids import hex_id, request_id
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors, lifecycle
from tatami.services.lambda_.api import functions as api
from tatami.services.lambda_.api import naming
from tatami.services.lambda_.api.layer_use import usable_layers
from tatami.services.lambda_.model import functions as model
from tatami.services.lambda_.model import requests
from tatami.services.lambda_.model.functions import ACTIVE, IN_PROGRESS, Configuration, Function
from tatami.services.lambda_.model.layers import with_layers
from tatami.services.lambda_.model.refusals import refuse_unbuilt, refuse_unbuilt_code
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store

UPDATE_CODE = "lambda:UpdateFunctionCode"
UPDATE_CONFIGURATION = "lambda:UpdateFunctionConfiguration"

Change = Callable[[Configuration], Configuration]


@operation("UpdateFunctionCode", action=UPDATE_CODE)
async def update_function_code(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Replace the package; the old one serves until the new one is ready. DryRun checks and changes nothing."""
    named = naming.unqualified(context, values, UPDATE_CODE)
    refuse_unbuilt(UPDATE_CODE, values, state.architecture)
    refuse_unbuilt_code(UPDATE_CODE, values)
    function = await naming.existing(state, named)
    check_changeable(function, values.get("RevisionId"))
    content = requests.check_zip_source(values, UPDATE_CODE)
    package = await api.checked_package(content)
    generation = hex_id()

    def change(configuration: Configuration) -> Configuration:
        return requests.with_code(configuration, package, generation)

    if values.get("DryRun"):
        return api.describe(state, model.previewed(function, change(function.configuration)))

    async def keep() -> Function:
        async with state.packages.holding(package.digest):
            await state.blobs.put(content)
            return await _update(state, context, named, values, change)

    return api.describe(state, await lifecycle.to_the_end(state, f"update {named.name}", keep()))


@operation("UpdateFunctionConfiguration", action=UPDATE_CONFIGURATION, own_checks=("Runtime",))
async def update_function_configuration(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Change the given members; the old configuration serves until the new one is ready."""
    named = naming.unqualified(context, values, UPDATE_CONFIGURATION)
    refuse_unbuilt(UPDATE_CONFIGURATION, values, state.architecture)
    if values.get("Runtime"):
        api.check_runtime(state, values["Runtime"], UPDATE_CONFIGURATION)
    generation = hex_id()
    update = _update(state, context, named, values, lambda before: requests.changed(before, values, generation))
    return api.describe(state, await lifecycle.to_the_end(state, f"update {named.name}", update))


def check_changeable(function: Function, revision: str | None) -> None:
    """Raise AwsError when the function cannot be changed now, or is not the one that the caller saw."""
    if function.state != ACTIVE:
        raise errors.not_in_state(function.state)
    if function.update_status == IN_PROGRESS:
        raise errors.update_in_progress(function.arn)
    if revision and revision != function.revision:
        raise errors.revision_mismatch()


async def _update(
    state: LambdaRoom, context: Context, named: FunctionReference, values: Values, change: Change
) -> Function:
    """Write the changed configuration as an update in progress and start its completion."""
    revision = request_id()

    async def work(transaction: Transaction) -> tuple[Function, Function]:
        before = await store.find_in(transaction, naming.key(named))
        if before is None:
            raise errors.function_not_found(naming.arn(named))
        check_changeable(before, values.get("RevisionId"))
        configuration = change(before.configuration)
        if values.get("Layers") is not None:
            configuration = with_layers(configuration, await usable_layers(transaction, context, values["Layers"]))
        after = model.updated(before, configuration, revision, state.clock.now())
        replaced = before.configuration.code_size
        grows = after.configuration.code_size > replaced
        await store.replace(transaction, after, state.code_storage_limit if grows else None, replaced)
        return before, after

    before, after = await state.store.write(work)
    state.resolved.forget(after.key)
    lifecycle.begin(state, after)
    # The package of an update that failed before is of no use to anybody any more.
    await lifecycle.drop_packages(state, before.packages - after.packages)
    return after
