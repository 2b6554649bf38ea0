"""Attacks over the network: the host's services, the neighbours, and the doors themselves."""

from __future__ import annotations

import pytest
from tests.escape.conftest import Arena

TALK = """
def talk(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(address)
        return connection.recv(100)
"""


def test_its_runtime_api_is_its_own(arena: Arena) -> None:
    answer = arena.run(f"import os, socket\n{TALK}\nprint(talk(('169.254.100.1', 9001)).decode(), os.environ['NAME'])")
    said, _, name = answer["output"].strip().rpartition(" ")
    assert said == f"runtime api of {name}"


def test_the_platforms_endpoint_answers(arena: Arena) -> None:
    answer = arena.run(f"import socket\n{TALK}\nprint(talk(('127.0.0.1', {arena.host.endpoint})).decode())")
    assert answer["output"] == "endpoint\n"


def test_a_service_on_the_hosts_loopback_is_out_of_reach(arena: Arena) -> None:
    arena.attack(TALK + f"def attack(): return talk(('127.0.0.1', {arena.host.port}))")


@pytest.mark.parametrize("address", ["127.0.0.2", "127.1.1.1", "0.0.0.0", "169.254.100.1", "169.254.100.2"])
def test_nor_by_another_name_of_it(arena: Arena, address: str) -> None:
    arena.attack(TALK + f"def attack(): return talk(({address!r}, {arena.host.port}))")


def test_nor_by_ipv6(arena: Arena) -> None:
    arena.attack(TALK + f"def attack(): return talk(('::1', {arena.host.port}), socket.AF_INET6)")


def test_the_machines_own_address_is_refused(arena: Arena) -> None:
    if not arena.host.own_address:
        pytest.skip("this machine has no address but loopback")
    arena.attack(TALK + f"def attack(): return talk(({arena.host.own_address!r}, {arena.host.port}))")


def test_the_metadata_service_of_a_cloud_is_refused_at_once(arena: Arena) -> None:
    answer = arena.attack(TALK + "def attack(): return talk(('169.254.169.254', 80))")
    assert "timed out" not in answer["output"].lower()


def test_the_egress_door_leads_nowhere_by_itself(arena: Arena) -> None:
    arena.attack(TALK + "def attack(): return talk(('169.254.100.1', 9053))")


def test_abstract_sockets_of_the_host_are_out_of_reach(arena: Arena) -> None:
    arena.attack(TALK + f"def attack(): return talk('\\0' + {arena.host.abstract!r}, socket.AF_UNIX)")


def test_socket_files_of_the_host_are_out_of_reach(arena: Arena) -> None:
    arena.attack(TALK + f"def attack(): return talk({str(arena.host.unix)!r}, socket.AF_UNIX)")


def test_the_runtime_api_cannot_be_impersonated(arena: Arena) -> None:
    arena.attack("""
        def attack():
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("169.254.100.1", 9001))
            server.listen()
            return True
    """)


def test_there_is_one_device_and_it_cannot_be_changed(arena: Arena) -> None:
    arena.attack("""
        import fcntl
        def attack():
            if [name for _, name in socket.if_nameindex()] != ["lo"]:
                return socket.if_nameindex()
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0))
            return "switched off"
    """)


def test_its_own_loopback_works(arena: Arena) -> None:
    answer = arena.run("""
        import socket
        server = socket.create_server(("127.0.0.1", 8080))
        client = socket.create_connection(("127.0.0.1", 8080))
        server.accept()[0].sendall(b"own")
        print(client.recv(10).decode())
    """)
    assert answer["output"] == "own\n"
