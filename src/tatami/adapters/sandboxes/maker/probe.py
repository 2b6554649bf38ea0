"""
What is really in force inside a sandbox: the steps a program takes, and then attempts at what must fail.

Runs in a process that has gone the way of every program of a sandbox, but for the execution itself. The answer goes
as JSON to the output pipe.
"""

# System calls, named as the kernel names them, on paths relative to a root in the making.
# ruff: noqa: PTH102, PTH108, PTH116, PTH123

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
from collections.abc import Callable, Sequence
from typing import NoReturn

from tatami.adapters.sandboxes.maker import confine, kernel
from tatami.adapters.sandboxes.maker.confine import Confinement


def run(pipes: Sequence[int], confinement: Confinement) -> NoReturn:
    """Enter the sandbox, try, report, end."""
    try:
        confine.enter(confinement, confine.arrange(pipes, confinement.first))
        kernel.install_seccomp(confinement.seccomp)
        os.write(1, json.dumps(_findings()).encode())
        os.close(confine.STATUS)
        os._exit(0)
    except OSError as refused:
        os.write(2, json.dumps({"failed": str(refused)}).encode())
    finally:
        os._exit(1)


def _findings() -> dict[str, bool]:
    status = _status()
    return {
        "private_root": _refused(lambda: os.stat("/sys/kernel")) and _refused(lambda: os.mkdir("/made")),
        "private_tmp": _works(_scratch),
        "pid_namespace": os.getpid() < 100 and set(_numbers()) <= {1, os.getpid()},
        "ipc_namespace": _empty_ipc(),
        "hostname": os.uname().nodename == "localhost",
        "unprivileged_user": os.getuid() != 0 and os.geteuid() != 0 and _refused(lambda: os.setuid(0)),
        "no_capabilities": all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")),
        "no_new_privileges": status["NoNewPrivs"] == "1",
        "seccomp": status["Seccomp"] == "2" and _refused(lambda: kernel.unshare(kernel.CLONE_NEWUSER)),
        "network": [name for _, name in socket.if_nameindex()] == ["lo"],
        "process_limit": resource.getrlimit(resource.RLIMIT_NPROC)[0] <= confine.PROCESSES,
        "proc_read_only": _refused(lambda: _open("/proc/sys/kernel/hostname")),
    }


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _works(attempt: Callable[[], object]) -> bool:
    return not _refused(attempt)


def _scratch() -> None:
    _open("/tmp/.probe", os.O_WRONLY | os.O_CREAT)
    os.unlink("/tmp/.probe")


def _open(path: str, flags: int = os.O_WRONLY) -> None:
    os.close(os.open(path, flags, 0o600))


def _numbers() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _empty_ipc() -> bool:
    with contextlib.suppress(OSError), open("/proc/sysvipc/shm") as listed:
        return len(listed.readlines()) <= 1
    return True


def _status() -> dict[str, str]:
    with open("/proc/self/status") as file:
        pairs = [line.partition(":") for line in file]
    return {name: value.strip() for name, _, value in pairs}
