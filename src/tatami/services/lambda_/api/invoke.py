"""Running functions on demand."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tatami.dispatch.errors import ShuttingDown, Throttled
from tatami.domain.arn import LATEST, FunctionReference
from tatami.domain.invocation import MAX_SYNCHRONOUS_PAYLOAD, FunctionVersion, Invocation, Outcome
from tatami.frame.operation import Context, Values, operation
from tatami.ports.engine import EnvironmentLost, PackageUnusable
from tatami.services.lambda_ import errors
from tatami.services.lambda_.api import naming
from tatami.services.lambda_.model import functions as model
from tatami.services.lambda_.model.payload import payload_problem
from tatami.services.lambda_.model.refusals import refuse_unbuilt
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store

MAX_CLIENT_CONTEXT = 3583
"""Bytes of the header, in base64 (botocore, Invoke)."""

_LARGE_PAYLOAD = 256 * 1024
"""Bytes from which looking at a payload goes to a thread: the event loop would stand still for milliseconds."""


@operation("Invoke", action="lambda:InvokeFunction")
async def invoke(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Run the function and answer with what it answered; its own error is a 200 with FunctionError.

    Warm calls read no row: what runs comes from `state.resolved`.
    """
    function, invocation = await prepared(state, context, values, "lambda:Invoke")
    if values.get("InvocationType") == "DryRun":
        return {"StatusCode": 204, "Payload": b""}
    with refusals():
        outcome = await state.dispatch.invoke(function, invocation)
    return _answer(outcome, with_log=invocation.log_tail)


async def prepared(
    state: LambdaRoom, context: Context, values: Values, operation_name: str
) -> tuple[FunctionVersion, Invocation]:
    """What an Invoke operation shall run, and with what. Raises AwsError."""
    refuse_unbuilt(operation_name, values, state.architecture)
    named = naming.reference(context, values, "lambda:InvokeFunction")
    payload = values.get("Payload") or b"{}"
    _check_size(payload)
    client_context = _client_context(values.get("ClientContext") or "")
    await _check_payload(payload)
    # Nothing is awaited between here and the dispatcher when the function is known: an update that completes
    # in between would retire what was just resolved.
    function = await resolve(state, named)
    return function, Invocation(
        request_id=context.request_id,
        payload=payload,
        invoked_arn=naming.arn(named),
        client_context=client_context,
        trace_id=context.trace_id,
        log_tail=values.get("LogType") == "Tail",
    )


@contextmanager
def refusals() -> Iterator[None]:
    """What the dispatcher raises inside, as the AwsError that the caller sees."""
    try:
        yield
    except Throttled as throttled:
        raise errors.too_many_requests(throttled.reason, throttled.retry_after) from throttled
    except PackageUnusable as unusable:
        raise errors.invalid_zip_file() from unusable
    except (EnvironmentLost, ShuttingDown) as failed:
        raise errors.service_error() from failed


async def resolve(state: LambdaRoom, named: FunctionReference) -> FunctionVersion:
    """What runs for `named`. Raises AwsError when it does not exist or cannot run now."""
    if named.qualifier not in ("", LATEST):
        # There are no versions and aliases yet, whether or not the function exists.
        raise errors.function_not_found(naming.arn(named))
    key = naming.key(named)
    if (resolved := state.resolved.get(key)) is not None:
        return resolved
    since = state.resolved.writes
    function = await store.find(state.store, key)
    if function is None:
        raise errors.function_not_found(naming.arn(named, LATEST))
    if function.serving is None:
        if function.state_reason_code == model.INVALID_ZIP_CODE:
            raise errors.invalid_zip_file()
        raise errors.not_in_state(function.state)
    resolved = model.runnable(function, function.serving)
    state.resolved.keep(key, resolved, since)
    return resolved


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_SYNCHRONOUS_PAYLOAD:
        raise errors.entity_too_large(
            f"{len(payload)} byte payload is too large for the RequestResponse invocation type "
            f"(limit {MAX_SYNCHRONOUS_PAYLOAD} bytes)"
        )


async def _check_payload(payload: bytes) -> None:
    if len(payload) < _LARGE_PAYLOAD:
        problem = payload_problem(payload)
    else:
        problem = await asyncio.to_thread(payload_problem, payload)
    if problem:
        raise errors.invalid_request_content(
            f"Could not parse request body into json: Could not parse payload into json: {problem}"
        )


def _client_context(header: str) -> str:
    """The client context as JSON text, "" for none. Raises AwsError when the header is anything else."""
    if not header:
        return ""
    if len(header) > MAX_CLIENT_CONTEXT:
        raise errors.invalid_request_content(
            f"Client context must not be larger than {MAX_CLIENT_CONTEXT} bytes of Base64."
        )
    try:
        text = base64.b64decode(header, validate=True).decode()
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (binascii.Error, ValueError, RecursionError) as error:
        raise errors.invalid_request_content("Client context must be a valid Base64-encoded JSON object.") from error
    return text


def _answer(outcome: Outcome, *, with_log: bool) -> Values:
    answer: Values = {
        "StatusCode": 200,
        "ExecutedVersion": outcome.executed_version,
        "Payload": outcome.payload,
    }
    if outcome.function_error:
        answer["FunctionError"] = outcome.function_error
    if with_log:
        answer["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return answer
