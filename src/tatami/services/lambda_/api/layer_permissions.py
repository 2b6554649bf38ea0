"""The policy of a layer version: who else may use it."""

from __future__ import annotations

import json
from collections.abc import Callable

from tatami.frame.operation import Context, Values, operation
from tatami.kit.ids import request_id
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.api.layers import checked_number, own_layer
from tatami.services.lambda_.model import layer_policies
from tatami.services.lambda_.model.layers import LayerReference, LayerVersion
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import layers as store

ADD = "lambda:AddLayerVersionPermission"
REMOVE = "lambda:RemoveLayerVersionPermission"
GET = "lambda:GetLayerVersionPolicy"


@operation("AddLayerVersionPermission", action=ADD)
async def add_layer_version_permission(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Add a statement; the answer shows it as the policy has it."""
    revision = request_id()
    named = own_layer(context, values["LayerName"], ADD, checked_number(values))
    version = await _change(state, named, lambda before: layer_policies.with_statement(before, values, revision))
    statement = json.dumps(version.statements[-1], separators=(",", ":"))
    return {"Statement": statement, "RevisionId": version.policy_revision}


@operation("RemoveLayerVersionPermission", action=REMOVE)
async def remove_layer_version_permission(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Remove a statement; 204."""
    sid, asked, revision = values["StatementId"], values.get("RevisionId"), request_id()
    named = own_layer(context, values["LayerName"], REMOVE, checked_number(values))
    await _change(state, named, lambda before: layer_policies.without_statement(before, sid, asked, revision))
    return {}


@operation("GetLayerVersionPolicy", action=GET)
async def get_layer_version_policy(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The whole policy as JSON text."""
    named = own_layer(context, values["LayerName"], GET, checked_number(values))
    version = _existing(named, await store.find(state.store, named.key, named.number))
    return {"Policy": layer_policies.document(version), "RevisionId": version.policy_revision}


async def _change(
    state: LambdaRoom, named: LayerReference, change: Callable[[LayerVersion], LayerVersion]
) -> LayerVersion:
    async def work(transaction: Transaction) -> LayerVersion:
        after = change(_existing(named, await store.find_in(transaction, named.key, named.number)))
        await store.replace(transaction, after)
        return after

    return await state.store.write(work)


def _existing(named: LayerReference, version: LayerVersion | None) -> LayerVersion:
    if version is None:
        raise errors.resource_not_found(f"Layer version {named.arn} does not exist.")
    return version
