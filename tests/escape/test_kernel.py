"""Attacks on the kernel's own doors: rights, namespaces, system calls that have been ways out."""

from __future__ import annotations

import platform

import pytest
from tests.escape.conftest import Arena

BUFFER = "ctypes.create_string_buffer(256)"
CALLS = {
    "a user namespace": "system_call(272, 97, 0x10000000)",
    "a mount namespace": "system_call(272, 97, 0x00020000)",
    "a network namespace": "system_call(272, 97, 0x40000000)",
    "a child in a user namespace": "system_call(56, 220, 0x10000000 | 17, 0, 0, 0, 0)",
    "the mount namespace of process 1": "call('setns', os.open('/proc/1/ns/mnt', os.O_RDONLY), 0)",
    "a namespace through a pidfd": "call('setns', os.pidfd_open(1), 0x00020000)",
    "a mount": "call('mount', b'x', b'/tmp', b'tmpfs', 0, None)",
    "a mount of the control groups": "call('mount', b'x', b'/tmp', b'cgroup', 0, b'memory')",
    "a writable root": "call('mount', None, b'/', None, 32 | 4096, None)",
    "a mount with the new calls": "system_call(430, 430, b'tmpfs', 0)",
    "a cloned mount tree": "system_call(428, 428, -100, b'/', 1)",
    "an uncovered /proc/sys": "call('umount2', b'/proc/sys', 2)",
    "another root": "system_call(155, 41, b'/tmp', b'/tmp')",
    "tracing process 1": "system_call(101, 117, 16, 1, 0, 0)",
    "tracing at all": "system_call(101, 117, 0, 0, 0, 0)",
    "reading another's memory": f"system_call(310, 270, 1, {BUFFER}, 1, {BUFFER}, 1, 0)",
    "another's descriptors": "system_call(438, 438, os.pidfd_open(1), 0, 0)",
    "the session keyring": "system_call(250, 219, 0, -3, 1)",
    "a key": "system_call(248, 217, b'user', b'x', b'y', 1, -4)",
    "a BPF program": f"system_call(321, 280, 5, {BUFFER}, 120)",
    "a performance event": f"system_call(298, 241, {BUFFER}, 0, -1, -1, 0)",
    "page faults in user space": "system_call(323, 282, 1)",
    "an io_uring": f"system_call(425, 425, 8, {BUFFER})",
    "a file by its handle": f"system_call(304, 265, -100, {BUFFER}, 0)",
    "another kernel": "system_call(246, 104, 0, 0, 0, 0)",
    "a kernel module": f"system_call(175, 105, {BUFFER}, 16, b'')",
    "a kernel module from a file": "system_call(313, 273, 0, b'', 0)",
    "swap": "call('swapon', b'/tmp/swap', 0)",
    "a restart": "system_call(169, 142, 0xfee1dead - (1 << 32), 672274793, 0x89ABCDEF - (1 << 32), 0)",
    "accounting": "call('acct', b'/tmp/acct')",
    "another time": "os_time()",
    "another host name": "call('sethostname', b'x', 1)",
    "the kernel's log": "call('klogctl', 3, ctypes.create_string_buffer(4096), 4096)",
    "no address randomisation": "call('personality', 0x0040000)",
    "file-system events": "system_call(300, 262, 0, 0)",
    "input and output ports": "system_call(172, -1, 3)",
    "the rights of root": "os.setuid(0)",
    "the group of root": "os.setgid(0)",
    "more groups": "os.setgroups([0])",
    "more open files": "__import__('resource').setrlimit(7, (4096, 4096))",
    "more processes": "__import__('resource').setrlimit(6, (4096, 4096))",
    "a higher priority": "os.setpriority(os.PRIO_PROCESS, 0, -5)",
    "a real-time priority": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
}


@pytest.mark.parametrize("name", CALLS)
def test_is_refused(arena: Arena, name: str) -> None:
    if "172" in CALLS[name] and platform.machine() != "x86_64":
        pytest.skip("there are no such ports")
    if name == "more processes" and arena.is_rootless:
        pytest.skip("rootless: processes are counted by the control group, not by user")
    answer = arena.attack(f"""
        import time
        def os_time():
            time.clock_settime(time.CLOCK_REALTIME, 0)
        def attack():
            {CALLS[name]}
            return 'done'
    """)
    # Refused, and not merely a call with bad arguments: EINVAL is what a user namespace says to users it has not.
    reasons = ["PermissionError", "not allowed", "No such file"]
    reasons += ["Invalid argument"] if arena.is_rootless and "os.set" in CALLS[name] else []
    assert any(reason in answer["output"] for reason in reasons), answer["output"]


def test_a_clone_with_hidden_flags_is_not_there(arena: Arena) -> None:
    """The flags of clone3 lie in memory, where the filter cannot look."""
    answer = arena.attack(f"def attack(): return system_call(435, 435, {BUFFER}, 88)")
    assert "38" in answer["output"], "ENOSYS, so that the C library uses clone"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86 has a second table of system calls")
@pytest.mark.parametrize("code", ["b8140000 00cd80c3", "b8270000 40 0f05 c3"], ids=["32 bit", "x32"])
def test_the_other_table_of_system_calls_kills(arena: Arena, code: str) -> None:
    answer = arena.run(f"""
        import ctypes, mmap
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(bytes.fromhex({code!r}))
        ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        print("ESCAPED")
    """)
    assert answer["exit"] == [None, 31]
    assert "ESCAPED" not in answer["output"]


def test_there_are_no_rights_and_none_to_come(arena: Arena) -> None:
    answer = arena.run("print(*[l for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNew', 'Seccomp:'))])")
    lines = dict(line.split(":\t") for line in answer["output"].strip().split("\n ") if ":" in line)
    rights = {name.strip(): value.strip() for name, value in lines.items()}
    assert all(int(rights[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert rights["NoNewPrivs"] == "1"
    assert rights["Seccomp"] == "2"


def test_the_filter_survives_a_new_program(arena: Arena) -> None:
    answer = arena.run(
        "import subprocess; print(subprocess.run(['/usr/bin/unshare', '-Ur', 'id'], capture_output=True))"
    )
    assert "returncode=1" in answer["output"] or "Operation not permitted" in answer["output"]


def test_kernel_addresses_are_not_shown(arena: Arena) -> None:
    arena.attack("""
        def attack():
            with open("/proc/kallsyms") as symbols:
                return any(int(line.split()[0], 16) for line in symbols)
    """)


@pytest.mark.parametrize("family", [17, 38, 40, 29, 15, 44])
def test_rare_socket_families_are_refused(arena: Arena, family: int) -> None:
    """Packets, cryptography, virtual machines, CAN, keys, XDP."""
    arena.attack(f"def attack(): return socket.socket({family}, socket.SOCK_RAW)")


@pytest.mark.parametrize("protocol", [9, 12, 15, 16])
def test_netlink_is_for_routes_only(arena: Arena, protocol: int) -> None:
    """Audit, netfilter, uevents, generic."""
    arena.attack(f"def attack(): return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, {protocol})")


def test_raw_packets_cannot_be_sent(arena: Arena) -> None:
    arena.attack("def attack(): return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)")
