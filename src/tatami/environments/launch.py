"""How a runtime's first process is started: the command for each kind of runtime."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tatami.ports.runtimes import RuntimeChoice

TASK_ROOT = "/var/task"


class InvalidEntrypoint(Exception):
    """There is nothing to start; the text is AWS's."""


@dataclass(frozen=True)
class RuntimeFolders:
    """Where the platform keeps its own runtime clients, as seen from inside the sandbox.

    python, node: folders with `bootstrap.py` and `bootstrap.mjs`. python_sdk: a folder with boto3 for functions.
    """

    python: Path
    node: Path
    python_sdk: Path

    def of(self, choice: RuntimeChoice) -> Path:
        """The folder that stands for `/var/runtime`."""
        return self.node if choice.runs_as.startswith("nodejs") else self.python


def command(choice: RuntimeChoice, folders: RuntimeFolders, package: Path, task_root: str, wrapper: str) -> list[str]:
    """The arguments that start the runtime, program first.

    package: the unpacked code on the platform's side; task_root: the same as seen from inside. wrapper: the value of
    `AWS_LAMBDA_EXEC_WRAPPER` or "". Raises InvalidEntrypoint.
    """
    if choice.executable is None:
        return [_own_bootstrap(package, task_root)]
    program = str(choice.executable)
    if choice.runs_as.startswith("nodejs"):
        arguments = [program, str(folders.node / "bootstrap.mjs")]
    else:
        # -S: the machine's site-packages are no part of the function's world. -B: the package is read-only.
        arguments = [program, "-S", "-B", str(folders.python / "bootstrap.py"), str(folders.python_sdk)]
    return _wrapped(arguments, task_root, wrapper) if wrapper else arguments


def _own_bootstrap(package: Path, task_root: str) -> str:
    bootstrap = package / "bootstrap"
    if not bootstrap.is_file():
        raise InvalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
    if not os.access(bootstrap, os.X_OK):
        raise InvalidEntrypoint("fork/exec /var/task/bootstrap: permission denied")
    return f"{task_root}/bootstrap"


def _wrapped(arguments: list[str], task_root: str, wrapper: str) -> list[str]:
    """A wrapper is started by a shell, as on AWS: a missing one ends with exit status 127."""
    if wrapper.startswith(f"{TASK_ROOT}/"):
        wrapper = task_root + wrapper.removeprefix(TASK_ROOT)
    return ["/bin/sh", "-c", 'exec "$0" "$@"', wrapper, *arguments]
