"""
The maker's loop: orders come over a socket, answers and news go back over it.

Theory of operation. The maker is the first process of a process namespace of its own: when it dies, the kernel
ends every sandbox. When the platform dies, the socket ends, and the maker ends the sandboxes itself and removes
their control groups. (A frozen process does not take its SIGKILL before it is thawed, which is why the kernel alone
would not do.)

A sandbox is held by its first process: it builds the root, opens the doors, reports by itself over the shared
socket, and then does nothing but be process 1, whose end ends everything in the sandbox. Between a `kill` and the
next process only the open namespace files hold the sandbox; the next first process enters those. Programs are
children of the maker, put into the sandbox's process namespace: so their end is reported to the maker, and process 1
can be killed without losing the status of the others.

The maker never waits: whatever takes time happens in children. When it is idle it keeps a few first processes ready
that are like the last one, with everything done that does not depend on the function.
"""

from __future__ import annotations

import array
import contextlib
import errno
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tatami.adapters.sandboxes.maker import confine, first, kernel, probe, seccomp
from tatami.adapters.sandboxes.maker.cgroups import Group
from tatami.adapters.sandboxes.maker.confine import Confinement
from tatami.adapters.sandboxes.maker.orders import CreateOrder, Shape, SpawnOrder, create_order, spawn_order

MESSAGE_BYTES = 1 << 18
_KEPT = ("mnt", "net", "ipc", "uts")
_SPARES = 2
_IDLE_MS = 20
"""A spare is made when nothing has been asked for so long: not while sandboxes are made one after the other."""


class _Sandbox:
    """One sandbox: its first process while there is one, its namespaces while there is none."""

    def __init__(self, order: CreateOrder) -> None:
        self.order = order
        self.group = first.group_of(order)
        self.first = 0
        self.pidfd = -1
        self.kept: list[int] = []
        self.asked = 0
        """The request that the first process answers, if it lives so long."""
        self.waiting: list[int] = []
        """Requests to answer when the first process has ended."""
        self.removing = False

    def forget(self) -> None:
        for descriptor in self.kept:
            os.close(descriptor)
        self.kept = []


@dataclass(frozen=True)
class _Spare:
    """A first process that waits for its order."""

    pid: int
    pidfd: int
    orders: socket.socket
    shape: Shape


class Maker:
    """Serves one platform."""

    def __init__(self, platform: socket.socket, base: str, rootless: bool) -> None:
        self._platform = platform
        self._base = base
        self._rootless = rootless
        self._sandboxes: dict[str, _Sandbox] = {}
        self._first: dict[int, _Sandbox] = {}
        self._leaving: dict[int, Group] = {}
        """Groups that could not be removed at once, by the request to answer."""
        self._parents: set[Path] = set()
        self._spares: list[_Spare] = []
        self._shape: Shape | None = None
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._own_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._seccomp = seccomp.program(os.uname().machine)

    def run(self) -> None:
        """Serve until the platform is gone; then leave nothing."""
        wake, wake_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._platform, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            patience = 2 if self._leaving else _IDLE_MS if self._wants_spare() else None
            ready = [descriptor for descriptor, _ in poll.poll(patience)]
            if not ready and not self._leaving and self._wants_spare():
                self._make_spare()
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
                self._reap()
            if self._platform.fileno() in ready and not self._receive():
                break
            self._retry_groups()
        self._end()

    def _receive(self) -> bool:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._platform, MESSAGE_BYTES, 8)
        except ConnectionError:
            return False
        if not message:
            return False
        request = json.loads(message)
        number, what = request["id"], request["do"]
        try:
            getattr(self, f"_{what}")(number, request, descriptors)
        except OSError as refused:
            self.say({"id": number, "errno": refused.errno or 5, "text": str(refused)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def say(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one message, with open files."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self._platform.sendmsg([json.dumps(message).encode()], rights)

    # Orders.

    def _introduce(self, number: int, _: dict[str, Any], __: Sequence[int]) -> None:
        pidfd = os.pidfd_open(os.getpid())
        self.say({"id": number}, [pidfd])
        os.close(pidfd)

    def _create(self, number: int, request: dict[str, Any], _: Sequence[int]) -> None:
        order = create_order(request["order"])
        sandbox = _Sandbox(order)
        self._parents.update(path.parent for path in sandbox.group.paths())
        self._shape = order.shape
        spare = self._take_spare(order.shape, request)
        if spare is None:
            self._start_first(sandbox, number)
        else:
            self._adopt(sandbox, number, spare.pid, spare.pidfd)
        self._sandboxes[order.name] = sandbox

    def _revive(self, number: int, request: dict[str, Any], _: Sequence[int]) -> None:
        sandbox = self._named(request)
        if sandbox.first:
            self.say({"id": number})
        else:
            self._start_first(sandbox, number)

    def _spawn(self, number: int, request: dict[str, Any], pipes: Sequence[int]) -> None:
        sandbox = self._named(request)
        if not sandbox.first:
            raise OSError(errno.ESRCH, "the sandbox has ended")
        order: SpawnOrder = spawn_order(request["order"])
        confinement = Confinement(sandbox.pidfd, sandbox.order.user, sandbox.group, self._rootless, self._seccomp)
        kernel.setns(sandbox.pidfd, kernel.CLONE_NEWPID)
        pid = self._fork()
        if pid == 0:
            if order.argv:
                confine.execute(order, pipes, confinement)
            probe.run(pipes, confinement)
        pidfd = os.pidfd_open(pid)
        self.say({"id": number, "process": pid}, [pidfd])
        os.close(pidfd)

    def _socket(self, number: int, request: dict[str, Any], _: Sequence[int]) -> None:
        """A socket belongs to the network it is made in, whoever uses it then."""
        sandbox = self._named(request)
        network_of = sandbox.pidfd if sandbox.first else sandbox.kept[_KEPT.index("net")]
        kernel.setns(network_of, kernel.CLONE_NEWNET)
        try:
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            kernel.setns(self._own_network, kernel.CLONE_NEWNET)
        with made:
            self.say({"id": number}, [made.fileno()])

    def _kill(self, number: int, request: dict[str, Any], _: Sequence[int]) -> None:
        sandbox = self._named(request)
        self._stop(sandbox, number)

    def _remove(self, number: int, request: dict[str, Any], _: Sequence[int]) -> None:
        sandbox = self._named(request)
        sandbox.removing = True
        self._stop(sandbox, number)

    def _named(self, request: dict[str, Any]) -> _Sandbox:
        sandbox = self._sandboxes.get(request["sandbox"])
        if sandbox is None:
            raise OSError(errno.ENOENT, "there is no such sandbox")
        return sandbox

    def _fork(self) -> int:
        """Fork into the process namespace chosen for children, and choose the maker's own again."""
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                kernel.setns(self._own, kernel.CLONE_NEWPID)
        return pid

    # First processes.

    def _start_first(self, sandbox: _Sandbox, number: int) -> None:
        kernel.unshare(kernel.CLONE_NEWPID)
        pid = self._fork()
        if pid == 0:
            self._be_first(sandbox, number)
        self._adopt(sandbox, number, pid, os.pidfd_open(pid))
        sandbox.forget()

    def _adopt(self, sandbox: _Sandbox, number: int, pid: int, pidfd: int) -> None:
        sandbox.first, sandbox.pidfd, sandbox.asked = pid, pidfd, number
        self._first[pid] = sandbox

    def _be_first(self, sandbox: _Sandbox, number: int) -> NoReturn:
        """In the child: make or enter the namespaces, report, hold them."""

        def build() -> list[socket.socket]:
            if sandbox.kept:
                return first.enter_kept(sandbox.kept)
            doors = first.prepare(sandbox.order.shape, self._base)
            first.finish(sandbox.order)
            return doors

        self._report(number, build)

    def _report(self, number: int, build: Callable[[], list[socket.socket]]) -> NoReturn:
        try:
            doors = build()
            self.say({"id": number}, [door.fileno() for door in doors])
        except OSError as refused:
            self.say({"id": number, "errno": refused.errno or errno.EIO, "text": str(refused)})
            os._exit(1)
        except BaseException as error:
            self.say({"id": number, "errno": errno.EIO, "text": repr(error)})
            os._exit(1)
        first.hold(self._rootless)

    # Spares.

    def _wants_spare(self) -> bool:
        return self._shape is not None and sum(spare.shape == self._shape for spare in self._spares) < _SPARES

    def _make_spare(self) -> None:
        """Have a first process ready that is like the last one asked for, up to what nobody can know before."""
        assert self._shape is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kernel.unshare(kernel.CLONE_NEWPID)
        pid = self._fork()
        if pid == 0:
            # Not the namespaces of others: a removed sandbox would live as long as the spare.
            first.keep_only(theirs.fileno(), self._platform.fileno())
            self._be_spare(theirs, self._shape)
        theirs.close()
        self._spares.append(_Spare(pid, os.pidfd_open(pid), ours, self._shape))

    def _be_spare(self, orders: socket.socket, shape: Shape) -> NoReturn:
        try:
            doors = first.prepare(shape, self._base)
            message = orders.recv(MESSAGE_BYTES)
        except OSError:
            os._exit(1)
        if not message:
            os._exit(0)
        request = json.loads(message)

        def build() -> list[socket.socket]:
            first.finish(create_order(request["order"]))
            return doors

        self._report(request["id"], build)

    def _take_spare(self, shape: Shape, message: dict[str, Any]) -> _Spare | None:
        for spare in list(self._spares):
            if spare.shape == shape:
                self._spares.remove(spare)
                try:
                    spare.orders.sendall(json.dumps(message).encode())
                except OSError:
                    self._drop(spare)
                    continue
                spare.orders.close()
                return spare
        return None

    def _drop(self, spare: _Spare) -> None:
        spare.orders.close()
        os.close(spare.pidfd)

    def _stop(self, sandbox: _Sandbox, number: int) -> None:
        """Kill the first process, and everything with it; answered when it has ended."""
        sandbox.waiting.append(number)
        if not sandbox.first:
            self._stopped(sandbox)
            return
        if not sandbox.removing and not sandbox.kept:
            folder = f"/proc/{sandbox.first}/ns"
            sandbox.kept = [os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in _KEPT]
        signal.pidfd_send_signal(sandbox.pidfd, signal.SIGKILL)
        with contextlib.suppress(OSError):
            sandbox.group.set_frozen(False)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            sandbox = self._first.pop(pid, None)
            spare = next((spare for spare in self._spares if spare.pid == pid), None)
            if spare is not None:
                self._spares.remove(spare)
                self._drop(spare)
                self._shape = None  # it failed: no more of these until one is asked for
                continue
            if sandbox is None:
                self.say({"event": "exit", "process": pid, "status": status})
                continue
            os.close(sandbox.pidfd)
            sandbox.first, sandbox.pidfd = 0, -1
            # The platform ignores this where the first process has answered itself.
            self.say({"id": sandbox.asked, "errno": errno.EIO, "text": "the sandbox's first process has ended"})
            if not sandbox.waiting:
                self.say({"event": "lost", "sandbox": sandbox.order.name})
            self._stopped(sandbox)

    def _stopped(self, sandbox: _Sandbox) -> None:
        waiting, sandbox.waiting = sandbox.waiting, []
        if not sandbox.removing:
            for number in waiting:
                self.say({"id": number})
            return
        sandbox.forget()
        self._sandboxes.pop(sandbox.order.name, None)
        gone = sandbox.group.remove()
        for number in waiting:
            if gone:
                self.say({"id": number})
            else:
                self._leaving[number] = sandbox.group

    def _retry_groups(self) -> None:
        for number, group in list(self._leaving.items()):
            if group.remove():
                del self._leaving[number]
                self.say({"id": number})

    def _end(self) -> None:
        """The platform is gone: end every sandbox, thaw what is frozen so that it can end, remove the groups."""
        groups = [sandbox.group for sandbox in self._sandboxes.values()] + list(self._leaving.values())
        for pid in (*self._first, *(spare.pid for spare in self._spares)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for group in groups:
            with contextlib.suppress(OSError):
                group.set_frozen(False)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        deadline = time.monotonic() + 5
        while groups and time.monotonic() < deadline:
            groups = [group for group in groups if not group.remove()]
        for parent in self._parents:
            with contextlib.suppress(OSError):
                parent.rmdir()


def main(arguments: Sequence[str]) -> None:
    """The program. Arguments: number of the socket's descriptor, folder to build roots on, `root` or `rootless`."""
    descriptor, base, mode = int(arguments[0]), arguments[1], arguments[2]
    rootless = mode == "rootless"
    user, group = os.geteuid(), os.getegid()
    if rootless:
        kernel.unshare(kernel.CLONE_NEWUSER)
        confine.map_user(0, 0, user, group)
        # The change of rights has made this program's memory and /proc entries root's; without root, they must be ours
        # for setns. A function cannot use that: it is in a user namespace below.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    kernel.unshare(kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWNET)
    if os.fork():
        os._exit(0)
    os.setsid()
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 2)
    platform = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    gc.disable()
    Maker(platform, base, rootless).run()


if __name__ == "__main__":
    main(sys.argv[1:])
