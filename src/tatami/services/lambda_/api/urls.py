"""Configuring function URLs."""

from __future__ import annotations

from tatami.domain.arn import FunctionReference
from tatami.frame.operation import Context, Values, operation
from tatami.kit.ids import hex_id
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.api import naming
from tatami.services.lambda_.model import paging
from tatami.services.lambda_.model import urls as model
from tatami.services.lambda_.model.urls import UrlConfig
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions, urls

LIST = "lambda:ListFunctionUrlConfigs"
PAGE_SIZE = 50


@operation("CreateFunctionUrlConfig", action="lambda:CreateFunctionUrlConfig")
async def create_function_url_config(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Give a function its URL."""
    named = naming.reference(context, values, "lambda:CreateFunctionUrlConfig")
    now = state.clock.now()
    config = UrlConfig(
        id=hex_id(),
        account=named.account,
        region=named.region,
        name=named.name,
        partition=named.partition,
        qualifier=named.qualifier,
        auth_type=values["AuthType"],
        created=now,
        last_modified=now,
        invoke_mode=values.get("InvokeMode") or model.BUFFERED,
        cors=dict(values.get("Cors") or {}),
    )

    async def work(transaction: Transaction) -> None:
        # There are no aliases yet, so only the function itself can have one.
        if named.qualifier or await functions.find_in(transaction, config.function) is None:
            raise errors.resource_not_found("Function does not exist")
        await urls.insert(transaction, config)

    await state.store.write(work)
    return model.described(config, context.endpoint, mode="InvokeMode" in values, modified=False)


@operation("GetFunctionUrlConfig", action="lambda:GetFunctionUrlConfig")
async def get_function_url_config(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The URL of a function."""
    named = naming.reference(context, values, "lambda:GetFunctionUrlConfig")

    async def work(transaction: Transaction) -> UrlConfig:
        return await _existing(transaction, named)

    config = await state.store.read(work)
    return model.described(config, context.endpoint, mode=True, modified=True)


@operation("UpdateFunctionUrlConfig", action="lambda:UpdateFunctionUrlConfig")
async def update_function_url_config(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Change the given members; the address stays."""
    named = naming.reference(context, values, "lambda:UpdateFunctionUrlConfig")
    now = state.clock.now()

    async def work(transaction: Transaction) -> UrlConfig:
        config = model.changed(await _existing(transaction, named), values, now)
        await urls.replace(transaction, config)
        return config

    config = await state.store.write(work)
    return model.described(config, context.endpoint, mode="InvokeMode" in values, modified=True)


@operation("DeleteFunctionUrlConfig", action="lambda:DeleteFunctionUrlConfig")
async def delete_function_url_config(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Take the URL away; its address is never given again. The policy stays."""
    named = naming.reference(context, values, "lambda:DeleteFunctionUrlConfig")

    async def work(transaction: Transaction) -> None:
        await urls.delete(transaction, await _existing(transaction, named))

    await state.store.write(work)
    return {}


@operation("ListFunctionUrlConfigs", action=LIST)
async def list_function_url_configs(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The URLs of a function and its aliases, at most 50 a page."""
    named = naming.unqualified(context, values, LIST)
    size = min(values.get("MaxItems") or PAGE_SIZE, PAGE_SIZE)
    after = paging.name_of(LIST, values.get("Marker") or "")

    async def work(transaction: Transaction) -> list[UrlConfig]:
        if await functions.find_in(transaction, naming.key(named)) is None:
            raise errors.resource_not_found("Function does not exist")
        return await urls.of_function(transaction, naming.key(named))

    # A colon stands before each qualifier, so that the function's own URL, which has none, has a place too.
    found = [config for config in await state.store.read(work) if f":{config.qualifier}" > after]
    shown = [model.described(config, context.endpoint, mode=True, modified=True) for config in found[:size]]
    answer: Values = {"FunctionUrlConfigs": shown}
    if len(found) > size:
        answer["NextMarker"] = paging.marker_of(LIST, f":{found[size - 1].qualifier}")
    return answer


async def _existing(transaction: Transaction, named: FunctionReference) -> UrlConfig:
    config = await urls.find_in(transaction, naming.key(named), named.qualifier)
    if config is None:
        raise errors.nothing_there()
    return config
