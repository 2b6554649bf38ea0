"""The platform's end of the conversation with the sandbox maker (see maker.serve)."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tatami
from tatami.adapters.sandboxes.maker.serve import MESSAGE_BYTES
from tatami.ports.sandbox import Exit

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from tatami.adapters.sandboxes.maker.serve import main; "
_PROGRAM += "main(sys.argv[2:])"


class MakerLost(OSError):
    """The maker has ended; everything that it had made has ended with it."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the sandbox maker has ended")


@dataclass
class Answer:
    """What came back: open files, and for a new process the future of its end."""

    descriptors: list[int] = field(default_factory=list)
    ended: asyncio.Future[Exit] | None = None


class MakerLink:
    """One maker. Start it with `start`; it must be used from one event loop."""

    def __init__(self, channel: socket.socket, lost: Callable[[str], None]) -> None:
        self._channel = channel
        self._sandbox_lost = lost
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._exits: dict[int, asyncio.Future[Exit]] = {}
        self._loop = asyncio.get_running_loop()
        self._writers: list[asyncio.Future[None]] = []
        self._pidfd = -1
        self.pid = 0
        self.is_lost = False
        self._loop.add_reader(channel.fileno(), self._receive)

    def __repr__(self) -> str:
        return f"<MakerLink waiting={len(self._waiting)} processes={len(self._exits)} lost={self.is_lost}>"

    @classmethod
    async def start(cls, base: Path, rootless: bool, lost: Callable[[str], None]) -> MakerLink:
        """Start a maker that builds roots on `base`. Raises OSError when the kernel lets it make no namespaces."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES)
        source = str(Path(tatami.__file__).parents[1])
        number = str(theirs.fileno())
        mode = "rootless" if rootless else "root"
        with theirs:
            # Blocking, for a millisecond: the loop's own way has no pass_fds on every loop.
            launcher = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, source, number, str(base), mode],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
            )
        said = await asyncio.to_thread(_launched, launcher)
        ours.setblocking(False)
        link = cls(ours, lost)
        if launcher.returncode != 0:
            link.close()
            raise OSError(errno.EPERM, f"no namespaces can be made: {said}")
        answer = await link.ask("introduce")
        link._pidfd = answer.descriptors[0]
        link.pid = pid_of(link._pidfd)
        return link

    async def ask(self, what: str, descriptors: Sequence[int] = (), **details: Any) -> Answer:
        """Send an order and wait for its answer. Raises OSError as the maker met it, MakerLost."""
        number = next(self._numbers)
        message = json.dumps({"id": number, "do": what, **details}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[number] = waiting
        try:
            while True:
                self._check()
                try:
                    self._channel.sendmsg([message], rights)
                    break
                except BlockingIOError:
                    await self._writable()
                except ConnectionError as broken:
                    raise MakerLost from broken
            return await waiting
        finally:
            self._waiting.pop(number, None)

    def _check(self) -> None:
        if self.is_lost:
            raise MakerLost

    async def _writable(self) -> None:
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._writers.append(waiting)
        self._loop.add_writer(self._channel.fileno(), self._may_write)
        await waiting

    def _may_write(self) -> None:
        self._loop.remove_writer(self._channel.fileno())
        writers, self._writers = self._writers, []
        for waiting in writers:
            wake(waiting)

    def close(self) -> None:
        """Hang up: the maker then ends every sandbox and itself."""
        if not self.is_lost:
            self._lose()

    async def ended(self) -> None:
        """Wait until the maker has ended, after `close`: nothing that it made is left then."""
        if self._pidfd < 0:
            return
        over: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._pidfd, wake, over)
        try:
            await over
        finally:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _receive(self) -> None:
        for _ in range(64):
            try:
                message, descriptors, _, _ = socket.recv_fds(self._channel, MESSAGE_BYTES, 16)
            except BlockingIOError:
                return
            except OSError:
                message, descriptors = b"", []
            if not message:
                self._lose()
                return
            self._take(json.loads(message), descriptors)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if event := message.get("event"):
            if event == "exit":
                if (ended := self._exits.pop(message["process"], None)) is not None and not ended.done():
                    ended.set_result(_exit(message["status"]))
            else:
                self._sandbox_lost(message["sandbox"])
            return
        answer = Answer(descriptors)
        if "process" in message:
            answer.ended = self._exits[message["process"]] = self._loop.create_future()
        waiting = self._waiting.get(message["id"])
        if waiting is None or waiting.done():
            for descriptor in descriptors:
                os.close(descriptor)
        elif "errno" in message:
            waiting.set_exception(OSError(message["errno"], message["text"]))
        else:
            waiting.set_result(answer)

    def _lose(self) -> None:
        self.is_lost = True
        self._loop.remove_reader(self._channel.fileno())
        self._may_write()
        self._channel.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(MakerLost())
        for ended in self._exits.values():
            if not ended.done():
                ended.set_result(Exit(None, signal.SIGKILL))
        self._exits.clear()


def _launched(launcher: subprocess.Popen[bytes]) -> str:
    """Wait for the launcher, which ends when the maker is up; what it complained about."""
    assert launcher.stderr is not None
    # The maker keeps the other end of the pipe open: read only what comes before the launcher ends.
    launcher.wait()
    os.set_blocking(launcher.stderr.fileno(), False)
    with launcher.stderr, contextlib.suppress(BlockingIOError):
        said = (launcher.stderr.read() or b"").decode(errors="replace").strip()
        return said.rsplit("\n", 1)[-1]
    return ""


def _exit(status: int) -> Exit:
    if os.WIFSIGNALED(status):
        return Exit(None, os.WTERMSIG(status))
    return Exit(os.waitstatus_to_exitcode(status))


def pid_of(pidfd: int) -> int:
    """The id, as this process sees it, of the process that a pidfd stands for."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    return 0


def wake(waiting: asyncio.Future[None]) -> None:
    """Finish a future, unless it is."""
    if not waiting.done():
        waiting.set_result(None)
