"""Finding what a request names, or saying that it is not there."""

from __future__ import annotations

from tatami.frame.operation import Context, Values
from tatami.ports.store import Transaction
from tatami.services.logs.errors import group_missing, stream_missing
from tatami.services.logs.model.groups import Group, chosen_name
from tatami.services.logs.model.streams import Stream
from tatami.services.logs.store import groups, streams


async def group_named(transaction: Transaction, context: Context, name: str | None) -> Group:
    """The caller's group of that name. Raises AwsError ResourceNotFoundException."""
    group = None if name is None else await groups.find(transaction, context.account, context.region, name)
    if group is None:
        raise group_missing()
    return group


async def group_of(transaction: Transaction, context: Context, values: Values) -> Group:
    """The group that `logGroupName` or `logGroupIdentifier` names. Raises AwsError."""
    return await group_named(transaction, context, chosen_name(context, values))


async def stream_named(transaction: Transaction, group: Group, name: str) -> Stream:
    """The group's stream of that name. Raises AwsError ResourceNotFoundException."""
    stream = await streams.find(transaction, group, name)
    if stream is None:
        raise stream_missing()
    return stream
