"""Attacks on files: the machine's, the platform's, other functions', the sandbox's own."""

from __future__ import annotations

import pytest
from tests.escape.conftest import Arena

READS = {
    "the password file": "/etc/shadow",
    "the sudo rules": "/etc/sudoers",
    "root's shell history": "/root/.bash_history",
    "a secret of the platform": "{secret}",
    "a host's file past the root": "/../../../..{secret}",
    "a host's file through a process's root": "/proc/1/root{secret}",
    "a host's file through its own root": "/proc/self/root{secret}",
    "a host's file through the working folder": "/proc/1/cwd/etc/shadow",
    "the environment of process 1": "/proc/1/environ",
    "the memory of process 1": "/proc/1/mem",
    "the environment of the platform": "/proc/{platform}/environ",
    "the environment of a neighbour": "/proc/{neighbour}/environ",
    "kernel memory": "/proc/kcore",
    "physical memory": "/dev/mem",
    "the kernel's log": "/dev/kmsg",
    "the disk": "/dev/vda",
    "another disk": "/dev/sda",
    "the disk below its own /tmp": "/dev/loop0",
    "the fuse device": "/dev/fuse",
    "a tunnel device": "/dev/net/tun",
    "the kernel's settings in /sys": "/sys/kernel/notes",
    "the control groups": "/sys/fs/cgroup/cgroup.procs",
    "the memory group": "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "kernel debugging": "/sys/kernel/debug/x",
    "a container engine's socket": "/var/run/docker.sock",
}
WRITES = {
    "its own code": "/var/task/app.py",
    "a new file beside its code": "/var/task/new.py",
    "the layers": "/opt/x",
    "the runtime client": "/var/runtime/x",
    "a program of the system": "/usr/bin/env",
    "a library": "/usr/lib/x.so",
    "the users": "/etc/passwd",
    "the name servers": "/etc/resolv.conf",
    "the root folder": "/x",
    "a device folder": "/dev/x",
    "shared memory, which AWS has not": "/dev/shm/x",
    "the core pattern": "/proc/sys/kernel/core_pattern",
    "the hotplug program": "/proc/sys/kernel/modprobe",
    "the host's name": "/proc/sys/kernel/hostname",
    "the sysrq trigger": "/proc/sysrq-trigger",
    "the score of process 1": "/proc/1/oom_score_adj",
    "a user map": "/proc/1/uid_map",
}


@pytest.mark.parametrize("name", READS)
def test_cannot_read(arena: Arena, name: str) -> None:
    path = READS[name].format(secret=arena.host.secret, platform=arena.pid, neighbour=arena.neighbour)
    arena.attack(f"def attack(): return open({path!r}, 'rb').read(64)")


@pytest.mark.parametrize("name", WRITES)
def test_cannot_write(arena: Arena, name: str) -> None:
    arena.attack(f"def attack(): os.close(os.open({WRITES[name]!r}, os.O_WRONLY | os.O_CREAT)); return 'opened'")


def test_what_it_may_do_it_can(arena: Arena) -> None:
    """The control: attacks would be seen to succeed."""
    answer = arena.run("open('/tmp/x', 'w').write('x'); print(open('/var/task/app.py').read(), open('/tmp/x').read())")
    assert answer["output"] == "print('hello')\n x\n"


def test_the_homes_are_empty(arena: Arena) -> None:
    """Of /root and /home there is nothing but, maybe, the way to the interpreter."""
    answer = arena.run("""
        import os, sys
        interpreter = os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))
        for top in ("/root", "/home"):
            for folder, folders, files in os.walk(top):
                if not (folder + "/").startswith(interpreter + "/"):
                    print(*[os.path.join(folder, file) for file in files])
        print("walked")
    """)
    assert answer["output"].split() == ["walked"]


def test_a_link_in_tmp_leads_nowhere_else(arena: Arena) -> None:
    arena.attack(f"""
        def attack():
            os.symlink({str(arena.host.secret)!r}, "/tmp/link")
            return open("/tmp/link").read()
    """)


def test_the_linker_cache_cannot_be_poisoned_through_tmp(arena: Arena) -> None:
    arena.attack("""
        def attack():
            os.symlink("/etc/passwd", "/tmp/passwd")
            with open("/tmp/passwd", "a") as file:
                file.write("root2::0:0::/:/bin/sh")
            return True
    """)


def test_a_system_file_cannot_be_linked_into_tmp(arena: Arena) -> None:
    arena.attack('def attack(): os.link("/usr/bin/env", "/tmp/env"); return True')


def test_a_disk_device_cannot_be_made(arena: Arena) -> None:
    arena.attack("""
        def attack():
            os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
            return open("/tmp/disk", "rb").read(16)
    """)


def test_a_file_for_root_cannot_be_made(arena: Arena) -> None:
    arena.attack("""
        def attack():
            open("/tmp/shell", "w").close()
            os.chown("/tmp/shell", 0, 0)
            os.chmod("/tmp/shell", 0o4755)
            return os.stat("/tmp/shell").st_uid == 0
    """)


def test_programs_that_change_the_user_do_not(arena: Arena) -> None:
    arena.attack("""
        import subprocess
        def attack():
            programs = [f"/usr/bin/{name}" for name in ("su", "sudo", "newgrp", "mount", "pkexec")]
            found = [name for name in programs if os.path.exists(name) and os.stat(name).st_mode & stat.S_ISUID]
            if not os.statvfs("/usr").f_flag & os.ST_NOSUID or not os.statvfs("/tmp").f_flag & os.ST_NOSUID:
                return "set-user-id works"
            for name in found:
                tried = subprocess.run([name, "-c", "id -u"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                if tried.stdout.strip() == "0":
                    return name
    """)


def test_a_chroot_cannot_be_left_because_it_cannot_be_made(arena: Arena) -> None:
    arena.attack("""
        def attack():
            os.mkdir("/tmp/jail")
            folder = os.open("/", os.O_RDONLY)
            os.chroot("/tmp/jail")
            os.fchdir(folder)
            for _ in range(64):
                os.chdir("..")
            os.chroot(".")
            return os.listdir("/")
    """)


def test_the_environment_is_clean(arena: Arena) -> None:
    answer = arena.run("import os; print(sorted(os.environ))")
    assert "SECRET" not in answer["output"]


def test_a_descriptor_of_the_platform_is_not_there(arena: Arena) -> None:
    answer = arena.run("""
        import os
        for name in sorted(os.listdir("/proc/self/fd"), key=int):
            try:
                print(name, os.readlink(f"/proc/self/fd/{name}").split(":")[0])
            except OSError:
                pass
    """)
    assert answer["output"].split("\n")[:-1] == ["0 /dev/null", "1 pipe", "2 pipe"]


def test_what_one_left_in_tmp_no_other_finds(arena: Arena) -> None:
    arena.run("open('/tmp/left', 'w').write('x')")
    arena.attack("def attack(): return os.listdir('/tmp')")
