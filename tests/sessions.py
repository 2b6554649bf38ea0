"""Runtime sessions for tests that need no environment around them."""

from __future__ import annotations

import asyncio

from tatami.environments.extensions import Extensions
from tatami.environments.session import FunctionFacts, RuntimeSession
from tatami.environments.telemetry import Subscription, Telemetry
from tatami.kit.clock import VirtualClock
from tatami.kit.tasks import Tasks


def new_session(*external: str, subscriptions: list[Subscription] | None = None) -> RuntimeSession:
    """The session of a boot with these external extensions; subscriptions: takes those that are made."""
    telemetry = Telemetry(VirtualClock(), Tasks(), _connect)
    facts = FunctionFacts("000000000000", "f", "$LATEST", "app.handler")
    taken = [] if subscriptions is None else subscriptions
    return RuntimeSession(Extensions(external), telemetry, facts, taken.append)


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)
