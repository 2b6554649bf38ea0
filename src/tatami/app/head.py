"""
The composition root: which adapter stands behind which port, and in which order things start and stop.

Start: state, then what runs functions, then the service rooms, then the front door; the address is announced when all
of it can be used. Stop: the reverse. Whatever was started is stopped, also when a later part fails to start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import resource
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from tatami.adapters.blobs.files import FileBlobs
from tatami.adapters.blobs.memory import MemoryBlobs
from tatami.adapters.engines.local import LocalEngine
from tatami.adapters.runtimes import java_client
from tatami.adapters.runtimes.discovery import MachineRuntimes, UnusableInterpreter
from tatami.adapters.runtimes.sdk import link_python_sdk
from tatami.adapters.stores.lock import DataFolderInUse
from tatami.adapters.stores.memory import MemoryStore
from tatami.adapters.stores.sqlite import SqliteStore
from tatami.adapters.telemetry.log_room import StoreLogSink
from tatami.app.config import Config, is_loopback
from tatami.app.data_folder import WorkFolders, own_secret
from tatami.app.errors import StartupError
from tatami.app.isolation import open_sandboxes
from tatami.app.keys import KeyRing
from tatami.app.special import CodeDownload, Health
from tatami.dispatch.dispatcher import Dispatcher
from tatami.environments.launch import RuntimeFolders
from tatami.environments.node import Node
from tatami.environments.packages import Packages
from tatami.frame.operation import Room
from tatami.frame.site import Site
from tatami.gateway.access import Access
from tatami.gateway.asgi import Application
from tatami.gateway.gateway import Gateway, Special
from tatami.gateway.server import Server
from tatami.kit.clock import Clock, SystemClock
from tatami.kit.tasks import Tasks
from tatami.ports.blobs import Blobs
from tatami.ports.sandbox import SandboxProvider
from tatami.ports.store import Store, StoreFull
from tatami.runtime_api.server import RuntimeApi
from tatami.services.lambda_ import lifecycle
from tatami.services.lambda_.function_urls import FunctionUrls
from tatami.services.lambda_.locations import SignedCodeLocations
from tatami.services.lambda_.room import room as lambda_room
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.logs.purge import purge
from tatami.services.logs.room import MIGRATIONS as LOGS_MIGRATIONS
from tatami.services.logs.room import room as logs_room
from tatami.services.logs.state import LogsState
from tatami.services.sts.room import room as sts_room

log = logging.getLogger(__name__)

PURGE_SECONDS = 300.0
"""How often log events past their retention are removed."""

SHORTEST_UPDATE_SECONDS = 0.1
"""AWS takes about a second; clients that look once right after an update expect to see it in progress."""

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


async def run(config: Config, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. announce: gets the URL when requests can be taken. Raises StartupError."""
    _raise_limit_on_open_files()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with started(config) as url:
            announce(url)
            await stopped.wait()
            log.info("stopping")
    except DataFolderInUse as error:
        raise StartupError(str(error)) from error
    except UnusableInterpreter as error:
        raise StartupError(str(error)) from error


@asynccontextmanager
async def started(config: Config) -> AsyncIterator[str]:
    """A platform that serves while inside; gives its URL."""
    clock, tasks = SystemClock(), Tasks()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(tasks.close)
        store, blobs, folders = await _open_state(config, stack)
        await store.migrate("logs", LOGS_MIGRATIONS)
        logs = logs_room(store, clock)
        sink = StoreLogSink(logs.state, clock, tasks)
        stack.push_async_callback(sink.close)
        keys = KeyRing(config.keys, config.account)
        address = _Address(config.host)
        sandboxes = await open_sandboxes(config, folders.run, lambda: address.port)
        stack.push_async_callback(sandboxes.close)
        node = _node(config, blobs, folders, sandboxes, keys, sink, clock, tasks, address)
        await node.packages.sweep()
        engine = LocalEngine(node)
        dispatcher = Dispatcher(
            engine,
            clock,
            tasks,
            config.concurrency_limit,
            config.idle_seconds,
            shaped=config.stream_shaping == "aws",
        )
        stack.push_async_callback(engine.close)
        stack.push_async_callback(dispatcher.close)
        tasks.spawn("reap idle environments", dispatcher.reap())
        tasks.spawn("purge logs", _purge(logs.state, clock))
        locations = SignedCodeLocations(own_secret(config.data_dir), clock)
        functions = LambdaRoom(
            store=store,
            blobs=blobs,
            dispatch=dispatcher,
            runtimes=node.runtimes,
            clock=clock,
            tasks=tasks,
            locations=locations,
            architecture=ARCHITECTURES.get(platform.machine().lower(), "x86_64"),
            concurrency_limit=config.concurrency_limit,
            shortest_update_seconds=SHORTEST_UPDATE_SECONDS,
        )
        await lifecycle.start(functions)
        facts = _facts(config, node, dispatcher)
        special = [
            Special("/_tatami/health", Health(_since(clock), facts).answer),
            Special("/_tatami/code/", CodeDownload(locations, blobs).answer),
        ]
        rooms = {room.service: room for room in (lambda_room(functions), logs, sts_room())}
        address.port = await _serve(config, rooms, keys, clock, special, [FunctionUrls(functions)], stack)
        _say_what_is_not_in_force(node.sandboxes.isolation)
        yield address.url


def _raise_limit_on_open_files() -> None:
    """An environment holds some ten descriptors; a thousand of them need more than the usual soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Address:
    """Where the platform is reached; the port is known when the front door is open."""

    def __init__(self, host: str) -> None:
        self._host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        self._local = self._host if is_loopback(host) else "127.0.0.1"
        self.port = 0

    @property
    def url(self) -> str:
        """As announced."""
        return f"http://{self._host}:{self.port}"

    def for_functions(self) -> str:
        """As functions on this machine reach it."""
        return f"http://{self._local}:{self.port}"


async def _open_state(config: Config, stack: contextlib.AsyncExitStack) -> tuple[Store, Blobs, WorkFolders]:
    if config.data_dir is None:
        memory = MemoryStore()
        stack.push_async_callback(memory.close)
        folders = WorkFolders.in_temporary()
        stack.callback(folders.remove)
        return memory, MemoryBlobs(), folders
    try:
        store = SqliteStore.open(config.data_dir / "tatami.db")
    except (OSError, ValueError, StoreFull) as error:
        raise StartupError(f"the data folder {config.data_dir} cannot be used: {error}") from error
    stack.push_async_callback(store.close)
    folders = WorkFolders.in_data(config.data_dir)
    return store, FileBlobs(config.data_dir / "blobs"), folders


def _node(
    config: Config,
    blobs: Blobs,
    folders: WorkFolders,
    sandboxes: SandboxProvider,
    keys: KeyRing,
    sink: StoreLogSink,
    clock: Clock,
    tasks: Tasks,
    address: _Address,
) -> Node:
    clients = Path(str(resources.files("tatami"))) / "runtimes"
    java = config.java_client or java_client.default_folder()
    link_python_sdk(folders.sdk)
    return Node(
        packages=Packages(blobs, folders.code),
        sandboxes=sandboxes,
        doors=RuntimeApi(),
        runtimes=MachineRuntimes(config.runtimes, config.runtime_fallback, java=java),
        folders=RuntimeFolders(clients / "python", clients / "node", folders.sdk, clients / "ruby", java),
        credentials=keys,
        logs=sink,
        clock=clock,
        tasks=tasks,
        endpoint=address.for_functions,
    )


async def _serve(
    config: Config,
    rooms: Mapping[str, Room],
    keys: KeyRing,
    clock: Clock,
    special: list[Special],
    sites: list[Site],
    stack: contextlib.AsyncExitStack,
) -> int:
    """Open the front door; its port."""
    gateway = Gateway(
        rooms,
        keys,
        clock=clock,
        access=Access(config.access),
        default_account=config.account,
        default_region=config.region,
        special=special,
        sites=sites,
    )
    server = Server(Application(gateway, clock), config.host, config.port)
    try:
        port = await server.start()
    except OSError as error:
        raise StartupError(f"the address is not to be had: {error.strerror or error}") from error
    stack.push_async_callback(server.stop)
    return port


async def _purge(state: LogsState, clock: Clock) -> None:
    while True:
        try:
            await purge(state, int(clock.now() * 1000))
        except StoreFull:
            log.warning("the store is full: log events past their retention are removed later")
        await clock.sleep(PURGE_SECONDS)


def _since(clock: Clock) -> Callable[[], float]:
    begin = clock.monotonic()
    return lambda: clock.monotonic() - begin


def _facts(config: Config, node: Node, dispatcher: Dispatcher) -> Callable[[], dict[str, Any]]:
    def facts() -> dict[str, Any]:
        return {
            "access": config.access,
            "iam_policies_enforced": False,
            "account": config.account,
            "region": config.region,
            "durable": config.data_dir is not None,
            "isolation": dict(node.sandboxes.isolation),
            "runtimes": node.runtimes.available(),
            "runtime_fallback": config.runtime_fallback,
            "environments": dispatcher.statistics(),
        }

    return facts


def _say_what_is_not_in_force(isolation: Mapping[str, bool | str]) -> None:
    missing = [name for name, in_force in isolation.items() if in_force is False]
    if isolation.get("egress") == "none":
        missing.append("egress")
    if missing:
        log.warning("isolation %s: not in force: %s", isolation["kind"], ", ".join(missing))
