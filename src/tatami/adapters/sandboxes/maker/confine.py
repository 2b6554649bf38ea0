"""
What a process gives up on its way into a sandbox, in the order that each step needs.

Control groups first, while their files can be seen. Then the namespaces. The limits while there are still rights to
set them. Then the rights. Last seccomp, which forbids some of what the steps before had to do.
"""

# System calls, named as the kernel names them, on paths relative to a root in the making.
# ruff: noqa: PTH123

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from tatami.adapters.sandboxes.maker import kernel, root
from tatami.adapters.sandboxes.maker.cgroups import Group
from tatami.adapters.sandboxes.maker.orders import SpawnOrder

FRAMES = 62
"""Number of the descriptor for framed log events, as recorded from AWS (_LAMBDA_TELEMETRY_LOG_FD)."""
STATUS = 63
PROCESSES = 742
"""RLIMIT_NPROC, as recorded on AWS; the documents say 1,024, which the control group allows."""
_LIMITS = (
    (resource.RLIMIT_NOFILE, 1024, 1024),
    (resource.RLIMIT_CORE, 10_737_418_240, 10_737_418_240),
    (resource.RLIMIT_MEMLOCK, 65_536, 65_536),
    (resource.RLIMIT_STACK, 8 << 20, resource.RLIM_INFINITY),
)
"""Soft and hard, as recorded on AWS in November 2025."""
_INSIDE = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


@dataclass(frozen=True)
class Confinement:
    """What a process of a sandbox is put into. rootless: the maker has rights in its own user namespace only."""

    first: int
    user: int
    group: Group
    rootless: bool
    seccomp: bytes


def execute(order: SpawnOrder, pipes: Sequence[int], confinement: Confinement) -> None:
    """
    Become the program. Never returns; what went wrong is written to the status pipe as an errno.

    pipes: output, status and, when framed, frames.
    """
    first = arrange(pipes, confinement.first)
    try:
        enter(confinement, first)
        os.chdir(order.folder)
        kernel.install_seccomp(confinement.seccomp)
        variables = dict(order.variables)
        if order.framed:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(FRAMES)
        os.execve(order.argv[0], order.argv, variables)
    except OSError as refused:
        os.write(STATUS, (refused.errno or 5).to_bytes(4, "little"))
    finally:
        os._exit(127)


def arrange(pipes: Sequence[int], first: int) -> int:
    """
    Give the pipes their numbers; the new number of `first`, the pidfd of the sandbox's first process.

    Everything is moved out of the way first: in a maker of many sandboxes any number may be taken by any of them.
    """
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 128) for descriptor in (first, nothing, *pipes)]
    os.dup2(moved[1], 0)
    os.dup2(moved[2], 1)
    os.dup2(moved[2], 2)
    os.dup2(moved[3], STATUS, inheritable=False)
    if len(pipes) > 2:
        os.dup2(moved[4], FRAMES)
    else:
        os.dup2(moved[0], FRAMES, inheritable=False)
    return moved[0]


def enter(confinement: Confinement, first: int) -> None:
    """Join the control groups and namespaces, set the limits, give up all rights. first: from `arrange`."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("300")  # when the machine runs out of memory, functions go before the platform
    confinement.group.join()
    kernel.unshare(kernel.CLONE_NEWCGROUP)
    kernel.setns(first, _INSIDE)
    os.closerange(3, FRAMES)
    os.closerange(STATUS + 1, 1 << 20)
    os.setsid()
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    for limit, soft, hard in _LIMITS:
        _limit(limit, soft, hard)
    give_up_rights(confinement.user, confinement.rootless)
    if not confinement.rootless or _processes_count_by_namespace():
        _limit(resource.RLIMIT_NPROC, PROCESSES, PROCESSES)


def _processes_count_by_namespace() -> bool:
    """Since Linux 5.14 a user namespace counts its own processes; before, the limit would count all of the user's."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)))) >= (5, 14)


def give_up_rights(user: int, rootless: bool) -> None:
    """Become an ordinary user who cannot become anything else."""
    if rootless:
        kernel.unshare(kernel.CLONE_NEWUSER)
        map_user(user, root.GROUP, 0, 0)
    else:
        os.setgroups([])
    kernel.drop_bounding_set()
    os.setresgid(root.GROUP, root.GROUP, root.GROUP)
    os.setresuid(user, user, user)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


def map_user(inside: int, inside_group: int, outside: int, outside_group: int) -> None:
    """Fill the maps of the user namespace that this process has just made."""
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {outside} 1"),
        ("gid_map", f"{inside_group} {outside_group} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as target:
            target.write(text)


def _limit(limit: int, soft: int, hard: int) -> None:
    """Set a limit, no higher than the machine lets us."""
    present = resource.getrlimit(limit)[1]
    if present != resource.RLIM_INFINITY:
        hard = present if hard == resource.RLIM_INFINITY else min(hard, present)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(limit, (soft, hard))
