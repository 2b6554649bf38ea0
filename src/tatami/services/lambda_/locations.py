"""The addresses under which GetFunction offers packages for download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tatami.frame.operation import Context
from tatami.kit.clock import Clock
from tatami.services.lambda_.model.locations import LIFETIME_SECONDS, digest_of, signed_path


@dataclass(frozen=True)
class SignedCodeLocations:
    """Signs addresses of packages and reads them back.

    secret: at least 32 random bytes; every head that serves downloads needs the same.
    """

    secret: bytes = field(repr=False)
    clock: Clock

    def url(self, context: Context, digest: str, name: str) -> str:
        """A URL below `context.endpoint`, good for ten minutes."""
        expires = int(self.clock.now()) + LIFETIME_SECONDS
        return context.endpoint + signed_path(self.secret, context.account, context.region, name, digest, expires)

    def digest(self, path: str, query: Mapping[str, str]) -> str | None:
        """The package that a request for `path` (raw) with `query` (decoded) may have, or None: answer 403."""
        return digest_of(self.secret, path, query, self.clock.now())
