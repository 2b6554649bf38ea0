"""Retention: how long a group keeps its events."""

from __future__ import annotations

from tatami.frame.operation import Context, Values, operation
from tatami.ports.store import Transaction
from tatami.services.logs.api.finding import group_named
from tatami.services.logs.model.retention import check_days
from tatami.services.logs.state import LogsState
from tatami.services.logs.store import groups as store


@operation("PutRetentionPolicy", action="logs:PutRetentionPolicy")
async def put_retention_policy(state: LogsState, context: Context, values: Values) -> Values:
    """From now on events older than `retentionInDays` are not shown. Raises AwsError for other than AWS's values."""
    check_days(values["retentionInDays"])
    return await _set(state, context, values["logGroupName"], values["retentionInDays"])


@operation("DeleteRetentionPolicy", action="logs:DeleteRetentionPolicy")
async def delete_retention_policy(state: LogsState, context: Context, values: Values) -> Values:
    """Events are kept for ever."""
    return await _set(state, context, values["logGroupName"], None)


async def _set(state: LogsState, context: Context, name: str, days: int | None) -> Values:
    async def work(transaction: Transaction) -> None:
        await store.set_retention(transaction, await group_named(transaction, context, name), days)

    await state.store.write(work)
    return {}
