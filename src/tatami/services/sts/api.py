"""GetCallerIdentity."""

from __future__ import annotations

from tatami.frame.operation import Context, Values, operation


@operation("GetCallerIdentity", action="sts:GetCallerIdentity")
async def get_caller_identity(_: None, context: Context, values: Values) -> Values:
    """The caller as authentication established it: account, ARN, unique id."""
    del values
    return {"Account": context.account, "Arn": context.caller_arn, "UserId": context.user_id}
