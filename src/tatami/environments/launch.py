"""How a runtime's first process is started: the command for each kind of runtime."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tatami.environments.java_options import jvm_options
from tatami.ports.runtimes import RuntimeChoice

TASK_ROOT = "/var/task"
OPT = "/opt"
_JAVA_MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
_JAVA_NATIVE = "com.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI"


class InvalidEntrypoint(Exception):
    """There is nothing to start; the text is AWS's."""


@dataclass(frozen=True)
class RuntimeFolders:
    """Where the platform keeps the runtime clients, as seen from inside the sandbox.

    python, node, ruby: folders with `bootstrap.py`, `bootstrap.mjs` and `bootstrap.rb`. python_sdk: a folder with boto3
    for functions. java: a folder with the jars and the native library of AWS's Java client.
    """

    python: Path
    node: Path
    python_sdk: Path
    ruby: Path = Path("/var/runtime")
    java: Path = Path("/var/runtime")

    def of(self, choice: RuntimeChoice) -> Path:
        """The folder that stands for `/var/runtime`."""
        folders = {"nodejs": self.node, "ruby": self.ruby, "java": self.java}
        return folders.get(language(choice), self.python)


@dataclass(frozen=True)
class Fit:
    """What the command of a runtime must fit.

    memory_mb: the function's MemorySize. handler: as configured. temporary: the folder that stands in for `/tmp`, ""
    when there is a private `/tmp`. tool_options, wrapper: the function's JAVA_TOOL_OPTIONS and AWS_LAMBDA_EXEC_WRAPPER.
    layers: the merged layers on the platform's side, None without any; opt: the same as seen from inside.
    """

    memory_mb: int = 128
    handler: str = ""
    temporary: str = ""
    tool_options: str = ""
    wrapper: str = ""
    layers: Path | None = None
    opt: str = OPT


def language(choice: RuntimeChoice) -> str:
    """`python`, `nodejs`, `ruby`, `java`, or `provided`: what the identifier that really runs begins with."""
    match = re.match("[a-z]+", choice.runs_as)
    return match.group() if match else ""


def command(choice: RuntimeChoice, folders: RuntimeFolders, package: Path, task_root: str, fit: Fit) -> list[str]:
    """The arguments that start the runtime, program first.

    package: the unpacked code on the platform's side; task_root: the same as seen from inside.
    Raises InvalidEntrypoint.
    """
    if choice.executable is None:
        return [_own_bootstrap(package, task_root, fit)]
    program = str(choice.executable)
    match language(choice):
        case "nodejs":
            arguments = [program, str(folders.node / "bootstrap.mjs")]
        case "ruby":
            arguments = [program, str(folders.ruby / "bootstrap.rb")]
        case "java":
            arguments = [program, *_java(choice, folders, fit)]
        case _:
            # -S: the machine's site-packages are no part of the function's world. -B: the package is read-only.
            arguments = [program, "-S", "-B", str(folders.python / "bootstrap.py"), str(folders.python_sdk)]
    return _wrapped(arguments, task_root, fit) if fit.wrapper else arguments


def extension_programs(layers: Path | None, layers_root: str) -> list[tuple[str, str]]:
    """File name and path, as seen from inside, of every external extension; in the order of their names.

    layers: the merged layers on the platform's side. Folders in `extensions` are no extensions.
    """
    folder = layers / "extensions" if layers else None
    if folder is None or not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    return [(name, f"{layers_root}/extensions/{name}") for name in names]


def files_of_interpreter(choice: RuntimeChoice) -> list[Path]:
    """Places outside the interpreter's own folder that it reads, for a sandbox that hides the machine's files.

    Debian keeps the configuration of its JVMs in `/etc/java-17-openjdk` and their certificates in `/etc/ssl`.
    """
    if language(choice) != "java":
        return []
    return [path for path in (Path(f"/etc/java-{choice.version.split('.')[0]}-openjdk"),) if path.is_dir()]


def _java(choice: RuntimeChoice, folders: RuntimeFolders, fit: Fit) -> list[str]:
    """AWS's client finds the function's classes itself: in the working folder, its `lib` and `/opt/java/lib`.

    It does not find layers that are elsewhere, so these come with its own jars.
    """
    version = int(choice.version.split(".")[0])
    arguments = jvm_options(version, fit.memory_mb, fit.tool_options)
    arguments.append(f"-D{_JAVA_NATIVE}={folders.java / 'libaws-lambda-jni.so'}")
    if fit.temporary:
        arguments.append(f"-Djava.io.tmpdir={fit.temporary}")
    classes = f"{folders.java}/*" if fit.opt == OPT else f"{folders.java}/*:{fit.opt}/java/lib/*"
    return [*arguments, "-classpath", classes, _JAVA_MAIN, fit.handler]


def _own_bootstrap(package: Path, task_root: str, fit: Fit) -> str:
    """The first that there is, in the function's package and in its layers, as on AWS."""
    for folder, inside, named in ((package, task_root, TASK_ROOT), (fit.layers, fit.opt, OPT)):
        bootstrap = folder / "bootstrap" if folder else None
        if bootstrap is not None and bootstrap.is_file():
            if not os.access(bootstrap, os.X_OK):
                raise InvalidEntrypoint(f"fork/exec {named}/bootstrap: permission denied")
            return f"{inside}/bootstrap"
    raise InvalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")


def _wrapped(arguments: list[str], task_root: str, fit: Fit) -> list[str]:
    """A wrapper is started by a shell, as on AWS: a missing one ends with exit status 127."""
    wrapper = fit.wrapper
    for named, inside in ((TASK_ROOT, task_root), (OPT, fit.opt)):
        if wrapper.startswith(f"{named}/"):
            wrapper = inside + wrapper.removeprefix(named)
            break
    return ["/bin/sh", "-c", 'exec "$0" "$@"', wrapper, *arguments]
