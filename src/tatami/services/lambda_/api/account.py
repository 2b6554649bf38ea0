"""What the account may use and does use."""

from __future__ import annotations

from tatami.frame.operation import Context, Values, operation
from tatami.services.lambda_.model.package import MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store


@operation("GetAccountSettings", action="lambda:GetAccountSettings")
async def get_account_settings(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Limits and usage of the caller's account in this Region."""
    code_size, count = await store.usage(state.store, context.account, context.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": state.code_storage_limit,
            "CodeSizeUnzipped": MAX_UNZIPPED_BYTES,
            "CodeSizeZipped": MAX_ZIPPED_BYTES,
            "ConcurrentExecutions": state.concurrency_limit,
            "UnreservedConcurrentExecutions": state.concurrency_limit,
        },
        "AccountUsage": {"TotalCodeSize": code_size, "FunctionCount": count},
    }
