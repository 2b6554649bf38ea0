"""What a confining sandbox shows inside of the machine, and where."""

from __future__ import annotations

from pathlib import Path

from tatami.ports.sandbox import ReadOnlyMount

TASK_ROOT = "/var/task"
LAYERS_ROOT = "/opt"
LANG_ROOT = "/var/lang"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")


def interpreter_mounts(executable: Path) -> tuple[ReadOnlyMount, ...]:
    """
    What an interpreter outside the system folders needs to run, at the same paths as outside.

    That is the folder above its `bin`, of the file itself and of what it is a link to. A link's own folder is shown as
    the file only: the folder of a virtual environment would show its packages.
    """
    found: dict[str, Path] = {}
    path = executable
    while path.is_symlink():
        if not _is_system(path):
            found[str(path)] = path
        path = path.parent / path.readlink()
    resolved = path.resolve()
    if not _is_system(resolved):
        prefix = resolved.parent.parent if resolved.parent.name == "bin" else resolved.parent
        found[str(prefix)] = prefix
        found = {place: source for place, source in found.items() if prefix not in Path(place).parents}
        if resolved.parent.name == "bin":
            found[LANG_ROOT] = prefix
    return tuple(ReadOnlyMount(source, place) for place, source in found.items())


def interpreter_place(executable: Path) -> str:
    """Where an interpreter is seen from inside: at `/var/lang`, as on AWS, unless it is one of the system's."""
    resolved = executable.resolve()
    if _is_system(resolved) or resolved.parent.name != "bin":
        return str(executable)
    return f"{LANG_ROOT}/bin/{resolved.name}"


def linked_mounts(folder: Path, place: str) -> tuple[ReadOnlyMount, ...]:
    """
    The entries of a folder of links, each at its name below `place`: links lead nowhere inside, what they mean does.

    For the folder of the Python SDK, which links to packages that are installed beside the platform.
    """
    return tuple(ReadOnlyMount(entry.resolve(), f"{place}/{entry.name}") for entry in sorted(folder.iterdir()))


def _is_system(path: Path) -> bool:
    return str(path).startswith(tuple(f"{folder}/" for folder in _SYSTEM))
