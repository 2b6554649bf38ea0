"""System calls that Python has no function for. All raise OSError."""

from __future__ import annotations

import ctypes
import os
import platform

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 32, 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8

PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47

X86_64 = platform.machine() == "x86_64"
_PIVOT_ROOT = 155 if X86_64 else 41
_CAPSET = 126 if X86_64 else 91
_SETNS_CALL = 308 if X86_64 else 268
_UNSHARE_CALL = 272 if X86_64 else 97
_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION_3 = 0x2008_0522


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces in `flags` for new ones."""
    _check(_libc.syscall(_UNSHARE_CALL, ctypes.c_ulong(flags)), "unshare")


def setns(descriptor: int, flags: int) -> None:
    """Enter the namespace of an open `/proc/PID/ns` file, or those in `flags` of a pidfd's process (Linux 5.8)."""
    _check(_libc.syscall(_SETNS_CALL, descriptor, flags), "setns")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2); empty texts stand for NULL."""
    arguments = [os.fsencode(text) if text else None for text in (source, target, kind)]
    _check(
        _libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() if options else None),
        f"mount {source or kind} on {target}",
    )


def bind(source: str, target: str) -> None:
    """Show `source`, with what is mounted below it, at `target`."""
    mount(source, target, "", MS_BIND | MS_REC)


def set_attributes(path: str, attributes: int) -> None:
    """Set mount attributes of `path` and of every mount below it (mount_setattr, Linux 5.12)."""
    structure = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    _check(
        _libc.syscall(
            _MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), _AT_RECURSIVE, ctypes.byref(structure), ctypes.c_size_t(32)
        ),
        f"mount_setattr {path}",
    )


def unmount(path: str) -> None:
    """Take a mount out of sight; it ends when nobody uses it."""
    _check(_libc.umount2(os.fsencode(path), MNT_DETACH), f"umount {path}")


def pivot_root_here() -> None:
    """Make the working folder, a mount, the root; the old root is gone."""
    _check(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def sethostname(name: str) -> None:
    """Name the machine, in this uts namespace."""
    _check(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name.encode()))), "sethostname")


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    """prctl(2) with numbers."""
    zero = ctypes.c_ulong(0)
    return _check(_libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), zero, zero), f"prctl {option}")


def drop_bounding_set() -> None:
    """Nothing this process executes can gain a capability."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            return  # one more than the kernel knows


def drop_capabilities() -> None:
    """Give up every capability at once."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    _check(_libc.syscall(_CAPSET, ctypes.byref(header), ctypes.byref(data)), "capset")


def install_seccomp(program: bytes) -> None:
    """Install a filter of BPF instructions (8 bytes each); no_new_privs must be set."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    structure = Program(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, 2, ctypes.addressof(structure))
