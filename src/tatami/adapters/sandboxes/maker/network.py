"""
The network inside a sandbox: a loopback device, doors of the platform, and no other way out.

Nothing is plugged into the host. Each door is a listening socket that is made inside the sandbox's network namespace
and handed to the platform: who connects to it is that sandbox's process and nobody else. Where functions may reach the
internet, a NAT rule inside the namespace turns every outgoing TCP connection to such a door; the platform asks
the kernel where it was going (SO_ORIGINAL_DST), decides, and connects from the host. That needs no veth
pairs, no forwarding, no rule on the host, leaves nothing behind after a crash, and works without root.
"""

from __future__ import annotations

import os
import socket
import struct

RUNTIME_API = ("169.254.100.1", 9001)
"""As recorded from AWS (AWS_LAMBDA_RUNTIME_API of the AL2023 runtimes)."""
RESOLVER = ("169.254.100.1", 53)
_EGRESS = ("169.254.100.1", 9053)

_REQUEST, _ACKNOWLEDGE, _CREATE, _APPEND = 1, 4, 0x400, 0x800
_NETLINK_ROUTE, _NETLINK_NETFILTER = 0, 12
_NEW_LINK, _NEW_ADDRESS, _NEW_ROUTE = 16, 20, 24
_LOOPBACK = 1
"""A new network namespace has one device, `lo`, and its index is 1."""


def _attribute(kind: int, value: bytes) -> bytes:
    padding = -len(value) % 4
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * padding


def _message(kind: int, flags: int, body: bytes, sequence: int) -> bytes:
    return struct.pack("=IHHII", len(body) + 16, kind, _REQUEST | flags, sequence, 0) + body


def _talk(protocol: int, messages: list[bytes], answers: int) -> None:
    """Send to the kernel and read `answers` acknowledgements. Raises OSError with the first refusal."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as kernel:
        kernel.sendto(b"".join(messages), (0, 0))
        while answers > 0:
            data, offset = kernel.recv(65536), 0
            while offset < len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                code = struct.unpack_from("=i", data, offset + 16)[0] if kind == 2 else 0
                if code < 0:
                    raise OSError(-code, os.strerror(-code), "netlink")
                answers -= 1
                offset += (length + 3) & ~3


def bring_up(egress: bool) -> None:
    """Switch loopback on, give it the platform's address and, for egress, make it the way to everywhere."""
    address = socket.inet_aton(RUNTIME_API[0])
    up = struct.pack("=BBHiII", 0, 0, 0, _LOOPBACK, 1, 1)
    # prefix 32, scope global: it is the source address of outgoing connections
    holder = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, _LOOPBACK) + _attribute(2, address)
    messages = [
        _message(_NEW_LINK, _ACKNOWLEDGE, up, 1),
        _message(_NEW_ADDRESS, _ACKNOWLEDGE | _CREATE, holder, 2),
    ]
    if egress:
        # family, prefix 0, main table, boot, scope link, unicast; through device, with this source
        route = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 253, 1, 0)
        route += _attribute(4, struct.pack("=I", _LOOPBACK)) + _attribute(7, address)
        messages.append(_message(_NEW_ROUTE, _ACKNOWLEDGE | _CREATE, route, 3))
        # link-local neighbours (a cloud's metadata service) are refused at once instead of by timeout
        refused = struct.pack("=BBBBBBBBI", socket.AF_INET, 16, 0, 0, 254, 3, 0, 7, 0)
        refused += _attribute(1, socket.inet_aton("169.254.0.0"))
        messages.append(_message(_NEW_ROUTE, _ACKNOWLEDGE | _CREATE, refused, 4))
    _talk(_NETLINK_ROUTE, messages, len(messages))


def open_doors(endpoint_port: int, egress: bool) -> list[socket.socket]:
    """
    Listening sockets in this namespace, in the order: Runtime API, endpoint (if a port is given), then for egress
    the proxy and the resolver for UDP and TCP.
    """
    doors = [_listen(RUNTIME_API, 64)]
    if endpoint_port:
        doors.append(_listen(("127.0.0.1", endpoint_port), 128))
    if egress:
        doors.append(_listen(_EGRESS, 128))
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.bind(RESOLVER)
        doors += [resolver, _listen(RESOLVER, 16)]
        _redirect(_EGRESS)
    return doors


def _listen(address: tuple[str, int], backlog: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(address)
    door.listen(backlog)
    door.setblocking(False)
    return door


# nf_tables, enough for one rule. Numbers are of linux/netfilter/nf_tables.h, big-endian; texts end with NUL.

_NESTED = 0x8000
_TABLE = _attribute(1, b"egress\0")
_CHAIN = b"out\0"


def _nested(kind: int, *inner: bytes) -> bytes:
    return _attribute(kind | _NESTED, b"".join(inner))


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">I", value))


def _expression(name: str, *data: bytes) -> bytes:
    return _nested(1, _attribute(1, name.encode() + b"\0"), _nested(2, *data))


def _compare(operator: int, value: bytes) -> bytes:
    """Compare register 1 with `value`: 0 equal, 1 not equal; another outcome ends the rule."""
    return _expression("cmp", _number(1, 1), _number(2, operator), _nested(3, _attribute(1, value)))


def _destination_outside(network: str, mask: str) -> bytes:
    """Go on when the destination is not in the network."""
    load = _expression("payload", _number(1, 1), _number(2, 1), _number(3, 16), _number(4, 4))
    masked = _expression(
        "bitwise", _number(1, 1), _number(2, 1), _number(3, 4),
        _nested(4, _attribute(1, socket.inet_aton(mask))), _nested(5, _attribute(1, b"\0\0\0\0")),
    )  # fmt: skip
    return load + masked + _compare(1, socket.inet_aton(network))


def _redirect(door: tuple[str, int]) -> None:
    """Turn TCP connections to anywhere but loopback and link-local addresses to `door`."""
    family = struct.pack(">BBH", socket.AF_INET, 0, 0)
    batch = struct.pack(">BBH", 0, 0, 10)
    hook = _nested(4, _number(1, 3), _number(2, 0xFFFF_FF9C))  # output, priority -100 (destination NAT)
    chain = _TABLE + _attribute(3, _CHAIN) + hook + _attribute(7, b"nat\0")
    rule = (
        _expression("meta", _number(2, 16), _number(1, 1)),  # the transport protocol
        _compare(0, bytes((socket.IPPROTO_TCP,))),
        _destination_outside("127.0.0.0", "255.0.0.0"),
        _destination_outside("169.254.0.0", "255.255.0.0"),
        _expression("immediate", _number(1, 1), _nested(2, _attribute(1, socket.inet_aton(door[0])))),
        _expression("immediate", _number(1, 2), _nested(2, _attribute(1, struct.pack(">H", door[1])))),
        _expression("nat", _number(1, 1), _number(2, socket.AF_INET), _number(3, 1), _number(5, 2)),
    )
    messages = [
        _message(16, 0, batch, 1),
        _message(10 << 8 | 0, _ACKNOWLEDGE | _CREATE, family + _TABLE, 2),
        _message(10 << 8 | 3, _ACKNOWLEDGE | _CREATE, family + chain, 3),
        _message(
            10 << 8 | 6,
            _ACKNOWLEDGE | _CREATE | _APPEND,
            family + _TABLE + _attribute(2, _CHAIN) + _nested(4, *rule),
            4,
        ),
        _message(17, 0, batch, 5),
    ]
    _talk(_NETLINK_NETFILTER, messages, 3)
