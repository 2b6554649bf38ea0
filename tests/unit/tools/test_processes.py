"""What counts as a process that was left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tools import processes

pytestmark = pytest.mark.skipif(not processes.PROC.is_dir(), reason="needs /proc")

SHELL_WITH_CHILD = ["sh", "-c", 'sleep 600 & echo "$!"; wait']


def pids(found: list[processes.Process]) -> set[int]:
    return {process.pid for process in found}


def test_children_of_children_are_found_and_seen_to_end() -> None:
    with subprocess.Popen(SHELL_WITH_CHILD, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        sleeper = int(shell.stdout.readline())
        family = processes.descendants(os.getpid())
        assert {shell.pid, sleeper} <= pids(family)
        ours = [process for process in family if process.pid in (shell.pid, sleeper)]
        shell.kill()
        shell.wait()
        assert pids(processes.still_alive(ours)) == {sleeper}
        ended = os.pidfd_open(sleeper)
        os.kill(sleeper, signal.SIGKILL)
        select.select([ended], [], [])  # readable when it has ended; it is no child that we could wait for
        os.close(ended)
    assert processes.still_alive(ours) == []


@pytest.mark.parametrize("how", ["argument", "variable", "folder"])
def test_processes_that_name_a_folder_belong_to_it(how: str, tmp_path: Path) -> None:
    program = "import sys; print('on', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, *([str(tmp_path / "a")] if how == "argument" else [])],
        env={"HERE": str(tmp_path)} if how == "variable" else {},
        cwd=tmp_path if how == "folder" else "/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert pids(processes.belonging_to(tmp_path)) == {child.pid}
        assert child.stdin is not None
        child.stdin.close()
    assert processes.belonging_to(tmp_path) == []
