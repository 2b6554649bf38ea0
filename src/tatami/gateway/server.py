"""The HTTP server: uvicorn's protocol (httptools) on the running loop, without uvicorn's signals, polling and logs."""

from __future__ import annotations

import asyncio
import logging

import uvicorn
from uvicorn.server import ServerState

from tatami.gateway.asgi import Application
from tatami.gateway.connection import Connection

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
GRACE_SECONDS = 1.0


class Server:
    """Serves an ASGI application on one address.

    port: 0 chooses a free one. idle_limit: seconds after which a silent connection is closed. grace: seconds that
    requests in work have at `stop` before they are cancelled.
    """

    def __init__(
        self,
        app: Application,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        idle_limit: float = IDLE_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._idle_limit = idle_limit
        self._grace = grace
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=max(1, round(idle_limit)),
        )

    def __repr__(self) -> str:
        return f"<Server {self._host}:{self._port} connections={self.connections} requests={self.requests}>"

    @property
    def connections(self) -> int:
        """Open client connections."""
        return len(self._state.connections)

    @property
    def requests(self) -> int:
        """Requests being worked on."""
        return len(self._state.tasks)

    async def start(self) -> int:
        """Listen; the port. Raises OSError when the address cannot be had."""
        if self._server is not None:
            raise RuntimeError("the server is already running")
        if not self._config.loaded:
            self._config.load()
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(self._config, self._state, idle_limit=self._idle_limit, loop=loop)

        self._server = await loop.create_server(connection, self._host, self._port, backlog=2048)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self._port

    async def stop(self) -> None:
        """Stop listening, close silent connections, let requests in work end within the grace period, end the rest."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=self._grace)
        if left := set(self._state.tasks):
            log.warning("ending %d requests that were still in work", len(left))
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=self._grace)


def serve(app: Application, host: str = "127.0.0.1", port: int = 0, *, idle_limit: float = IDLE_SECONDS) -> Server:
    """A server for `app`; `await start()` gives its port."""
    return Server(app, host, port, idle_limit=idle_limit)
