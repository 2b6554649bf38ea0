"""Log groups: create, delete, describe, list."""

from __future__ import annotations

from tatami.frame.errors import not_implemented
from tatami.frame.operation import Context, Values, operation
from tatami.frame.paging import InvalidToken, decode_token, encode_token
from tatami.ports.store import Transaction
from tatami.services.logs.api.finding import group_named
from tatami.services.logs.errors import group_exists, invalid_parameter, invalid_token
from tatami.services.logs.model import tags as tags_model
from tatami.services.logs.model.groups import MOST_DESCRIBED, STANDARD, Group, described, listed, name_filter, name_of
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import groups as store

_CHUNK = 500


@operation("CreateLogGroup", action="logs:CreateLogGroup")
async def create_log_group(state: LogsState, context: Context, values: Values) -> Values:
    """An empty group that keeps its events for ever. Raises ResourceAlreadyExistsException."""
    if values.get("kmsKeyId"):
        raise not_implemented("logs:CreateLogGroup with kmsKeyId")
    if values.get("logGroupClass", STANDARD) != STANDARD:
        raise not_implemented(f"logs:CreateLogGroup with logGroupClass {values['logGroupClass']}")
    if values.get("deletionProtectionEnabled"):
        raise not_implemented("logs:CreateLogGroup with deletionProtectionEnabled")
    name, now_ms = values["logGroupName"], state.now_ms()
    tags = tags_model.merged(name, {}, values.get("tags") or {})

    async def work(transaction: Transaction) -> None:
        if await store.find(transaction, context.account, context.region, name) is not None:
            raise group_exists()
        group = await store.create(transaction, context.account, context.region, name, now_ms)
        await store.set_tags(transaction, group, tags)

    await state.store.write(work)
    return {}


@operation("DeleteLogGroup", action="logs:DeleteLogGroup")
async def delete_log_group(state: LogsState, context: Context, values: Values) -> Values:
    """The group, its streams and its events are gone. Raises ResourceNotFoundException."""

    async def work(transaction: Transaction) -> None:
        await store.delete(transaction, await group_named(transaction, context, values["logGroupName"]))

    await state.store.write(work)
    return {}


@operation("DescribeLogGroups", action="logs:DescribeLogGroups")
async def describe_log_groups(state: LogsState, context: Context, values: Values) -> Values:
    """Groups by name, all or by prefix, substring or identifiers; 50 a page.

    There are no linked accounts: `includeLinkedAccounts` adds nothing, other `accountIdentifiers` have no groups.
    """
    prefix, pattern = values.get("logGroupNamePrefix"), values.get("logGroupNamePattern")
    if prefix and pattern:
        raise invalid_parameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    if _asks_for_others(context, values):
        return {"logGroups": []}
    if values.get("logGroupIdentifiers"):
        return await _describe_named(state, context, values["logGroupIdentifiers"])
    kind = f"logs:DescribeLogGroups {prefix} {pattern}"
    after = _after(kind, values.get("nextToken"))
    limit = values.get("limit", MOST_DESCRIBED)
    found = await state.store.read(
        lambda tx: store.page(
            tx,
            context.account,
            context.region,
            after=after,
            prefix=prefix or "",
            containing=pattern or "",
            limit=limit + 1,
        )
    )
    answer: Values = {"logGroups": [described(context, group, with_bytes=not pattern) for group in found[:limit]]}
    if len(found) > limit:
        answer["nextToken"] = encode_token(kind, found[limit - 1].name)
    return answer


@operation("ListLogGroups", action="logs:ListLogGroups")
async def list_log_groups(state: LogsState, context: Context, values: Values) -> Values:
    """Names and ARNs of groups, all or by pattern."""
    for member in ("dataSources", "fieldIndexNames", "logGroupTags"):
        if values.get(member):
            raise not_implemented(f"logs:ListLogGroups with {member}")
    if _asks_for_others(context, values):
        return {"logGroups": []}
    pattern, limit = values.get("logGroupNamePattern", ""), values.get("limit", MOST_DESCRIBED)
    kind = f"logs:ListLogGroups {pattern}"
    after = _after(kind, values.get("nextToken"))
    wanted = name_filter(pattern)

    async def work(transaction: Transaction) -> list[Group]:
        found: list[Group] = []
        last = after
        while len(found) <= limit:
            chunk = await store.page(transaction, context.account, context.region, after=last, limit=_CHUNK)
            found += [group for group in chunk if wanted.search(group.name)]
            if len(chunk) < _CHUNK:
                break
            last = chunk[-1].name
        return found

    found = await state.store.read(work)
    answer: Values = {"logGroups": [listed(context, group) for group in found[:limit]]}
    if len(found) > limit:
        answer["nextToken"] = encode_token(kind, found[limit - 1].name)
    return answer


def _asks_for_others(context: Context, values: Values) -> bool:
    """Whether only groups can be meant that do not exist here: other classes, other accounts."""
    accounts = values.get("accountIdentifiers") or [context.account]
    elsewhere = bool(values.get("includeLinkedAccounts")) and context.account not in accounts
    return elsewhere or values.get("logGroupClass", STANDARD) != STANDARD


def _after(kind: str, token: str | None) -> str:
    """The name behind which the page begins."""
    if token is None:
        return ""
    try:
        return str(decode_token(kind, token)[0])
    except InvalidToken as error:
        raise invalid_token() from error


async def _describe_named(state: LogsState, context: Context, identifiers: list[str]) -> Values:
    names = [name_of(context, identifier) for identifier in identifiers]

    async def work(transaction: Transaction) -> list[Group]:
        return [await group_named(transaction, context, name) for name in dict.fromkeys(names)]

    found = await state.store.read(work)
    return {"logGroups": [described(context, group) for group in sorted(found, key=lambda group: group.name)]}
