"""CloudWatch Logs: the calls of recorded tests, made again, answered as AWS did."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.recorded.calling import Caller, client_caller, room_client
from tests.recorded.matching import Bindings, load, match

from tatami.adapters.stores.memory import MemoryStore
from tatami.frame.operation import Context
from tatami.kit.clock import SystemClock
from tatami.services.logs.room import MIGRATIONS, room

ACCOUNT, REGION = "000000000042", "eu-west-1"
GROUP, STREAM = "test-log-group-1", "test-log-stream-1"
MONTH_MS = 30 * 86_400_000


@pytest.fixture
def call() -> Iterator[Caller]:
    store, clock = MemoryStore(), SystemClock()
    with asyncio.Runner() as runner:
        runner.run(store.migrate("logs", MIGRATIONS))
        context = Context(ACCOUNT, REGION, "11111111-2222-3333-4444-555555555555")
        yield client_caller(room_client(room(store, clock), context, runner))
        runner.run(store.close())


def recorded(name: str, test: str) -> dict[str, Any]:
    """The answers of one test, by label."""
    found: dict[str, Any] = load("logs", name)[f"logs/{name}.py::{test}"]
    return found


def bindings() -> Bindings:
    return Bindings(account=ACCOUNT, region=REGION, partition="aws", log_group=GROUP)


def now_ms() -> int:
    return int(SystemClock().now() * 1000)


def with_stream(call: Caller) -> dict[str, str]:
    call("CreateLogGroup", logGroupName=GROUP)
    call("CreateLogStream", logGroupName=GROUP, logStreamName=STREAM)
    return {"logGroupName": GROUP, "logStreamName": STREAM}


def test_put_log_events_too_old(call: Caller) -> None:
    answers = recorded("test_logs_events", "TestLogsEvents::test_put_log_events_too_old")
    events = [{"timestamp": now_ms() - MONTH_MS, "message": "Old message"}]
    answer = call("PutLogEvents", **with_stream(call), logEvents=events)
    match(answers["response-too-old"], answer, bindings())


def test_put_log_events_wrong_order(call: Caller) -> None:
    answers = recorded("test_logs_events", "TestLogsEvents::test_put_log_events_wrong_order")
    events = [{"timestamp": now_ms() - age, "message": "m"} for age in (0, 2 * 86_400_000)]
    answer = call("PutLogEvents", **with_stream(call), logEvents=events)
    match(answers["error-wrong-order"], answer, bindings())


def test_filter_log_events_unknown_token(call: Caller) -> None:
    answers = recorded("test_logs_filter_events", "TestFilterLogEvents::test_filter_log_events_unknown_token")
    with_stream(call)
    answer = call("FilterLogEvents", logGroupName=GROUP, logStreamNames=[STREAM], limit=20, nextToken="invalid-token")
    match(answers["invalid-token"], answer, bindings())


def test_create_log_group_duplicate(call: Caller) -> None:
    answers = recorded("test_logs_groups", "TestLogsGroups::test_create_log_group_duplicate_error")
    call("CreateLogGroup", logGroupName=GROUP)
    match(answers["error-duplicate-log-group"], call("CreateLogGroup", logGroupName=GROUP), bindings())


def test_list_log_groups_with_pattern(call: Caller) -> None:
    answers = recorded("test_logs_groups", "TestLogsGroups::test_list_log_groups_with_pattern")
    call("CreateLogGroup", logGroupName="test-list-4f2a")
    known = bindings()
    match(answers["list-log-groups-no-match"], call("ListLogGroups", logGroupNamePattern="no-such-group"), known)
    found = call("DescribeLogGroups", logGroupNamePattern="4f2a")["logGroups"]
    match(answers["list-log-groups-match"], found, known)
    assert known["<log-group-name:1>"] == "test-list-4f2a"


def test_create_log_group_with_tags(call: Caller) -> None:
    answers = recorded("test_logs_groups", "TestLogsGroupsTags::test_create_log_group_with_tags")
    call("CreateLogGroup", logGroupName=GROUP, tags={"env": "testing"})
    match(answers["list-tags-after-create"], call("ListTagsLogGroup", logGroupName=GROUP), bindings())


def test_create_log_stream_duplicate(call: Caller) -> None:
    answers = recorded("test_logs_streams", "TestLogsStreams::test_create_log_stream_duplicate_error")
    stream = with_stream(call)
    match(answers["error-duplicate-log-stream"], call("CreateLogStream", **stream), bindings())


def test_describe_log_streams_with_prefix(call: Caller) -> None:
    answers = recorded("test_logs_streams", "TestLogsStreams::test_describe_log_streams_with_prefix")
    with_stream(call)
    for number in range(3):
        call("CreateLogStream", logGroupName=GROUP, logStreamName=f"test-prefix-stream-{number}")
    answer = call("DescribeLogStreams", logGroupName=GROUP, logStreamNamePrefix="test-prefix")
    match(answers["describe-streams-with-prefix"], answer, bindings())
