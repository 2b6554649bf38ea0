"""A logs room in memory, called like a function, at a time that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

import pytest

from tatami.adapters.stores.memory import MemoryStore
from tatami.frame.errors import AwsError
from tatami.frame.operation import Context, Values
from tatami.kit.clock import VirtualClock
from tatami.services.logs.room import MIGRATIONS, room
from tatami.services.logs.state import LogsState

T = TypeVar("T")
CONTEXT = Context(account="000000000042", region="eu-west-1", request_id="r")
GROUP, STREAM = "/aws/lambda/f", "2026/01/01/[$LATEST]0"
ARN = f"arn:aws:logs:eu-west-1:000000000042:log-group:{GROUP}"


class Logs:
    """`logs("PutLogEvents", ...)` answers or raises AwsError; `fails` returns the error."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = VirtualClock(1_800_000_000.0)
        self.store = MemoryStore()
        self.run(self.store.migrate("logs", MIGRATIONS))
        self.room = room(self.store, self.clock)

    def __enter__(self) -> Logs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self.store.close())
        self.runner.close()

    @property
    def state(self) -> LogsState:
        state = self.room.state
        assert isinstance(state, LogsState)
        return state

    @property
    def now(self) -> int:
        return self.state.now_ms()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def __call__(self, operation: str, context: Context = CONTEXT, **values: Any) -> Values:
        return self.run(self.room.call(context, operation, values))

    def fails(self, operation: str, context: Context = CONTEXT, **values: Any) -> AwsError:
        with pytest.raises(AwsError) as caught:
            self(operation, context, **values)
        return caught.value

    def with_stream(self, group: str = GROUP, *streams: str) -> Logs:
        self("CreateLogGroup", logGroupName=group)
        for stream in streams or (STREAM,):
            self("CreateLogStream", logGroupName=group, logStreamName=stream)
        return self

    def put(self, *messages: str, stream: str = STREAM, at: int | None = None, step: int = 1) -> Values:
        """Messages `step` milliseconds apart, the first at `at` (default: now)."""
        start = self.now if at is None else at
        events = [{"timestamp": start + i * step, "message": message} for i, message in enumerate(messages)]
        return self("PutLogEvents", logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def get(self, **values: Any) -> Values:
        return self("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM, **values)

    def filter(self, **values: Any) -> Values:
        return self("FilterLogEvents", logGroupName=GROUP, **values)


def messages(answer: Values) -> list[str]:
    return [event["message"] for event in answer["events"]]
