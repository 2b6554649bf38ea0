"""One signed HTTP request to a platform and its whole answer."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from tatami.client.errors import UnreachableError, api_error
from tatami.kit.clock import Clock, SystemClock
from tatami.wire.http import Request
from tatami.wire.sigv4 import Credentials, sign

CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is no error; `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Transport:
    """Sends requests to one endpoint (`http://host:port`), signed for one region with one access key."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)

    def send(self, service: str, request: Request, seconds: float = CALL_SECONDS) -> Answer:
        """Sign `request` for `service` (its signing name) and send it.

        seconds: how long to wait for an answer. Raises ApiError for a status from 400 on, UnreachableError.
        """
        host = urlsplit(self.endpoint).netloc
        addressed = replace(request, headers={**request.headers, "host": host})
        credentials = Credentials(self.access_key, self.secret_key)
        signed = sign(addressed, credentials, self.region, service, self.clock.now())
        return self._exchange(signed, seconds)

    def get(self, path: str, seconds: float = CALL_SECONDS) -> Answer:
        """Fetch a path that needs no signature (`/_tatami/...`). Raises like `send`."""
        return self._exchange(Request("GET", path), seconds)

    def _exchange(self, request: Request, seconds: float) -> Answer:
        connection = self._connection(seconds)
        target = f"{request.path}?{request.query}" if request.query else request.path
        try:
            connection.request(request.method, target, request.body, dict(request.headers))
            response = connection.getresponse()
            body = response.read()
        except TimeoutError as error:
            raise UnreachableError(f"{self.endpoint} did not answer within {seconds:g} s") from error
        except ConnectionRefusedError as error:
            raise UnreachableError(f"nothing listens at {self.endpoint}; is `tatami up` running?") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"cannot talk to {self.endpoint}: {error or type(error).__name__}") from error
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.status >= 400:
            raise api_error(response.status, headers, body)
        return Answer(response.status, headers, body)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        address = urlsplit(self.endpoint)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        return kind(address.hostname or "", address.port, timeout=seconds)
