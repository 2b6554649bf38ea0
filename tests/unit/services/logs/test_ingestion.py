"""The platform's own way in."""

from __future__ import annotations

from tests.unit.services.logs.harness import CONTEXT, GROUP, STREAM, Logs, messages

from tatami.ports.telemetry import LogEvent
from tatami.services.logs.ingestion import StreamBatch, append, append_many
from tatami.services.logs.model.events import MOST_EVENT_BYTES


def test_groups_and_streams_come_on_demand_in_one_transaction(logs: Logs) -> None:
    batches = [
        StreamBatch(CONTEXT.account, CONTEXT.region, group, stream, [LogEvent(1, f"{group} {stream}\n")])
        for group in ("g", "h")
        for stream in ("1", "2")
    ]
    writes = logs.store.statistics()["writes"]
    logs.run(append_many(logs.state, [*batches, batches[0]]))
    assert logs.store.statistics()["writes"] == writes + 1
    assert messages(logs("FilterLogEvents", logGroupName="g")) == ["g 1\n", "g 2\n", "g 1\n"]
    groups = logs("DescribeLogGroups")["logGroups"]
    assert [group["storedBytes"] for group in groups] == [3 * 30, 2 * 30]


def test_it_joins_what_the_api_made_and_takes_any_time(logs: Logs) -> None:
    logs.with_stream().put("now")
    logs.run(append(logs.state, CONTEXT.account, CONTEXT.region, GROUP, STREAM, [LogEvent(5, "old"), LogEvent(4, "b")]))
    assert messages(logs.get()) == ["b", "old", "now"]


def test_an_empty_batch_creates_and_empty_messages_vanish(logs: Logs) -> None:
    logs.run(append(logs.state, CONTEXT.account, CONTEXT.region, GROUP, STREAM, []))
    logs.run(append(logs.state, CONTEXT.account, CONTEXT.region, GROUP, STREAM, [LogEvent(1, "")]))
    assert logs.get()["events"] == []


def test_a_long_message_is_cut_between_characters(logs: Logs) -> None:
    text = "x" + "é" * MOST_EVENT_BYTES
    logs.run(append(logs.state, CONTEXT.account, CONTEXT.region, GROUP, STREAM, [LogEvent(1, text)]))
    found: list[str] = []
    page = logs.get(startFromHead=True)
    while page["events"]:
        found += messages(page)
        page = logs.get(startFromHead=True, nextToken=page["nextForwardToken"])
    assert len(found) == 3
    assert "".join(found) == text
