"""Retention acts: at once for readers, and for good with `purge`."""

from __future__ import annotations

import pytest
from tests.unit.services.logs.harness import GROUP, STREAM, Logs, messages

from tatami.ports.store import Transaction
from tatami.services.logs.purge import purge
from tatami.services.logs.store import retention

DAY_S = 86_400


async def _count(transaction: Transaction) -> int:
    row = await transaction.fetch_one("SELECT COUNT(*) FROM log_events")
    assert row is not None
    return int(row[0])


def stored(logs: Logs) -> int:
    return logs.run(logs.store.read(_count))


def test_events_past_their_retention_are_not_shown(logs: Logs) -> None:
    logs.with_stream().put("old")
    logs.run(logs.clock.advance(2 * DAY_S))
    logs.put("new")
    assert messages(logs.get()) == messages(logs.filter()) == ["old", "new"]
    logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
    assert messages(logs.get()) == messages(logs.filter()) == ["new"]
    assert messages(logs.get(startTime=0, startFromHead=True)) == ["new"]
    logs("DeleteRetentionPolicy", logGroupName=GROUP)
    assert messages(logs.get()) == ["old", "new"]


def test_purge_removes_them_in_steps_and_gives_the_bytes_back(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    logs.with_stream(GROUP, STREAM, "other").put(*"abcde")
    logs.put("x", stream="other")
    logs.run(logs.clock.advance(2 * DAY_S))
    logs.put("new")
    assert logs.run(purge(logs.state, logs.now)) == 0
    logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
    assert logs.run(purge(logs.state, logs.now)) == 6
    assert logs.run(purge(logs.state, logs.now)) == 0
    assert stored(logs) == 1
    assert logs("DescribeLogGroups")["logGroups"][0]["storedBytes"] == 29
    streams = logs("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert [stream.get("firstEventTimestamp") for stream in streams] == [logs.now, None]


def test_purge_removes_what_was_deleted(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    logs.with_stream(GROUP, STREAM, "other").put(*"abcde")
    logs.put("x", stream="other")
    logs("DeleteLogStream", logGroupName=GROUP, logStreamName=STREAM)
    assert logs.run(purge(logs.state, logs.now)) == 5
    logs("DeleteLogGroup", logGroupName=GROUP)
    assert logs.run(purge(logs.state, logs.now)) == 1
    assert stored(logs) == 0
