"""Who may use a layer version: its own account, and those that its policy names."""

from __future__ import annotations

from collections.abc import Sequence

from tatami.frame.operation import Context
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model import layer_policies
from tatami.services.lambda_.model.functions import UsedLayer
from tatami.services.lambda_.model.layers import LayerReference, LayerVersion, check_layers, used
from tatami.services.lambda_.store import layers as store


async def usable_layers(transaction: Transaction, context: Context, arns: Sequence[str]) -> list[UsedLayer]:
    """What a function of the caller keeps of the layer versions `arns`. Raises AwsError.

    Within the transaction that writes the function: a version deleted before is not found, one deleted after
    leaves its blob to the function.
    """
    found = []
    for reference in check_layers(arns, context.region):
        version = await store.find_in(transaction, reference.key, reference.number)
        check_shared(context, reference, version)
        if version is None:
            raise errors.invalid_parameter(f"Layer version {reference.arn} does not exist.")
        found.append(used(version))
    return found


def check_shared(context: Context, reference: LayerReference, version: LayerVersion | None) -> None:
    """Raise AwsError when the caller is of another account and the version's policy does not name that.

    A version of another account that does not exist is refused in the same words: who has no permission learns nothing.
    """
    if reference.account == context.account:
        return
    if version is None or not layer_policies.allows(version, context.account):
        caller = context.caller_arn or f"arn:{context.partition}:iam::{context.account}:root"
        raise errors.layer_not_shared(caller, reference.arn)
