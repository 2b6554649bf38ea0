"""How a service room declares its operations: `@operation`, the context of a call, and the room itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

Values = dict[str, Any]
"""An operation's input or output: member names of the service model to Python values.

Blobs are bytes, timestamps are aware datetimes, structures are dicts, absent members are absent.
"""

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Context:
    """Who calls, where, and under which id.

    account: 12 digits. region: `us-east-1`. access_key: as signed. caller_arn: the caller's IAM ARN.
    endpoint: `http://host:port` as the client addressed us, for URLs in answers.
    trace_id: the header `X-Amzn-Trace-Id` as it came, or "".
    """

    account: str
    region: str
    request_id: str
    access_key: str = ""
    caller_arn: str = ""
    user_id: str = ""
    endpoint: str = ""
    partition: str = "aws"
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Operation(Generic[StateT]):
    """One AWS operation of a room: its AWS name, its IAM action and the function that performs it.

    own_checks: input members whose constraints the room checks itself, because AWS answers with another error than
    the model's for them.
    """

    name: str
    action: str
    perform: Callable[[StateT, Context, Values], Awaitable[Values]]
    own_checks: frozenset[str] = frozenset()


def operation(
    name: str, *, action: str, own_checks: Iterable[str] = ()
) -> Callable[[Callable[[StateT, Context, Values], Awaitable[Values]]], Operation[StateT]]:
    """Declare the decorated coroutine function as the operation `name`, guarded by IAM `action`; see Operation."""

    def declare(perform: Callable[[StateT, Context, Values], Awaitable[Values]]) -> Operation[StateT]:
        return Operation(name, action, perform, frozenset(own_checks))

    return declare


def collect(*modules: ModuleType) -> dict[str, Operation[Any]]:
    """Every `Operation` that the modules define, by AWS name."""
    found: dict[str, Operation[Any]] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Operation):
                found[value.name] = value
    return found


@dataclass(frozen=True, slots=True)
class Room:
    """A service as the gateway sees it: its botocore name, its state and its operations."""

    service: str
    state: Any
    operations: Mapping[str, Operation[Any]]

    async def call(self, context: Context, name: str, values: Values) -> Values:
        """Perform operation `name`. Raises KeyError when the room has none of that name, AwsError when it fails."""
        return await self.operations[name].perform(self.state, context, values)
