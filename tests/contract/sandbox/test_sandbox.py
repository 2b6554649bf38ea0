"""What every sandbox promises (ports.sandbox), tried with real processes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import stat
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop
from tests.contract.sandbox.children import close, living, marked, python, read, shell, spec

from tatami.adapters.sandboxes.process import OPEN_FILES, ProcessSandboxes
from tatami.ports.sandbox import Exit, ProcessSpec, Sandbox

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the process sandbox needs Linux")


@pytest.fixture
def environment(tmp_path: Path) -> str:
    """An environment id of its own for each test: tests run beside each other."""
    return os.urandom(16).hex()


@contextlib.asynccontextmanager
async def sandbox_of(folder: Path, environment: str) -> AsyncIterator[Sandbox]:
    """A sandbox that is removed at the end, and that nothing is left of then."""
    sandbox = await ProcessSandboxes(folder / "run").create(spec(folder, environment))
    try:
        yield sandbox
    finally:
        await sandbox.remove()
        assert living(environment) == []
        assert list((folder / "run").iterdir()) == []


def test_the_environment_is_exactly_the_one_given(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            variables = marked(environment, EMPTY="", ODD="a=b\nc", UNICODE="zażółć")
            process = await sandbox.spawn(ProcessSpec(["/bin/cat", "/proc/self/environ"], variables))
            said = await read(process.output)
            pairs = dict(entry.split("=", 1) for entry in said.decode().split("\0") if entry)
            assert pairs == variables
            assert await process.wait() == Exit(0)

    os.environ["TATAMI_SECRET_OF_THE_PLATFORM"] = "x"
    try:
        asyncio.run(test())
    finally:
        del os.environ["TATAMI_SECRET_OF_THE_PLATFORM"]


def test_arguments_and_working_folder(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            argv = ["/bin/sh", "-c", 'pwd; echo "$0|$1|$2"', "zero", "o n e", ""]
            process = await sandbox.spawn(ProcessSpec(argv, marked(environment)))
            assert (await read(process.output)).decode() == f"{tmp_path}/task\nzero|o n e|\n"

    asyncio.run(test())


@pytest.mark.parametrize("framed", [False, True])
def test_no_descriptor_is_inherited(tmp_path: Path, environment: str, framed: bool) -> None:
    listing = """
import os
open_now = [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")]
print(*open_now, os.environ.get("_LAMBDA_TELEMETRY_LOG_FD"))
"""

    async def test() -> None:
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        try:
            async with sandbox_of(tmp_path, environment) as sandbox:
                process = await sandbox.spawn(python(listing, environment, framed))
                *numbers, frames = (await read(process.output)).decode().split()
                expected = {"0", "1", "2", frames} if framed else {"0", "1", "2"}
                assert set(numbers) == expected
                assert (frames == "None") is (not framed)
                if process.frames is not None:
                    os.close(process.frames)
        finally:
            os.close(reading)
            os.close(writing)

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


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exit 0", Exit(0)),
        ("exit 3", Exit(3)),
        ("exit 255", Exit(255)),
        ("kill -9 $$", Exit(None, signal.SIGKILL)),
        ("kill -SEGV $$", Exit(None, signal.SIGSEGV)),
        ("kill -TERM $$", Exit(None, signal.SIGTERM)),
    ],
)
def test_how_a_process_ended(tmp_path: Path, environment: str, script: str, how: Exit) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(shell(script, environment))
            assert list(await asyncio.gather(process.wait(), process.wait())) == [how, how]
            assert await process.wait() == how
            close(process)

    asyncio.run(test())


@pytest.mark.parametrize(
    ("name", "code"),
    [("missing", errno.ENOENT), ("plain", errno.EACCES), ("text", errno.ENOEXEC), ("orphan", errno.ENOENT)],
)
def test_what_cannot_be_executed_is_an_os_error(tmp_path: Path, environment: str, name: str, code: int) -> None:
    for file, content, mode in (
        ("plain", b"#!/bin/sh\n", 0o644),
        ("text", b"not a program", 0o755),
        ("orphan", b"#!/no/such/interpreter\n", 0o755),
    ):
        (tmp_path / file).write_bytes(content)
        (tmp_path / file).chmod(mode)

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            before = len(os.listdir("/proc/self/fd"))
            with pytest.raises(OSError) as caught:
                await sandbox.spawn(ProcessSpec([str(tmp_path / name)], marked(environment), framed=True))
            assert caught.value.errno == code
            assert len(os.listdir("/proc/self/fd")) == before
            process = await sandbox.spawn(shell("exit 5", environment))
            assert await process.wait() == Exit(5)
            close(process)

    asyncio.run(test())


STAY = "while :; do sleep 1000; done"
FAMILIES = {
    "child": f"(echo up; {STAY}) & wait",
    "who left the session": f"setsid sh -c 'echo up; {STAY}' & wait",
    "deaf to SIGTERM": f"trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; echo up; {STAY}' & {STAY}",
    "grandchildren": f"setsid sh -c 'setsid sh -c \"echo up; {STAY}\" & {STAY}' & wait",
    "many": "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & setsid sleep 1000 & done; echo up; wait",
    "who emptied their variables": "setsid /usr/bin/env -i /bin/sh -c 'echo up; exec /bin/sleep 98765' & wait",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_kill_ends_everything_that_was_started_inside(tmp_path: Path, environment: str, family: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(shell(FAMILIES[family], environment))
            await read(process.output, until=b"up\n")
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            assert children
            await sandbox.kill()
            assert living(environment) == []
            assert not any(running(int(child)) for child in children)
            assert await process.wait() == Exit(None, signal.SIGKILL)
            assert await read(process.output) == b"", "nobody holds the other end"
            await sandbox.kill()

    asyncio.run(test())


def test_kill_ends_a_family_that_is_still_growing(tmp_path: Path, environment: str) -> None:
    script = """
import os, time
def grow(depth):
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            if depth:
                grow(depth - 1)
            break
os.write(1, b"up\\n")
grow(3)
time.sleep(1000)
"""

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(python(script, environment))
            await read(process.output, until=b"up\n")
            await sandbox.kill()
            assert living(environment) == []
            assert await read(process.output) == b""

    asyncio.run(test())


def running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


DAEMON = """
import os, time
told, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(tell, b"x")
    time.sleep(1000)
os.read(told, 1)
"""


def test_a_daemon_that_outlives_the_runtime_ends_with_the_sandbox(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(python(DAEMON, environment))
            assert await process.wait() == Exit(0)
            assert len(living(environment)) == 1
            await sandbox.kill()
            assert living(environment) == []
            close(process)

    asyncio.run(test())


def test_processes_of_another_environment_are_left_alone(tmp_path: Path, environment: str) -> None:
    other = os.urandom(16).hex()

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as mine:
            sandboxes = ProcessSandboxes(tmp_path / "others")
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


def test_the_temporary_folder_is_private_and_stays_until_remove(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            folder = Path(sandbox.temporary)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            for _ in range(2):
                process = await sandbox.spawn(shell("echo x >> $TMPDIR/kept; exit 0", environment, TMPDIR=str(folder)))
                assert await process.wait() == Exit(0)
                close(process)
                await sandbox.kill()
            assert (folder / "kept").read_text() == "x\nx\n"
            await sandbox.remove()
            assert not folder.exists()
            await sandbox.remove()

    asyncio.run(test())


def test_peak_memory_is_what_was_used_at_most(tmp_path: Path, environment: str) -> None:
    script = """
import sys
block = bytearray(b"x" * 50_000_000)
del block
print("up", flush=True)
sys.stdin.read()
import time; time.sleep(1000)
"""

    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            assert sandbox.peak_memory_bytes() == 0
            process = await sandbox.spawn(python(script, environment))
            await read(process.output, until=b"up\n")
            assert 50_000_000 <= sandbox.peak_memory_bytes() <= 150_000_000
            close(process)

    asyncio.run(test())


def test_open_files_are_limited_as_on_aws(tmp_path: Path, environment: str) -> None:
    async def test() -> None:
        async with sandbox_of(tmp_path, environment) as sandbox:
            process = await sandbox.spawn(
                shell(
                    f"until [ $(ulimit -Hn) = {OPEN_FILES} ]; do :; done; ulimit -n; ulimit -Hn; ulimit -c", environment
                )
            )
            assert (await read(process.output)).split() == [b"%d" % OPEN_FILES] * 2 + [b"0"]

    asyncio.run(test())


def test_isolation_says_what_is_in_force(tmp_path: Path) -> None:
    isolation = ProcessSandboxes(tmp_path).isolation
    assert isolation["kind"] == "process"
    assert isolation["memory_limit"] is False
    assert isolation["network"] is False


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
