"""A real bootstrap process under test, its code, its log files and its fake Runtime API."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.runtimes.fake_runtime_api import PATIENCE, FakeRuntimeApi, Posted

RUNTIMES = Path(__file__).resolve().parents[3] / "src" / "tatami" / "runtimes"
TEXT = 0xA55A0003
PYTHON_VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Frame:
    """One log event as it arrived on the telemetry descriptor."""

    type: int
    microseconds: int
    text: str


def find_python(version: str) -> str | None:
    """An interpreter of that version: the running one, one on the PATH, or one of pyenv."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return os.path.realpath(sys.executable)
    found = shutil.which(f"python{version}")
    candidates = [Path(found)] if found and "shims" not in found else []
    roots = (Path.home() / ".pyenv", Path(os.environ.get("PYENV_ROOT", "/nonexistent")))
    candidates += [path for root in roots for path in sorted(root.glob(f"versions/{version}.*/bin/python{version}"))]
    return str(candidates[0]) if candidates else None


def python_version(interpreter: str) -> tuple[int, ...]:
    """(3, N) of an interpreter, by asking it."""
    code = "import sys; print(sys.version_info[1])"
    return 3, int(subprocess.run([interpreter, "-S", "-c", code], capture_output=True, check=True).stdout)


def python_command(interpreter: str) -> list[str]:
    return [interpreter, "-S", "-B", str(RUNTIMES / "python" / "bootstrap.py")]


def node_command(interpreter: str) -> list[str]:
    return [interpreter, str(RUNTIMES / "node" / "bootstrap.mjs")]


def ruby_command(interpreter: str) -> list[str]:
    return [interpreter, str(RUNTIMES / "ruby" / "bootstrap.rb")]


class RunningFunction:
    """Starts `command` with `files` as its task root; a context manager that ends the process it started."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        files: Mapping[str, str | bytes],
        handler: str,
        environment: Mapping[str, str] | None = None,
        telemetry: bool = True,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.api = FakeRuntimeApi()
        self.task_root = folder / "task"
        for name, content in files.items():
            path = self.task_root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.log_path, self.stdout_path, self.stderr_path = (folder / name for name in ("log", "stdout", "stderr"))
        log = os.open(self.log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        variables = self._environment(command, handler) | dict(environment or {})
        if telemetry:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(log)
        with self.stdout_path.open("ab") as stdout, self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=self.task_root,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[log],
            )
        os.close(log)
        threading.Thread(target=self._watch, daemon=True).start()

    def _environment(self, command: list[str], handler: str) -> dict[str, str]:
        return {
            "_HANDLER": handler,
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[7]0123",
            "AWS_REGION": "eu-west-1",
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "LAMBDA_RUNTIME_DIR": str(Path(command[-1]).parent),
            "LANG": "en_US.UTF-8",
            "LC_CTYPE": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
        }

    def _watch(self) -> None:
        exit_code = self.process.wait()
        self.api.posts.put(Posted("exit", exit_code=exit_code))

    def __enter__(self) -> RunningFunction:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.api.close()

    def invoke(self, event: Any = None, headers: dict[str, str] | None = None) -> Posted:
        """Hands one event out (a value, or bytes as they are) and returns what the runtime did first."""
        self.api.hand_out(event if isinstance(event, bytes) else msgspec.json.encode(event), headers)
        return self.outcome()

    def outcome(self) -> Posted:
        """The next thing the runtime does."""
        return self.api.posts.get(timeout=PATIENCE)

    def result(self, event: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The decoded result of an invocation that must succeed."""
        posted = self.invoke(event, headers)
        assert posted.what == "response", (posted, self.stderr)
        return posted.json

    @property
    def frames(self) -> list[Frame]:
        return list(parse_frames(self.log_path.read_bytes()))

    @property
    def log_texts(self) -> list[str]:
        return [frame.text for frame in self.frames]

    @property
    def stdout(self) -> str:
        return self.stdout_path.read_bytes().decode()

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text() + "".join(self.log_texts)


def parse_frames(data: bytes) -> Iterator[Frame]:
    position = 0
    while position < len(data):
        kind, length, microseconds = struct.unpack_from(">IIQ", data, position)
        position += 16
        yield Frame(kind, microseconds, data[position : position + length].decode())
        position += length
    assert position == len(data)


Starter = Callable[..., RunningFunction]
