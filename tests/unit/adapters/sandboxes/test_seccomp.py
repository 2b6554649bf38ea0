"""The seccomp filter, run by a small interpreter of BPF, for both architectures: no system call is made."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.adapters.sandboxes.maker import seccomp

ALLOW, KILL = 0x7FFF_0000, 0x8000_0000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {"read": 0, "execve": 59, "clone": 56, "socket": 41, "mount": 165, "bpf": 321, "personality": 135,
               "ioctl": 16, "setns": 308},
    "aarch64": {"read": 63, "execve": 221, "clone": 220, "socket": 198, "mount": 40, "bpf": 280, "personality": 92,
                "ioctl": 29, "setns": 268},
}  # fmt: skip


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter returns for one system call."""
    architecture = ARCHITECTURES[machine] if architecture is None else architecture
    padded = [argument & (1 << 64) - 1 for argument in (*arguments, 0, 0, 0, 0, 0, 0)][:6]
    data = struct.pack("=IIQ6Q", number & 0xFFFF_FFFF, architecture, 0, *padded)
    program = seccomp.program(machine)
    code = [struct.unpack_from("=HBBI", program, offset) for offset in range(0, len(program), 8)]
    position, accumulator = 0, 0
    while True:
        operation, then, otherwise, value = code[position]
        position += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
            continue
        holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
        position += then if holds else otherwise


def refused(number: int = errno.EPERM) -> int:
    return 0x0005_0000 | number


machines = pytest.mark.parametrize("machine", ARCHITECTURES)


@machines
def test_ordinary_calls_are_allowed(machine: str) -> None:
    for name in ("read", "execve"):
        assert verdict(machine, NUMBERS[machine][name]) == ALLOW


@machines
def test_administration_is_refused(machine: str) -> None:
    for name in ("mount", "bpf", "setns"):
        assert verdict(machine, NUMBERS[machine][name]) == refused()


@machines
def test_every_listed_call_is_refused_or_decided_by_arguments(machine: str) -> None:
    table = {**(seccomp._X86_64 if machine == "x86_64" else seccomp._AARCH64), **seccomp._SINCE_ONE_TABLE}
    for name, number in table.items():
        if name not in seccomp._ARGUMENTS_DECIDE:
            assert verdict(machine, number) == refused(), name
    assert len(set(table.values())) == len(table), "no number stands for two calls"


@machines
@given(number=st.integers(0, 600))
def test_the_program_always_ends(machine: str, number: int) -> None:
    assert verdict(machine, number, 0) in {ALLOW, refused(), refused(errno.ENOSYS), refused(errno.EAFNOSUPPORT)}


@machines
@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
def test_clone_makes_processes_and_threads_but_no_namespaces(machine: str, flag: int) -> None:
    clone = NUMBERS[machine]["clone"]
    assert verdict(machine, clone, 17) == ALLOW
    assert verdict(machine, clone, 0x003D0F00) == ALLOW, "a thread"
    assert verdict(machine, clone, flag | 17) == refused()


@machines
def test_clone3_is_not_there(machine: str) -> None:
    assert verdict(machine, 435) == refused(errno.ENOSYS)


@machines
def test_socket_families(machine: str) -> None:
    number = NUMBERS[machine]["socket"]
    for family in range(64):
        allowed = family in {1, 2, 10, 16}
        assert verdict(machine, number, family, 1, 0) == (ALLOW if allowed else refused(errno.EAFNOSUPPORT)), family
    for protocol in (1, 2, 10, 12, 16):
        assert verdict(machine, number, 16, 3, protocol) == refused(errno.EAFNOSUPPORT), protocol
    assert verdict(machine, number, 2, 1, 6) == ALLOW, "TCP by its number"


@machines
def test_personalities(machine: str) -> None:
    number = NUMBERS[machine]["personality"]
    assert verdict(machine, number, 0xFFFFFFFF) == ALLOW, "asking"
    assert verdict(machine, number, 0) == ALLOW
    assert verdict(machine, number, 0x0040000) == refused()


@machines
def test_typing_into_a_terminal_is_refused(machine: str) -> None:
    number = NUMBERS[machine]["ioctl"]
    assert verdict(machine, number, 0, 0x5413) == ALLOW, "asking for its size"
    assert verdict(machine, number, 0, 0x5412) == refused()
    assert verdict(machine, number, 0, 0x541C) == refused()


def test_another_architecture_kills() -> None:
    assert verdict("x86_64", 0, architecture=0x40000003) == KILL
    assert verdict("aarch64", 0, architecture=0xC000003E) == KILL


def test_the_x32_table_kills() -> None:
    assert verdict("x86_64", 0x4000_0000 | 39) == KILL


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(seccomp.UnknownMachine):
        seccomp.program("riscv64")
