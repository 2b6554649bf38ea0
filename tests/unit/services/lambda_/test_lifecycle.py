"""Background transitions: failures, interruptions, overtaking, and what a restart finds."""

from __future__ import annotations

import asyncio

from tests.unit.services.lambda_.room_under_test import (
    ACCOUNT,
    REGION,
    RoomUnderTest,
    in_loop,
    started,
    zipped,
)

from tatami.kit.clock import settle
from tatami.kit.tasks import Tasks
from tatami.ports.engine import PackageUnusable
from tatami.ports.store import StoreFull, Work
from tatami.services.lambda_ import lifecycle

NEW = zipped({"handler.py": b"handler = print\n"})


async def restarted(before: RoomUnderTest) -> RoomUnderTest:
    """The same store and blobs after the process was killed."""
    await before.tasks.close()
    return await started(store=before.store, blobs=before.blobs)


@in_loop
async def test_a_package_that_cannot_be_unpacked_fails_the_function() -> None:
    under_test = await started()
    under_test.dispatch.unprepared = PackageUnusable("odd")
    await under_test.create_active()
    shown = await under_test.configuration()
    assert (shown["State"], shown["StateReason"], shown["StateReasonCode"]) == (
        "Failed",
        "odd",
        "InvalidZipFileException",
    )
    error = await under_test.fails("Invoke", FunctionName="greet")
    assert (error.code, error.status) == ("InvalidZipFileException", 502)
    error = await under_test.fails("UpdateFunctionConfiguration", FunctionName="greet", Timeout=9)
    assert error.message.endswith("currently in the following state: Failed")


@in_loop
async def test_a_fault_of_the_platform_does_not_leave_the_function_pending() -> None:
    under_test = await started()
    under_test.dispatch.unprepared = OSError("disk on fire")
    await under_test.create_active()
    shown = await under_test.configuration()
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InternalError")
    assert "fire" not in shown["StateReason"]
    error = await under_test.fails("Invoke", FunctionName="greet")
    assert error.message.endswith("currently in the following state: Failed")


@in_loop
async def test_a_restart_resumes_what_was_pending() -> None:
    under_test = await started()
    under_test.dispatch.gate.clear()
    await under_test.create()
    await settle()
    again = await restarted(under_test)
    await again.tasks.drain()
    assert (await again.configuration())["State"] == "Active"
    assert await lifecycle.resume(again.state) == 0


@in_loop
async def test_a_restart_resumes_an_update_and_serves_the_old_code_until_then() -> None:
    under_test = await started()
    await under_test.create_active()
    under_test.dispatch.gate.clear()
    await under_test.call("UpdateFunctionCode", FunctionName="greet", ZipFile=NEW)
    await settle()
    again = await restarted(under_test)
    again.dispatch.gate.clear()
    await settle()
    await again.call("Invoke", FunctionName="greet")
    again.dispatch.gate.set()
    await again.tasks.drain()
    await again.call("Invoke", FunctionName="greet")
    (old, _), (new, _) = again.dispatch.invoked
    assert old == under_test.dispatch.prepared[0]
    assert new == under_test.dispatch.prepared[1]
    assert await again.blobs.digests() == [new.code]


@in_loop
async def test_a_deleted_function_is_not_brought_back() -> None:
    under_test = await started()
    under_test.dispatch.gate.clear()
    await under_test.create()
    await under_test.call("DeleteFunction", FunctionName="greet")
    under_test.dispatch.gate.set()
    await under_test.tasks.drain()
    assert (await under_test.call("ListFunctions"))["Functions"] == []


@in_loop
async def test_a_recreated_function_is_activated_by_its_own_transition_only() -> None:
    under_test = await started()
    under_test.dispatch.gate.clear()
    await under_test.create()
    await settle()
    await under_test.call("DeleteFunction", FunctionName="greet")
    under_test.dispatch.unprepared = PackageUnusable("of the first one")
    under_test.dispatch.gate.set()
    await settle()
    under_test.dispatch.unprepared = None
    await under_test.create_active()
    assert (await under_test.configuration())["State"] == "Active"


@in_loop
async def test_garbage_of_a_crash_is_collected_at_the_start() -> None:
    under_test = await started()
    await under_test.create_active()
    await under_test.blobs.put(b"left behind")
    again = await restarted(under_test)
    assert await again.blobs.digests() == [under_test.dispatch.prepared[0].code]


@in_loop
async def test_a_caller_that_goes_away_leaves_nothing_half_done() -> None:
    under_test = await started()
    written = under_test.store.write
    gate = asyncio.Event()

    async def slow(work: Work[object]) -> object:
        await gate.wait()
        return await written(work)

    under_test.store.write = slow  # type: ignore[method-assign, assignment]
    call = asyncio.create_task(under_test.create())
    while len(under_test.tasks) == 0:
        await asyncio.sleep(0)
    await settle()
    call.cancel()
    await settle()
    assert call.cancelled()
    gate.set()
    await under_test.tasks.drain()
    assert (await under_test.configuration())["State"] == "Active"


@in_loop
async def test_a_transition_waits_for_room_in_the_store() -> None:
    under_test = await started()
    under_test.dispatch.gate.clear()
    await under_test.create()
    written = under_test.store.write
    refusals = [StoreFull("full"), StoreFull("full")]

    async def full(work: Work[object]) -> object:
        if refusals:
            raise refusals.pop()
        return await written(work)

    under_test.store.write = full  # type: ignore[method-assign, assignment]
    under_test.dispatch.gate.set()
    await settle()
    for _ in range(2):
        assert (await under_test.configuration())["State"] == "Pending"
        await under_test.clock.advance(lifecycle.RETRY_SECONDS)
    await under_test.tasks.drain()
    assert (await under_test.configuration())["State"] == "Active"


@in_loop
async def test_a_package_being_created_is_not_dropped() -> None:
    under_test = await started()
    digest = await under_test.blobs.put(b"mine")
    async with under_test.state.packages.holding(digest):
        assert await lifecycle.collect_garbage(under_test.state) == 0
    assert await lifecycle.collect_garbage(under_test.state) == 1


@in_loop
async def test_a_create_waits_until_the_same_package_is_gone() -> None:
    under_test = await started()
    packages = under_test.state.packages
    digest = await under_test.blobs.put(b"mine")
    gate = asyncio.Event()

    async def is_used(_: str) -> bool:
        await gate.wait()
        return False

    async def hold() -> list[str]:
        async with packages.holding(digest):
            return await under_test.blobs.digests()

    tasks = Tasks()
    drop = tasks.spawn("drop", packages.drop(digest, under_test.blobs, is_used))
    await settle()
    held = tasks.spawn("hold", hold())
    await settle()
    assert not held.done()
    assert not await packages.drop(digest, under_test.blobs, is_used)
    gate.set()
    assert await drop
    assert await held == []


@in_loop
async def test_a_stale_read_is_not_remembered() -> None:
    under_test = await started()
    await under_test.create_active()
    resolved = under_test.state.resolved
    key = (ACCOUNT, REGION, "greet")
    since = resolved.writes
    resolved.forget(key)
    resolved.keep(key, under_test.dispatch.prepared[0], since)
    assert resolved.get(key) is None
