"""Tags of log groups, by ARN and in the older form by name."""

from __future__ import annotations

from collections.abc import Mapping

from tatami.frame.operation import Context, Values, operation
from tatami.ports.store import Transaction
from tatami.services.logs.api.finding import group_named
from tatami.services.logs.errors import resource_missing
from tatami.services.logs.model.groups import Group, name_of
from tatami.services.logs.model.tags import merged
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import groups as store


@operation("TagResource", action="logs:TagResource")
async def tag_resource(state: LogsState, context: Context, values: Values) -> Values:
    """Add tags to the group of that ARN. Raises ResourceNotFoundException, TooManyTagsException."""
    return await _add(state, context, None, values["resourceArn"], values["tags"])


@operation("UntagResource", action="logs:UntagResource")
async def untag_resource(state: LogsState, context: Context, values: Values) -> Values:
    """Take tags away; a tag that is not there is no error."""
    return await _remove(state, context, None, values["resourceArn"], values["tagKeys"])


@operation("ListTagsForResource", action="logs:ListTagsForResource")
async def list_tags_for_resource(state: LogsState, context: Context, values: Values) -> Values:
    """The tags of the group of that ARN."""
    return await _list(state, context, None, values["resourceArn"])


@operation("TagLogGroup", action="logs:TagLogGroup")
async def tag_log_group(state: LogsState, context: Context, values: Values) -> Values:
    """Add tags to the group of that name."""
    return await _add(state, context, values["logGroupName"], "", values["tags"])


@operation("UntagLogGroup", action="logs:UntagLogGroup")
async def untag_log_group(state: LogsState, context: Context, values: Values) -> Values:
    """Take tags away from the group of that name."""
    return await _remove(state, context, values["logGroupName"], "", values["tags"])


@operation("ListTagsLogGroup", action="logs:ListTagsLogGroup")
async def list_tags_log_group(state: LogsState, context: Context, values: Values) -> Values:
    """The tags of the group of that name."""
    return await _list(state, context, values["logGroupName"], "")


async def _find(transaction: Transaction, context: Context, name: str | None, arn: str) -> Group:
    """By name, else by ARN; each has its own error."""
    if name is not None:
        return await group_named(transaction, context, name)
    name = name_of(context, arn) if arn.startswith("arn:") else None
    group = None if name is None else await store.find(transaction, context.account, context.region, name)
    if group is None:
        raise resource_missing()
    return group


async def _add(state: LogsState, context: Context, name: str | None, arn: str, tags: Mapping[str, str]) -> Values:
    async def work(transaction: Transaction) -> None:
        group = await _find(transaction, context, name, arn)
        present = await store.tags(transaction, group)
        await store.set_tags(transaction, group, merged(name or arn, present, tags))

    await state.store.write(work)
    return {}


async def _remove(state: LogsState, context: Context, name: str | None, arn: str, keys: list[str]) -> Values:
    async def work(transaction: Transaction) -> None:
        group = await _find(transaction, context, name, arn)
        present = await store.tags(transaction, group)
        await store.set_tags(transaction, group, {key: value for key, value in present.items() if key not in keys})

    await state.store.write(work)
    return {}


async def _list(state: LogsState, context: Context, name: str | None, arn: str) -> Values:
    async def work(transaction: Transaction) -> dict[str, str]:
        return await store.tags(transaction, await _find(transaction, context, name, arn))

    return {"tags": await state.store.read(work)}
