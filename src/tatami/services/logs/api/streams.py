"""Log streams: create, delete, describe."""

from __future__ import annotations

from tatami.frame.operation import Context, Values, operation
from tatami.frame.paging import InvalidToken, Position, decode_token, encode_token
from tatami.ports.store import Transaction
from tatami.services.logs.api.finding import group_named, group_of, stream_named
from tatami.services.logs.errors import invalid_parameter, invalid_token, stream_exists
from tatami.services.logs.model.groups import Group
from tatami.services.logs.model.streams import MOST_DESCRIBED, Stream, described
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import streams as store

_BY_NAME, _BY_TIME = "LogStreamName", "LastEventTime"


@operation("CreateLogStream", action="logs:CreateLogStream")
async def create_log_stream(state: LogsState, context: Context, values: Values) -> Values:
    """An empty stream. Raises ResourceNotFoundException (group), ResourceAlreadyExistsException."""
    now_ms = state.now_ms()

    async def work(transaction: Transaction) -> None:
        group = await group_named(transaction, context, values["logGroupName"])
        if await store.find(transaction, group, values["logStreamName"]) is not None:
            raise stream_exists()
        await store.create(transaction, group, values["logStreamName"], now_ms)

    await state.store.write(work)
    return {}


@operation("DeleteLogStream", action="logs:DeleteLogStream")
async def delete_log_stream(state: LogsState, context: Context, values: Values) -> Values:
    """The stream and its events are gone. Raises ResourceNotFoundException."""

    async def work(transaction: Transaction) -> None:
        group = await group_named(transaction, context, values["logGroupName"])
        await store.delete(transaction, group, await stream_named(transaction, group, values["logStreamName"]))

    await state.store.write(work)
    return {}


@operation("DescribeLogStreams", action="logs:DescribeLogStreams")
async def describe_log_streams(state: LogsState, context: Context, values: Values) -> Values:
    """Streams by name (all or by prefix) or by the time of their last event; 50 a page."""
    order, prefix = values.get("orderBy", _BY_NAME), values.get("logStreamNamePrefix", "")
    if order == _BY_TIME and prefix:
        raise invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
    descending, limit = bool(values.get("descending")), values.get("limit", MOST_DESCRIBED)
    kind = f"logs:DescribeLogStreams {order} {descending} {prefix}"
    after = _after(kind, values.get("nextToken"))

    async def work(transaction: Transaction) -> tuple[Group, list[Stream]]:
        group = await group_of(transaction, context, values)
        if order == _BY_TIME:
            position = None if after is None else (int(after[0]), str(after[1]))
            return group, await store.page_by_time(
                transaction, group, after=position, descending=descending, limit=limit + 1
            )
        name = None if after is None else str(after[1])
        return group, await store.page_by_name(
            transaction, group, after=name, prefix=prefix, descending=descending, limit=limit + 1
        )

    group, found = await state.store.read(work)
    answer: Values = {"logStreams": [described(context, group.name, stream) for stream in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1]
        answer["nextToken"] = encode_token(kind, last.last_event_ms, last.name)
    return answer


def _after(kind: str, token: str | None) -> Position | None:
    if token is None:
        return None
    try:
        return decode_token(kind, token)
    except InvalidToken as error:
        raise invalid_token() from error
