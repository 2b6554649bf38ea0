"""
What happens to a function after its request was answered: Pending becomes Active, InProgress becomes Successful.

The row says what is due, so a killed platform continues where it was: `resume` starts the transitions of all
rows that wait for one. A transition belongs to one generation and is written only while the row still has it,
so one that was overtaken (function deleted, deleted and created again) changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar, cast

from tatami.frame.errors import AwsError
from tatami.kit.ids import request_id
from tatami.ports.engine import PackageUnusable
from tatami.ports.store import StoreFull, Transaction
from tatami.services.lambda_.model import functions as model
from tatami.services.lambda_.model.functions import Function
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store
from tatami.services.lambda_.store import layers, policies, urls, usage

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 1.0
"""Between attempts to write a transition while the store has no room."""


async def start(state: LambdaRoom) -> None:
    """Everything the room needs before it serves: its tables, no garbage, and interrupted transitions resumed."""
    for tables in (store, layers, usage, policies, urls):
        await tables.create_tables(state.store)
    await collect_garbage(state)
    await resume(state)


async def resume(state: LambdaRoom) -> int:
    """Start again the transitions that a stop of the platform interrupted; returns how many."""
    waiting = await store.unsettled(state.store)
    for function in waiting:
        begin(state, function)
    return len(waiting)


async def collect_garbage(state: LambdaRoom) -> int:
    """Delete packages and layers that nothing refers to, left by a crash between two steps; returns how many."""
    unused = set(await state.blobs.digests()) - await usage.digests(state.store)
    return await drop_packages(state, unused)


async def to_the_end(state: LambdaRoom, name: str, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end even when the caller goes away, so that no write is left without its follow-up.

    Raises what `work` raises; an AwsError is the caller's news and not a failed background task.
    """

    async def guarded() -> tuple[T, None] | tuple[None, AwsError]:
        try:
            return await work, None
        except AwsError as error:
            return None, error

    result, error = await asyncio.shield(state.tasks.spawn(name, guarded()))
    if error is not None:
        raise error
    return cast("T", result)


def begin(state: LambdaRoom, function: Function) -> None:
    """Let the transition that is due happen in the background."""
    state.tasks.spawn(f"activate {function.name}", activate(state, function))


async def activate(state: LambdaRoom, function: Function) -> None:
    """Bring the code to where it runs and write what came of it."""
    began = state.clock.monotonic()
    problem, code = await _prepare(state, function)
    left = began + state.shortest_update_seconds - state.clock.monotonic()
    if function.update_status == model.IN_PROGRESS and left > 0:
        await state.clock.sleep(left)
    revision = request_id()

    def change(current: Function) -> Function:
        return model.failed(current, revision, problem, code) if problem else model.activated(current, revision)

    before = await _settle(state, function, change)
    if before is None:
        return
    state.resolved.forget(function.key)
    if not problem:
        await state.dispatch.retire(*function.key, keep_generation=function.configuration.generation)
    await drop_packages(state, before.packages - change(before).packages)


async def _prepare(state: LambdaRoom, function: Function) -> tuple[str, str]:
    """Prepare; returns why it failed and AWS's reason code, two empty texts when it did not."""
    try:
        await state.dispatch.prepare(model.runnable(function, function.configuration))
    except PackageUnusable as unusable:
        return str(unusable) or "The package cannot be unpacked.", model.INVALID_ZIP_CODE
    except Exception:
        # The function must not hang in Pending for a fault of ours; the log has what happened.
        log.exception("preparing %s failed", function.arn)
        return "The platform failed to prepare the function.", model.INTERNAL_ERROR_CODE
    return "", ""


async def _settle(state: LambdaRoom, function: Function, change: Callable[[Function], Function]) -> Function | None:
    """Write `change` if `function` still waits for it; returns the row before, or None when it was overtaken."""

    async def work(transaction: Transaction) -> Function | None:
        current = await store.find_in(transaction, function.key)
        if current is None or current.is_settled:
            return None
        if current.configuration.generation != function.configuration.generation:
            return None
        await store.replace(transaction, change(current))
        return current

    while True:
        try:
            return await state.store.write(work)
        except StoreFull:
            await state.clock.sleep(RETRY_SECONDS)


async def drop_packages(state: LambdaRoom, digests: Iterable[str]) -> int:
    """Delete those packages that nobody refers to any more; returns how many were deleted."""

    async def is_used(digest: str) -> bool:
        return await usage.is_used(state.store, digest)

    return sum([await state.packages.drop(digest, state.blobs, is_used) for digest in sorted(digests)])
