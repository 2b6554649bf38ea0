"""
The file system of a sandbox: a small tmpfs with the machine's programs read-only, and nothing else of the machine.

Built by the first process of the sandbox, which is in a mount namespace of its own already; `finish` ends in the new
root with the old one gone. `/proc` belongs to a process namespace: each later first process mounts its own.
"""

# System calls, named as the kernel names them, on paths relative to a root in the making.
# ruff: noqa: PTH101, PTH102, PTH103, PTH106, PTH110, PTH112, PTH114, PTH115, PTH116, PTH120, PTH211

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct

from tatami.adapters.sandboxes.maker import kernel
from tatami.adapters.sandboxes.maker.orders import CreateOrder

_FOLDERS = (
    "dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "tmp",
    "var", "var/empty", "var/runtime", "var/task",
)  # fmt: skip
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "ssl",
    "pki",
    "ca-certificates",
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "crypto-policies",
    "mime.types",
    "services",
    "protocols",
    "os-release",
)
"""Public parts of the machine's /etc that programs need: certificates, the linker's cache, names of services."""
_DEVICES = ("null", "zero", "full", "random", "urandom")
_HIDDEN_FILES = ("kcore", "keys", "key-users", "timer_list", "sched_debug", "kmsg", "sysrq-trigger")
_HIDDEN_FOLDERS = ("scsi", "acpi")
"""Of /proc, beyond what file modes keep from an ordinary user."""
_INODES_PER_MB = 64
"""As ext4 does by default: one inode to 16 KiB."""
_LOOP_CONFIGURE, _LOOP_GET_FREE = 0x4C0A, 0x4C82
_LOOP_AUTOCLEAR = 4
_SPARE = "/mnt"
GROUP = 990
"""Group id of every function's user, as on AWS."""


def prepare(base: str, scratch: str, tmp_mb: int) -> None:
    """Assemble on `base`, an existing folder, what every root has, and go there. Raises OSError.

    scratch, tmp_mb: as in CreateOrder.
    """
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tatami", base, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,nr_inodes=1024,mode=755")
    os.chdir(base)
    for folder in _FOLDERS:
        os.mkdir(folder)
    _system()
    _public_configuration()
    _devices()
    _temporary(_attach(scratch) if scratch else "", tmp_mb)


def finish(order: CreateOrder) -> None:
    """Add what is the sandbox's own, and make the working folder, which `prepare` has filled, the root."""
    _own_configuration(order)
    for source, place in order.mounts:
        _show(source, place.lstrip("/"))
    flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("", ".", "", kernel.MS_REMOUNT | kernel.MS_BIND | flags)
    mount_proc("proc")
    kernel.pivot_root_here()


def _system() -> None:
    for name in _SYSTEM:
        path = f"/{name}"
        if os.path.islink(path):
            os.symlink(os.readlink(path), name)
        elif os.path.isdir(path):
            _show(path, name)


def _public_configuration() -> None:
    for name in _ETC:
        path = f"/etc/{name}"
        if os.path.islink(path) and os.readlink(path).lstrip("./").startswith("usr/"):
            os.symlink(os.readlink(path), f"etc/{name}")
        elif os.path.exists(path):
            _show(path, f"etc/{name}")
    if os.path.exists("/usr/share/zoneinfo/UTC"):
        os.symlink("../usr/share/zoneinfo/UTC", "etc/localtime")


def _own_configuration(order: CreateOrder) -> None:
    user = order.user_name
    resolver = "nameserver 169.254.100.1\noptions timeout:5 attempts:1\n" if order.egress else ""
    for name, text in (
        ("passwd", f"root:x:0:0:root:/root:/sbin/nologin\n{user}:x:{order.user}:{GROUP}::/home/{user}:/sbin/nologin\n"),
        ("group", f"root:x:0:\n{user}:x:{GROUP}:\n"),
        ("hosts", "127.0.0.1 localhost\n169.254.100.1 sandbox.localdomain sandbox\n"),
        ("hostname", "localhost\n"),
        ("resolv.conf", resolver),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"),
    ):
        _write(f"etc/{name}", text)


def _show(source: str, place: str) -> None:
    """Bind a host's file or folder, read-only, at a place of the new root."""
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        _write(place, "")
    kernel.bind(source, place)
    kernel.set_attributes(place, kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def _devices() -> None:
    # A mount of its own: unlike the root it may hold devices.
    kernel.mount("tatami", "dev", "tmpfs", kernel.MS_NOSUID | kernel.MS_NOEXEC, "size=64k,nr_inodes=32,mode=755")
    for name in _DEVICES:
        _write(f"dev/{name}", "")
        kernel.mount(f"/dev/{name}", f"dev/{name}", "", kernel.MS_BIND)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"dev/{name}")
    kernel.mount("", "dev", "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)


def _temporary(scratch: str, size_mb: int) -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    if scratch:
        kernel.mount(scratch, "tmp", "ext4", flags, "noinit_itable,nobarrier,errors=continue")
        os.rmdir("tmp/lost+found")
        os.chmod("tmp", 0o1777)
    else:
        options = f"size={size_mb}m,nr_inodes={size_mb * _INODES_PER_MB},mode=1777"
        kernel.mount("tatami", "tmp", "tmpfs", flags, options)


def _attach(template: str) -> str:
    """
    A loop device over a copy of the template, a file without a name: device and file end with the mount.

    A disk and not a tmpfs, because the pages of a tmpfs count as the function's memory: on AWS a function of 128 MB can
    fill a `/tmp` of 512 MB.
    """
    file = _copy(template)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    information = struct.pack("=5Q4I64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, _LOOP_AUTOCLEAR, b"", b"", b"", 0, 0)
    configuration = struct.pack("=II", file, 4096) + information + bytes(64)
    while True:
        path = f"/dev/loop{fcntl.ioctl(control, _LOOP_GET_FREE)}"
        # Stays open until the mount holds the device; the builder closes everything at its end.
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, _LOOP_CONFIGURE, configuration)
        except OSError as refused:
            os.close(device)
            if refused.errno == errno.EBUSY:  # another sandbox was quicker
                continue
            raise
        os.close(file)
        os.close(control)
        return path


def _copy(template: str) -> int:
    """The template's data in a new file that has no name; what is a hole stays one."""
    source = os.open(template, os.O_RDONLY | os.O_CLOEXEC)
    target = os.open(os.path.dirname(template), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    size, offset = os.fstat(source).st_size, 0
    os.ftruncate(target, size)
    while offset < size:
        try:
            begin = os.lseek(source, offset, os.SEEK_DATA)
        except OSError:
            break  # no data after the offset
        offset = os.lseek(source, begin, os.SEEK_HOLE)
        os.pwrite(target, os.pread(source, offset - begin, begin), begin)
    os.close(source)
    return target


def renew_proc() -> None:
    """Mount /proc for the present process namespace in place of an earlier one's."""
    # The new one before the old one goes: a user namespace may mount /proc only where one can be seen already.
    mount_proc(_SPARE)
    kernel.unmount("/proc")
    kernel.mount(_SPARE, "/proc", "", kernel.MS_MOVE)


def mount_proc(place: str) -> None:
    """Mount /proc for the present process namespace, without what even an ordinary user could do harm with."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    try:
        # The first process is the platform's: its command line is nothing for a function.
        kernel.mount("proc", place, "proc", flags, "hidepid=2")
    except OSError:
        kernel.mount("proc", place, "proc", flags)
    kernel.mount(f"{place}/sys", f"{place}/sys", "", kernel.MS_BIND)
    kernel.mount("", f"{place}/sys", "", flags | kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)
    for name in _HIDDEN_FILES:
        if os.path.exists(f"{place}/{name}"):
            kernel.mount("/dev/null", f"{place}/{name}", "", kernel.MS_BIND)
    for name in _HIDDEN_FOLDERS:
        if os.path.isdir(f"{place}/{name}"):
            # An empty read-only folder of the private root hides what is there.
            kernel.mount("/var/empty" if place == _SPARE else "var/empty", f"{place}/{name}", "", kernel.MS_BIND)
