"""
The seccomp filter of functions: a list of refused system calls, as a classic BPF program.

Refused is what administers the machine or looks into other processes, and what has been a way out of containers
(user namespaces, io_uring, keyrings, userfaultfd, BPF). Everything else is allowed: a function may use what the kernel
offers to an ordinary user. The kernel caches the verdict for calls that are allowed whatever their arguments, so the
length of the list costs at installation, not at each call.

clone3 answers ENOSYS: its flags lie in memory, where a filter cannot look, and the C libraries then use clone.
"""

from __future__ import annotations

import errno
import struct

_X86_64 = {
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "ptrace": 101,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "kexec_load": 246, "kexec_file_load": 320,
    "bpf": 321, "perf_event_open": 298, "keyctl": 250, "add_key": 248, "request_key": 249,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "create_module": 174, "query_module": 178,
    "get_kernel_syms": 177, "swapon": 167, "swapoff": 168, "reboot": 169, "unshare": 272, "setns": 308,
    "userfaultfd": 323, "open_by_handle_at": 304, "quotactl": 179, "acct": 163, "nfsservctl": 180,
    "settimeofday": 164, "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "syslog": 103,
    "lookup_dcookie": 212, "sethostname": 170, "setdomainname": 171, "fanotify_init": 300, "vhangup": 153,
    "iopl": 172, "ioperm": 173, "uselib": 134, "ustat": 136, "sysfs": 139, "_sysctl": 156, "modify_ldt": 154,
    "clone": 56, "socket": 41, "personality": 135, "ioctl": 16,
}  # fmt: skip
_AARCH64 = {
    "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "ptrace": 117,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "kexec_load": 104, "kexec_file_load": 294,
    "bpf": 280, "perf_event_open": 241, "keyctl": 219, "add_key": 217, "request_key": 218,
    "init_module": 105, "finit_module": 273, "delete_module": 106, "swapon": 224, "swapoff": 225, "reboot": 142,
    "unshare": 97, "setns": 268, "userfaultfd": 282, "open_by_handle_at": 265, "quotactl": 60, "acct": 89,
    "nfsservctl": 42, "settimeofday": 170, "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266,
    "syslog": 116, "lookup_dcookie": 18, "sethostname": 161, "setdomainname": 162, "fanotify_init": 262,
    "vhangup": 58, "clone": 220, "socket": 198, "personality": 92, "ioctl": 29,
}  # fmt: skip
_SINCE_ONE_TABLE = {
    "pidfd_getfd": 438, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "process_mrelease": 448,
    "open_tree_attr": 467,
}  # fmt: skip
"""Calls newer than the unification of the tables: one number on every architecture."""
_CLONE3 = 435
_ARGUMENTS_DECIDE = {"clone", "socket", "personality", "ioctl"}
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_ALLOW = 0x7FFF_0000
_KILL_PROCESS = 0x8000_0000
_ERRNO = 0x0005_0000
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_NEW_NAMESPACES = 0x7E02_0000
"""Every CLONE_NEW flag that clone can carry."""
_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6; AF_NETLINK only with protocol 0 (routing), which getifaddrs asks."""
_AF_NETLINK = 16
_PERSONALITIES = (0, 8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)
"""Linux and its 32-bit face; no switched-off address randomisation."""
_TERMINAL_INJECTION = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX."""


class UnknownMachine(Exception):
    """There is no table of system calls for this architecture."""


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _refuse(number: int = errno.EPERM) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)


def _argument(index: int) -> bytes:
    """Load the low half of an argument (both architectures are little-endian)."""
    return _instruction(_LOAD, _ARGUMENTS + 8 * index)


def program(machine: str) -> bytes:
    """The filter for `machine` (`x86_64` or `aarch64`). Raises UnknownMachine."""
    if machine not in _AUDIT:
        raise UnknownMachine(machine)
    table = {**(_X86_64 if machine == "x86_64" else _AARCH64), **_SINCE_ONE_TABLE}
    code = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUAL, _AUDIT[machine], 1, 0),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":  # the x32 table: the same architecture by name, other numbers
        code += [_instruction(_AT_LEAST, 0x4000_0000, 0, 1), _instruction(_RETURN, _KILL_PROCESS)]
    for name in sorted(_ARGUMENTS_DECIDE):
        code += _when(table[name], _DECIDED[name])
    code += _when(_CLONE3, [_refuse(errno.ENOSYS)])
    refused = sorted(number for name, number in table.items() if name not in _ARGUMENTS_DECIDE)
    for position, number in enumerate(refused):
        code.append(_instruction(_EQUAL, number, len(refused) - position, 0))
    code += [_instruction(_RETURN, _ALLOW), _refuse()]
    return b"".join(code)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """Run `body`, which returns, for one system call."""
    return [_instruction(_EQUAL, number, 0, len(body)), *body]


def _one_of(index: int, values: tuple[int, ...], refusal: bytes) -> list[bytes]:
    """Allow only these values of an argument."""
    tests = [_instruction(_EQUAL, value, len(values) - position, 0) for position, value in enumerate(values)]
    return [_argument(index), *tests, refusal, _instruction(_RETURN, _ALLOW)]


def _none_of(index: int, values: tuple[int, ...], refusal: bytes) -> list[bytes]:
    """Refuse these values of an argument."""
    tests = [_instruction(_EQUAL, value, len(values) - position, 0) for position, value in enumerate(values)]
    return [_argument(index), *tests, _instruction(_RETURN, _ALLOW), refusal]


def _sockets() -> list[bytes]:
    netlink = [
        _instruction(_EQUAL, _AF_NETLINK, 0, 2),
        _argument(2),
        _instruction(_EQUAL, 0, len(_FAMILIES) + 1, len(_FAMILIES)),
    ]
    tests = [_instruction(_EQUAL, value, len(_FAMILIES) - position, 0) for position, value in enumerate(_FAMILIES)]
    # When netlink's protocol is not 0 the accumulator holds it: jump straight to the refusal, past the families.
    return [_argument(0), *netlink, *tests, _refuse(errno.EAFNOSUPPORT), _instruction(_RETURN, _ALLOW)]


_DECIDED = {
    "clone": [
        _argument(0),
        _instruction(_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        _refuse(),
        _instruction(_RETURN, _ALLOW),
    ],
    "socket": _sockets(),
    "personality": _one_of(0, _PERSONALITIES, _refuse()),
    "ioctl": _none_of(1, _TERMINAL_INJECTION, _refuse()),
}
