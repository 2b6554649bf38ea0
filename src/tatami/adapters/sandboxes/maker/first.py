"""
The first process of a sandbox: it makes the namespaces, fills them, and holds them.

In two steps, because most of it is the same for every function: `prepare` can be done before anybody asks, `finish`
needs the order. What the machine mounts between the two is not seen by that sandbox.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tatami.adapters.sandboxes.maker import kernel, network, root
from tatami.adapters.sandboxes.maker.cgroups import Group
from tatami.adapters.sandboxes.maker.orders import CreateOrder, Shape

_NEW = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
_NOBODY = 65534
_WAITING = ("/usr/bin/sleep", str(2**31 - 1))


def prepare(shape: Shape, base: str) -> list[socket.socket]:
    """Make the namespaces, the network and the common part of the root; the doors. Raises OSError."""
    scratch, tmp_mb, endpoint_port, egress = shape
    kernel.unshare(_NEW)
    root.prepare(base, scratch, tmp_mb)
    kernel.sethostname("localhost")
    network.bring_up(egress)
    return network.open_doors(endpoint_port, egress)


def finish(order: CreateOrder) -> None:
    """Make the control group and the sandbox's own part of the root, and go there. Raises OSError."""
    group_of(order).make(order.memory_mb)
    root.finish(order)


def group_of(order: CreateOrder) -> Group:
    """The control group that an order names."""
    return Group({controller: Path(folder) for controller, folder in order.group}, frozenset(order.unified))


def enter_kept(namespaces: Sequence[int]) -> list[socket.socket]:
    """Take the place of an earlier first process: the doors stay as they are."""
    for descriptor in namespaces:
        kernel.setns(descriptor, 0)
    root.renew_proc()
    return []


def keep_only(*descriptors: int) -> None:
    """Close every descriptor but these."""
    begin = 0
    for descriptor in sorted(descriptors):
        os.closerange(begin, descriptor)
        begin = descriptor + 1
    os.closerange(begin, 1 << 20)


def hold(rootless: bool) -> NoReturn:
    """Be process 1 of a sandbox: without files, without rights, with orphans ended by the kernel."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    keep_only()
    kernel.drop_bounding_set()
    if not rootless:
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # A program of a hundred kilobytes instead of a copy of this one. What is ignored stays ignored.
    with contextlib.suppress(OSError):
        os.execve(_WAITING[0], ("sleep", _WAITING[1]), {})
    while True:
        signal.pause()
