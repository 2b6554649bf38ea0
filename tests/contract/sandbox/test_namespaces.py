"""What ports.sandbox promises, kept by `namespaces`; and what it promises beyond."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import uvloop
from tests.contract.sandbox.children import PYTHON, close, living, marked, python, read, shell

from tatami.adapters.sandboxes import doors, namespace_sandbox
from tatami.adapters.sandboxes.confinement import interpreter_mounts
from tatami.adapters.sandboxes.maker import cgroups
from tatami.adapters.sandboxes.maker.cgroups import Group
from tatami.adapters.sandboxes.namespace_sandbox import NamespaceSandbox
from tatami.adapters.sandboxes.namespaces import NamespaceSandboxes, NamespacesUnavailable
from tatami.ports.sandbox import Exit, ProcessSpec, ReadOnlyMount, SandboxSpec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces need Linux")
STAY = "while :; do sleep 1000; done"


@pytest.fixture
def environment() -> str:
    """An environment id of its own for each test: tests run beside each other."""
    return os.urandom(16).hex()


@pytest.fixture(autouse=True, params=["root", "rootless"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every promise is kept by both; an ordinary user can try one of them only."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root: the rootless half runs")
    monkeypatch.setenv("TATAMI_TEST_ROOTLESS", "yes" if request.param == "rootless" else "")
    return str(request.param)


@contextlib.asynccontextmanager
async def provider_in(folder: Path, port: int = 0) -> AsyncIterator[NamespaceSandboxes]:
    """A provider that leaves nothing."""
    try:
        rootless = bool(os.environ["TATAMI_TEST_ROOTLESS"])
        sandboxes = await NamespaceSandboxes.open(folder / "run", lambda: port, rootless=rootless)
    except NamespacesUnavailable as refused:
        pytest.skip(f"no namespaces here: {refused}")
    try:
        yield sandboxes
    finally:
        await sandboxes.close()
        assert list((folder / "run").iterdir()) == []


def spec(folder: Path, environment: str, memory_mb: int = 1769, *mounts: ReadOnlyMount) -> SandboxSpec:
    """A sandbox whose package is a folder, with the interpreter of the tests."""
    task = folder / "task"
    task.mkdir(exist_ok=True)
    return SandboxSpec(environment, task, memory_mb, mounts=(*interpreter_mounts(Path(PYTHON)), *mounts))


@contextlib.asynccontextmanager
async def sandbox_of(folder: Path, environment: str, memory_mb: int = 1769) -> AsyncIterator[NamespaceSandbox]:
    """A sandbox that is removed at the end, and that nothing is left of then."""
    async with provider_in(folder) as sandboxes:
        sandbox = await sandboxes.create(spec(folder, environment, memory_mb))
        try:
            yield sandbox
        finally:
            await sandbox.remove()
            assert living(environment) == []
            assert not any(path.exists() for path in sandbox.group.paths())


async def said_by(sandbox: NamespaceSandbox, process: ProcessSpec) -> str:
    """Everything a process prints."""
    running = await sandbox.spawn(process)
    said = await read(running.output)
    await running.wait()
    return said.decode()


def test_the_environment_is_exactly_the_one_given(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            variables = marked(environment, EMPTY="", ODD="a=b\nc", UNICODE="zażółć")
            said = await said_by(sandbox, ProcessSpec(["/bin/cat", "/proc/self/environ"], variables))
            assert dict(entry.split("=", 1) for entry in said.split("\0") if entry) == variables

    asyncio.run(test())


def test_arguments_and_working_folder(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            argv = ["/bin/sh", "-c", 'pwd; echo "$0|$1|$2"', "zero", "o n e", ""]
            said = await said_by(sandbox, ProcessSpec(argv, marked(environment)))
            assert said == "/var/task\nzero|o n e|\n"

    asyncio.run(test())


@pytest.mark.parametrize("framed", [False, True])
def test_no_descriptor_is_inherited(tmp_path: Path, environment: str, framed: bool) -> None:
    listing = "import os; print([n for n in os.listdir('/proc/self/fd')], os.environ.get('_LAMBDA_TELEMETRY_LOG_FD'))"

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(python(listing, environment, framed))
            said = (await read(process.output)).decode()
            assert said == ("['0', '1', '2', '3', '62'] 62\n" if framed else "['0', '1', '2', '3'] None\n")
            if process.frames is not None:
                os.close(process.frames)

    asyncio.run(test())


def test_output_and_frames_come_through_their_pipes(tmp_path: Path, environment: str) -> None:
    script = """
import os, struct
print("out", flush=True)
os.write(2, b"err\\n")
os.write(int(os.environ["_LAMBDA_TELEMETRY_LOG_FD"]), struct.pack(">IIQ", 0xA55A0003, 5, 7) + b"frame")
assert os.read(0, 1) == b""
"""

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(python(script, environment, framed=True))
            assert process.frames is not None
            assert not os.get_blocking(process.output)
            assert not os.get_blocking(process.frames)
            assert await read(process.output) == b"out\nerr\n"
            assert await read(process.frames) == struct.pack(">IIQ", 0xA55A0003, 5, 7) + b"frame"
            assert await process.wait() == Exit(0)

    asyncio.run(test())


def test_how_a_process_ended(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            for script, how in (
                ("exit 0", Exit(0)),
                ("exit 3", Exit(3)),
                ("exit 255", Exit(255)),
                ("kill -9 $$", Exit(None, signal.SIGKILL)),
                ("kill -SEGV $$", Exit(None, signal.SIGSEGV)),
                ("kill -TERM $$", Exit(None, signal.SIGTERM)),
                ("kill -ABRT $$", Exit(None, signal.SIGABRT)),
            ):
                process = await sandbox.spawn(shell(script, environment))
                assert list(await asyncio.gather(process.wait(), process.wait())) == [how, how]
                close(process)

    asyncio.run(test())


def test_what_cannot_be_executed_is_an_os_error(tmp_path: Path, environment: str) -> None:
    task = tmp_path / "task"
    task.mkdir()
    for file, content, mode in (
        ("plain", b"#!/bin/sh\n", 0o644),
        ("text", b"not a program", 0o755),
        ("orphan", b"#!/no/such/interpreter\n", 0o755),
    ):
        (task / file).write_bytes(content)
        (task / file).chmod(mode)

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            before = len(os.listdir("/proc/self/fd"))
            for name, code in (
                ("missing", errno.ENOENT),
                ("plain", errno.EACCES),
                ("text", errno.ENOEXEC),
                ("orphan", errno.ENOENT),
            ):
                with pytest.raises(OSError) as caught:
                    await sandbox.spawn(ProcessSpec([f"/var/task/{name}"], marked(environment), framed=True))
                assert caught.value.errno == code
            assert len(os.listdir("/proc/self/fd")) == before
            process = await sandbox.spawn(shell("exit 5", environment))
            assert await process.wait() == Exit(5)
            close(process)

    asyncio.run(test())


FAMILIES = {
    "child": f"({STAY}) & echo up; wait",
    "who left the session": f"setsid sh -c '{STAY}' & echo up; wait",
    "deaf to SIGTERM": f"trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; {STAY}' & echo up; {STAY}",
    "grandchildren": f"setsid sh -c 'setsid sh -c \"{STAY}\" & {STAY}' & echo up; wait",
    "many": "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & setsid sleep 1000 & done; echo up; wait",
    "who emptied their variables": "env -i setsid sleep 98765 & echo up; wait",
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_kill_ends_everything_that_was_started_inside(
    tmp_path: Path, environment: str, family: str, frozen: bool
) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(shell(FAMILIES[family], environment))
            await read(process.output, until=b"up\n")
            assert members(sandbox) >= 2
            if frozen:
                await sandbox.freeze()
            await sandbox.kill()
            assert members(sandbox) == 0
            assert living(environment) == []
            assert await process.wait() == Exit(None, signal.SIGKILL)
            assert await read(process.output) == b"", "nobody holds the other end"
            await sandbox.kill()

    asyncio.run(test())


def members(sandbox: NamespaceSandbox) -> int:
    """How many processes the sandbox's groups count."""
    return sum(len((path / "cgroup.procs").read_text().split()) for path in sandbox.group.paths()[:1])


def test_a_daemon_that_outlives_the_runtime_ends_with_the_sandbox(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            script = "setsid sleep 1000 >/dev/null 2>&1 & env -i sleep 1000 >/dev/null 2>&1 & exit 0"
            process = await sandbox.spawn(shell(script, environment))
            assert await process.wait() == Exit(0)
            await sandbox.kill()
            assert members(sandbox) == 0
            close(process)

    asyncio.run(test())


def test_processes_of_another_environment_are_left_alone(tmp_path: Path, environment: str) -> None:
    other = os.urandom(16).hex()

    async def test() -> None:
        async with provider_in(tmp_path) as sandboxes:
            mine = await sandboxes.create(spec(tmp_path, environment))
            theirs = await sandboxes.create(spec(tmp_path, other))
            processes = [await sandbox.spawn(shell(f"echo up; {STAY}", name))
                         for sandbox, name in ((mine, environment), (theirs, other))]  # fmt: skip
            for process in processes:
                await read(process.output, until=b"up\n")
            await mine.remove()
            assert living(other) != []
            await theirs.remove()
            for process in processes:
                close(process)

    asyncio.run(test())


def test_tmp_is_private_and_stays_until_remove(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            assert sandbox.temporary == ""
            for expected in ("x\n", "x\nx\n"):
                said = await said_by(sandbox, shell("stat -c '%a' /tmp; echo x >> /tmp/kept; cat /tmp/kept"))
                assert said == f"1777\n{expected}"
                await sandbox.kill()

    asyncio.run(test())


def test_peak_memory_is_what_was_used_at_most(tmp_path: Path, environment: str) -> None:
    script = "block = bytearray(b'x' * 50_000_000); del block; print('up')"

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            if "memory" not in sandbox.group.folders:
                pytest.skip("no memory group here")
            assert sandbox.peak_memory_bytes() == 0
            await said_by(sandbox, python(script, environment))
            assert 50_000_000 <= sandbox.peak_memory_bytes() <= 150_000_000

    asyncio.run(test())


def test_limits_are_those_of_aws(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            said = await said_by(sandbox, shell("ulimit -n; ulimit -Hn; ulimit -s; ulimit -l", environment))
            assert said.split() == ["1024", "1024", "8192", "64"]

    asyncio.run(test())


def test_it_works_on_uvloop(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(shell(f"echo up; {STAY}", environment))
            await read(process.output, until=b"up\n")
            await sandbox.kill()
            assert await process.wait() == Exit(None, 9)
            close(process)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())


# Beyond the port.


def test_several_processes_run_side_by_side(tmp_path: Path, environment: str) -> None:
    """A runtime and its external extensions see each other."""

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            first = await sandbox.spawn(shell(f"echo up; {STAY}", environment))
            await read(first.output, until=b"up\n")
            assert "sleep 1000" in await said_by(sandbox, shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", environment))
            assert await said_by(sandbox, shell("exit 0", environment)) == ""
            assert living(environment) != [], "the end of one is not the end of all"
            close(first)

    asyncio.run(test())


def test_read_only_mounts_are_shown_where_asked(tmp_path: Path, environment: str) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "x").write_text("layer")

    async def test() -> None:
        async with provider_in(tmp_path) as sandboxes:
            mount = ReadOnlyMount(tmp_path / "layers", "/opt")
            sandbox = await sandboxes.create(spec(tmp_path, environment, 1769, mount))
            assert await said_by(sandbox, shell("cat /opt/x; echo y 2>/dev/null > /opt/y || echo refused")) == (
                "layerrefused\n"
            )

    asyncio.run(test())


def test_frozen_processes_stand_still(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            if "freezer" not in sandbox.group.folders:
                pytest.skip("no freezer here")
            process = await sandbox.spawn(shell("echo up; while read -r _ < /proc/uptime; do :; done", environment))
            await read(process.output, until=b"up\n")
            await sandbox.freeze()
            ticks = [Path(f"/proc/{process.pid}/stat").read_text().split()[13:15] for _ in range(2000)]
            assert ticks[0] == ticks[-1]
            await sandbox.thaw()
            while Path(f"/proc/{process.pid}/stat").read_text().split()[13:15] == ticks[0]:
                await asyncio.sleep(0)
            close(process)

    asyncio.run(test())


def test_the_freezer_of_version_2(tmp_path: Path, environment: str, mode: str) -> None:
    """Where version 2 has no other controllers it still has this one."""
    two = next((Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()
                if " - cgroup2 " in line), None)  # fmt: skip
    if two is None or not os.access(two, os.W_OK) or mode != "root":
        pytest.skip("no cgroup2 that could be written to")
    group = Group({"freezer": two / f"tatami-test-{environment}"}, frozenset({"freezer"}))
    group.make(128)
    with subprocess.Popen(["/bin/sh", "-c", STAY]) as busy:
        (two / f"tatami-test-{environment}" / "cgroup.procs").write_text(str(busy.pid))
        group.set_frozen(True)
        while not group.is_frozen():
            pass
        group.clear()
        assert busy.wait() == -signal.SIGKILL, "what is frozen can be ended"
    assert not group.paths()[0].exists()


def test_too_much_memory_ends_the_process_and_is_told_apart(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment, memory_mb=128) as sandbox:
            if "memory" not in sandbox.group.folders:
                pytest.skip("no memory group here")
            sandbox.boost(True)
            process = await sandbox.spawn(python("x = bytearray(300 << 20)", environment))
            assert await process.wait() == Exit(None, signal.SIGKILL)
            assert sandbox.oom_kills == 1
            close(process)

    asyncio.run(test())


def test_the_runtime_api_is_served_inside(tmp_path: Path, environment: str) -> None:
    asking = "import socket; print(socket.create_connection(('169.254.100.1', 9001), 5).recv(9).decode())"

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            listener, address = sandbox.take_listener()
            assert address == "169.254.100.1:9001"
            server = await asyncio.start_server(_say(b"next"), sock=listener)
            assert await said_by(sandbox, python(asking, environment)) == "next\n"
            server.close()

    asyncio.run(test())


def test_the_endpoint_is_at_the_same_address_inside(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        outside = await asyncio.start_server(_say(b"x" * 3_000_000), "127.0.0.1", 0)
        port = outside.sockets[0].getsockname()[1]
        asking = f"""
import socket
door, size = socket.create_connection(("127.0.0.1", {port}), 5), 0
while piece := door.recv(65536):
    size += len(piece)
print(size)
"""
        async with provider_in(tmp_path, port) as sandboxes:
            sandbox = await sandboxes.create(spec(tmp_path, environment))
            assert await said_by(sandbox, python(asking, environment)) == "3000000\n"
        outside.close()

    asyncio.run(test())


def _say(text: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return say


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "sandbox.localdomain"])
def test_the_platform_can_connect_to_a_listener_inside(tmp_path: Path, environment: str, address: str) -> None:
    listening = f"""
import socket
server = socket.create_server(("{address}", 8080))
print("up", flush=True)
server.accept()[0].sendall(b"telemetry")
"""

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(python(listening, environment))
            await read(process.output, until=b"up\n")
            reader, writer = await sandbox.connect(8080)
            assert await reader.read() == b"telemetry"
            writer.close()
            with pytest.raises(ConnectionRefusedError):
                await sandbox.connect(8081)
            close(process)

    asyncio.run(test())


def test_a_signal_reaches_the_process_alone(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(shell("trap 'echo got; exit 7' TERM; echo up; sleep 100 & wait", environment))
            await read(process.output, until=b"up\n")
            process.send(signal.SIGTERM)
            assert await process.wait() == Exit(7)
            process.send(signal.SIGTERM)
            close(process)

    asyncio.run(test())


def test_without_egress_there_is_no_way_out(tmp_path: Path, environment: str) -> None:
    asking = """
import socket
try:
    socket.create_connection(("198.51.100.1", 80), 5)
except OSError as refused:
    print(refused.errno)
"""

    async def test() -> None:
        async with provider_in(tmp_path) as sandboxes:
            plain = spec(tmp_path, environment)
            closed = SandboxSpec(environment, plain.task_root, 1769, mounts=plain.mounts, egress=False)
            sandbox = await sandboxes.create(closed)
            assert await said_by(sandbox, python(asking, environment)) == f"{errno.ENETUNREACH}\n"

    asyncio.run(test())


def test_connections_leave_for_where_they_were_going(
    tmp_path: Path, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine's own address stands for the internet's; that it is refused otherwise, the escape tests show."""
    monkeypatch.setattr(doors, "_is_own", lambda _: False)

    async def test() -> None:
        outside = await asyncio.start_server(_say(b"the world"), "0.0.0.0", 0)
        port = outside.sockets[0].getsockname()[1]
        address = own_address()
        if not address:
            pytest.skip("this machine has no address but loopback")
        asking = f"import socket; print(socket.create_connection(('{address}', {port}), 5).recv(9).decode())"
        async with provider_in(tmp_path) as sandboxes:
            if sandboxes.isolation["egress"] != "host":
                pytest.skip("the kernel redirects nothing")
            sandbox = await sandboxes.create(spec(tmp_path, environment))
            assert await said_by(sandbox, python(asking, environment)) == "the world\n"
        outside.close()

    asyncio.run(test())


def own_address() -> str:
    """An address of this machine other than loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(("198.51.100.1", 9))
        except OSError:
            return ""
        return str(trial.getsockname()[0])


def test_names_are_resolved_by_the_machines_servers(
    tmp_path: Path, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = "import socket; print(socket.gethostbyname('example.test'))"

    class Server(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            question = data[12:]
            header = data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("198.51.100.7")
            self.transport.sendto(header + question + record, address)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
        monkeypatch.setattr(doors, "DNS_PORT", transport.get_extra_info("sockname")[1])
        monkeypatch.setattr(namespace_sandbox, "resolvers", lambda: ["127.0.0.1"])
        async with provider_in(tmp_path) as sandboxes:
            if sandboxes.isolation["egress"] != "host":
                pytest.skip("the kernel redirects nothing")
            sandbox = await sandboxes.create(spec(tmp_path, environment))
            assert await said_by(sandbox, python(asking, environment)) == "198.51.100.7\n"
        transport.close()

    asyncio.run(test())


def test_the_package_may_disappear_on_the_host(tmp_path: Path, environment: str) -> None:
    """A version can be deleted while an environment of it still works."""

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            (tmp_path / "task").rename(tmp_path / "gone")
            (tmp_path / "gone" / "file").write_text("x")
            assert await said_by(sandbox, shell("cat /var/task/file", environment)) == "x"

    asyncio.run(test())


def test_a_refused_creation_leaves_nothing(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with provider_in(tmp_path) as sandboxes:
            missing = ReadOnlyMount(tmp_path / "missing", "/opt")
            with pytest.raises(FileNotFoundError):
                await sandboxes.create(spec(tmp_path, environment, 128, missing))
            sandbox = await sandboxes.create(spec(tmp_path, environment))
            assert await said_by(sandbox, shell("echo fine")) == "fine\n"

    asyncio.run(test())


PLATFORM = """
import asyncio, os, sys
from pathlib import Path
from tatami.adapters.sandboxes.namespaces import NamespaceSandboxes
from tests.contract.sandbox.children import read, shell
from tests.contract.sandbox.test_namespaces import STAY, spec

async def main():
    folder, environment, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rootless = bool(os.environ["TATAMI_TEST_ROOTLESS"])
    sandboxes = await NamespaceSandboxes.open(folder / "run", rootless=rootless)
    for number in range(count):
        sandbox = await sandboxes.create(spec(folder, f"{environment}-{number}"))
        process = await sandbox.spawn(shell(f"env -i setsid sleep 1000 & echo up; {STAY}", environment))
        await read(process.output, until=b"up")
        if number % 2:
            await sandbox.freeze()
    print(sandboxes._link.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("maker_too", [False, True], ids=["the platform", "the maker too"])
def test_nothing_is_left_when_the_platform_is_killed(tmp_path: Path, environment: str, maker_too: bool) -> None:
    (tmp_path / "task").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", PLATFORM, str(tmp_path), environment, "4"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as platform:
        assert platform.stdout is not None
        if not (said := platform.stdout.readline()):
            pytest.skip("no namespaces here")
        maker = int(said)
        assert len(living(environment)) >= 4
        pidfd = os.pidfd_open(maker)
        platform.send_signal(signal.SIGKILL)
        if maker_too:
            os.kill(maker, signal.SIGKILL)
    folders = list((tmp_path / "run").iterdir())
    assert len(folders) == 1

    async def swept() -> None:
        async with provider_in(tmp_path) as sandboxes:
            await sandboxes.sweep()

    asyncio.run(swept())
    assert select.select([pidfd], [], [], 0)[0], "the maker has ended"
    os.close(pidfd)
    assert living(environment) == []
    instance = folders[0].name.removeprefix(".namespaces-")
    assert [str(path) for path in Path("/sys/fs/cgroup").rglob(f"tatami-{instance}")] == []
    assert [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(tmp_path) in line] == []


def test_a_platform_without_sandboxes_leaves_nothing_either(tmp_path: Path, environment: str) -> None:
    (tmp_path / "task").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", PLATFORM, str(tmp_path), environment, "0"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as platform:
        assert platform.stdout is not None
        if not (said := platform.stdout.readline()):
            pytest.skip("no namespaces here")
        pidfd = os.pidfd_open(int(said))
        platform.send_signal(signal.SIGKILL)
    select.select([pidfd], [], [], 30)
    os.close(pidfd)
    instance = next((tmp_path / "run").iterdir()).name.removeprefix(".namespaces-")
    assert [str(path) for path in Path("/sys/fs/cgroup").rglob(f"tatami-{instance}")] == []


def test_a_dead_maker_is_replaced(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with provider_in(tmp_path) as sandboxes:
            sandbox = await sandboxes.create(spec(tmp_path, environment))
            process = await sandbox.spawn(shell(f"echo up; {STAY}", environment))
            await read(process.output, until=b"up\n")
            link = sandboxes._link
            assert link is not None
            os.kill(link.pid, signal.SIGKILL)
            assert await process.wait() == Exit(None, signal.SIGKILL)
            with pytest.raises(OSError):
                await sandbox.spawn(shell("exit 0"))
            await sandbox.remove()
            close(process)
            other = await sandboxes.create(spec(tmp_path, environment))
            assert await said_by(other, shell("echo fine")) == "fine\n"

    asyncio.run(test())


def test_cpu_comes_with_memory(tmp_path: Path, environment: str) -> None:
    """1,769 MB are one core, 442 MB a quarter: in the same time, four times the work."""
    busy = "import time; t = time.monotonic()\nwhile time.monotonic() - t < 1.5: pass\nprint(time.process_time())"

    async def test() -> None:
        async with provider_in(tmp_path) as sandboxes:
            if not sandboxes.isolation["cpu_share"]:
                pytest.skip("no cpu group here")
            small = await sandboxes.create(spec(tmp_path, environment, 442))
            used = float(await said_by(small, python(busy, environment)))
            assert used / 1.5 < 0.25 * 1.15

    asyncio.run(test())


def test_shares_follow_aws() -> None:
    assert cgroups.share_of(1769) == 1.0
    assert round(cgroups.share_of(884), 2) == 0.5


def test_a_listener_left_alone_is_closed_with_the_sandbox(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        before = len(os.listdir("/proc/self/fd"))
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(shell("exit 0"))
            await process.wait()
            close(process)
        assert len(os.listdir("/proc/self/fd")) <= before + 1
        with contextlib.suppress(OSError), socket.socket() as other:
            other.bind(("169.254.100.1", 9001))
            pytest.fail("the address is the sandbox's, not this machine's")

    asyncio.run(test())
