"""A request together with how it came, for those that must tell it on."""

from __future__ import annotations

from dataclasses import dataclass

from tatami.wire.http import Request


@dataclass(frozen=True, slots=True)
class Arrival(Request):
    """client: the peer's address, "" when unknown. protocol: such as `HTTP/1.1`."""

    client: str = ""
    protocol: str = "HTTP/1.1"
