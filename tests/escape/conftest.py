"""Fixtures of the escape tests: an arena as root and one as an ordinary user, and a host worth attacking."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534
PRELUDE = """
import ctypes, errno, os, socket, stat, struct, sys, signal
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    result = getattr(libc, function)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def system_call(x86_64, aarch64, *arguments):
    number = x86_64 if os.uname().machine == "x86_64" else aarch64
    return call("syscall", ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
"""
VERDICT = """
try:
    won = attack()
except (OSError, MemoryError, ValueError) as refused:
    print("held:", repr(refused))
else:
    print("ESCAPED:" if won else "held:", repr(won))
"""


@dataclasses.dataclass
class Host:
    """What an attacker on this machine would like to reach."""

    secret: Path
    port: int
    """A service on the host's loopback, which says `host service`."""
    endpoint: int
    """The platform's own address on loopback, which says `endpoint`."""
    abstract: str
    """The name of an abstract Unix socket that listens."""
    unix: Path
    """The path of a Unix socket that listens."""
    own_address: str
    """An address of this machine other than loopback, "" when it has none."""


class Arena:
    """The arena program, and one attack after the other in it."""

    def __init__(self, process: subprocess.Popen[str], facts: dict[str, Any], host: Host) -> None:
        self._process = process
        self.host = host
        self.pid: int = facts["pid"]
        self.neighbour: int = facts["neighbour"]
        self.isolation: dict[str, Any] = facts["isolation"]

    @property
    def is_rootless(self) -> bool:
        """Whether the platform is an ordinary user."""
        return bool(self.isolation["rootless"] == "yes")

    def needs(self, *protections: str) -> None:
        """Skip the test where a protection is not in force, and the isolation says so."""
        missing = [name for name in protections if not self.isolation[name]]
        if missing:
            pytest.skip(f"not in force here: {', '.join(missing)}")

    def run(self, source: str, **options: Any) -> dict[str, Any]:
        """Run a program in a fresh sandbox; its output, exit and what the platform saw."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"source": textwrap.dedent(source), **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the platform is gone"
        answer: dict[str, Any] = json.loads(line)
        assert "broken" not in answer, answer
        assert answer["neighbour_lives"], "the neighbour was killed"
        return answer

    def attack(self, source: str, **options: Any) -> dict[str, Any]:
        """Run a function `attack`, which raises OSError or returns something false when it was held off."""
        answer = self.run(PRELUDE + textwrap.dedent(source) + VERDICT, **options)
        assert answer["output"].startswith("held:"), answer
        return answer


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    # Not in /tmp, where a sandbox has something else anyway.
    folder = Path(tempfile.mkdtemp(prefix="tatami-host-", dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "secret").write_text("the platform's secret")
    name = f"tatami-escape-{os.getpid()}"
    listeners = [_listening(b"host service"), _listening(b"endpoint")]
    abstract, path = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{name}")
    path.bind(str(folder / "socket"))
    (folder / "socket").chmod(0o777)
    for one in (abstract, path):
        one.listen()
    ports = [listener.getsockname()[1] for listener in listeners]
    yield Host(folder / "secret", ports[0], ports[1], name, folder / "socket", _own_address())
    for one in (*listeners, abstract, path):
        one.close()
    shutil.rmtree(folder)


def _listening(answer: bytes) -> socket.socket:
    """A service on every address of the machine that says `answer` to each connection."""
    server = socket.create_server(("0.0.0.0", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return server


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(("198.51.100.1", 9))
        except OSError:
            return ""
        return str(trial.getsockname()[0])


@pytest.fixture(scope="session", params=["root", "rootless"])
def arena(request: pytest.FixtureRequest, host: Host) -> Iterator[Arena]:
    if sys.platform != "linux":
        pytest.skip("namespaces need Linux")
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root: the rootless half runs")
    folder = Path(tempfile.mkdtemp(prefix="tatami-arena-"))
    python, user = sys.executable, None
    if request.param == "rootless" and os.geteuid() == 0:
        python, user = _public_python(), NOBODY
        os.chown(folder, NOBODY, NOBODY)
    process = subprocess.Popen(
        [python, "-B", str(Path(__file__).with_name("arena.py")), str(folder), str(host.endpoint)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "SECRET_OF_THE_PLATFORM": "x"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        facts = json.loads(process.stdout.readline() or '{"unavailable": "the arena did not start"}')
        if "unavailable" in facts:
            pytest.skip(f"{request.param}: {facts['unavailable']}")
        yield Arena(process, facts, host)
        process.stdin.close()
    assert os.listdir(folder / "run") == [], "nothing is left"
    shutil.rmtree(folder)


def _public_python() -> str:
    """An interpreter that an ordinary user can execute."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.path.exists(path):
            asked = [path, "-c", "import sys; print(sys.version_info >= (3, 11))"]
            if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "True":
                return path
    pytest.skip("rootless: no Python 3.11 that an ordinary user could execute")
