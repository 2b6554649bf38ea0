"""Start `tatami up` as a process of its own, reach it as a client does, and stop it: for tests and the demo."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config as BotoConfig
from tools import processes

START_SECONDS = 20.0
STOP_SECONDS = 20.0

TATAMI = [str(Path(sys.executable).with_name("tatami"))]
"""The command line that starts tatami: the one that `make setup` installed beside this interpreter."""


class PlatformError(Exception):
    """The platform did not start or did not end as it should; the text holds the end of its log."""


class RunningPlatform:
    """One `tatami up --port 0` with its own data folder.

    arguments: further flags of `tatami up`. data_dir: its data folder (`--data-dir`).
    environment: further variables. Its log (stderr) goes to the file `log` beside the data folder; what it printed
    after its ready line is in `more_output` when it has ended.
    Use as a context manager, or call `stop` (or `kill`) in the end. Raises PlatformError.
    """

    def __init__(
        self,
        data_dir: Path,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.more_output = ""
        self._clients: list[Any] = []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*TATAMI, "up", "--port", "0", "--data-dir", str(data_dir), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean_environment(), **(environment or {})},
                cwd=data_dir.parent,
            )
        try:
            self.endpoint = self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> RunningPlatform:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.returncode is None:
            self.stop()

    def __repr__(self) -> str:
        return f"<RunningPlatform {self.endpoint} pid={self.process.pid} returncode={self.process.returncode}>"

    @property
    def port(self) -> int:
        """The port it serves on."""
        return urlsplit(self.endpoint).port or 80

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of `service` (no retries, one minute of patience); `options` go to boto3. Closed by `stop`."""
        settings: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": BotoConfig(retries={"total_max_attempts": 1}, read_timeout=60),
        }
        client = boto3.session.Session().client(service, **{**settings, **options})
        self._clients.append(client)
        return client

    def variables(self) -> dict[str, str]:
        """A clean environment in which the AWS CLI, any SDK and `tatami` reach this platform."""
        return {
            **clean_environment(),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "TATAMI_ENDPOINT": self.endpoint,
        }

    def tatami(
        self, *arguments: str, text: str = "", timeout: float = 50, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `tatami ARGUMENTS` with `text` as its input in folder `cwd`; its exit code is not judged."""
        return subprocess.run(
            [*TATAMI, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.variables(),
            cwd=cwd,
            check=False,
        )

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end. Raises PlatformError unless it ends with exit code 0 and leaves no process behind."""
        self._close_clients()
        family = processes.descendants(self.process.pid)
        self.process.send_signal(with_signal)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise PlatformError(f"tatami up did not stop within {STOP_SECONDS} s.\n{self.log_tail()}") from None
        finally:
            self._close_output()
        if code != 0:
            raise PlatformError(f"tatami up ended with exit code {code}.\n{self.log_tail()}")
        if left := self._left_behind(family):
            raise PlatformError(f"tatami up left processes behind: {left}\n{self.log_tail()}")

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would; what it leaves behind is for the next start to sweep."""
        self._close_clients()
        self.process.kill()
        self.process.wait()
        self._close_output()

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _left_behind(self, family: list[processes.Process]) -> list[processes.Process]:
        return processes.still_alive([*family, *processes.belonging_to(self.data_dir)])

    def _close_clients(self) -> None:
        while self._clients:
            self._clients.pop().close()

    def _close_output(self) -> None:
        if self.process.stdout and not self.process.stdout.closed:
            self.more_output = self.process.stdout.read().decode(errors="replace")
            self.process.stdout.close()

    def _wait_until_ready(self) -> str:
        assert self.process.stdout is not None
        line = _read_line(self.process.stdout.fileno(), START_SECONDS)
        if not line.startswith("ready http://"):
            raise PlatformError(f"tatami up printed {line!r} instead of its ready line.\n{self.log_tail()}")
        return line.removeprefix("ready ").strip()


def clean_environment() -> dict[str, str]:
    """This process's environment without what would point a client or the platform elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TATAMI_", "PYTHONPATH", "PYTHONWARNINGS"))
    }


def _read_line(descriptor: int, seconds: float) -> str:
    """The first line that comes out of a pipe; what came so far when it closes or time is up."""
    received = b""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while b"\n" not in received and selector.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(descriptor, 4096)
            if not piece:
                break
            received += piece
    return received.decode(errors="replace")
