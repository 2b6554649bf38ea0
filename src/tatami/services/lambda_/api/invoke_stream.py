"""Running functions on demand with their answer as it comes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing

from tatami.dispatch.streams import StreamedOutcome
from tatami.domain.invocation import Outcome
from tatami.frame.operation import Context, Values, operation
from tatami.ports.engine import EnvironmentLost
from tatami.services.lambda_.api import invoke
from tatami.services.lambda_.state import LambdaRoom
from tatami.wire.eventstream import CONTENT_TYPE

Events = AsyncIterator[Values]


@operation("InvokeWithResponseStream", action="lambda:InvokeFunction")
async def invoke_with_response_stream(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Run the function; what it writes comes as `PayloadChunk` events, and `InvokeComplete` ends them.

    A function that fails before it has begun to write gives no chunk; its error is in `InvokeComplete`.
    """
    function, invocation = await invoke.prepared(state, context, values, "lambda:InvokeWithResponseStream")
    if values.get("InvocationType") == "DryRun":
        return {"StatusCode": 204, "EventStream": _nothing()}
    with invoke.refusals():
        streamed = await state.dispatch.stream(function, invocation)
    return {
        "StatusCode": 200,
        "ExecutedVersion": streamed.executed_version,
        "ResponseStreamContentType": CONTENT_TYPE,
        "EventStream": _events(streamed, with_log=invocation.log_tail),
    }


async def _events(streamed: StreamedOutcome, *, with_log: bool) -> Events:
    async with aclosing(streamed.pieces()) as pieces:
        async for piece in pieces:
            yield {"PayloadChunk": {"Payload": piece}}
    try:
        outcome = await streamed.outcome()
    except EnvironmentLost as lost:
        yield {"InvokeComplete": {"ErrorCode": "ServiceException", "ErrorDetails": str(lost)}}
        return
    if streamed.content_type is None and outcome.payload and not outcome.function_error:
        yield {"PayloadChunk": {"Payload": outcome.payload}}
    yield {"InvokeComplete": _complete(outcome, with_log=with_log)}


def _complete(outcome: Outcome, *, with_log: bool) -> Values:
    complete: Values = {}
    if outcome.function_error:
        complete["ErrorCode"] = outcome.error_type
        complete["ErrorDetails"] = outcome.payload.decode("utf-8", "replace")
    if with_log:
        complete["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return complete


async def _nothing() -> Events:
    no_events: tuple[Values, ...] = ()
    for event in no_events:
        yield event
