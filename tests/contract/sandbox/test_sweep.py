"""What a killed platform left behind is found and removed by the next one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.contract.sandbox.children import living

from tatami.adapters.sandboxes.process import ProcessSandboxes

PLATFORM = """
import asyncio, sys
from pathlib import Path
from tatami.adapters.sandboxes.process import ProcessSandboxes
from tests.contract.sandbox.children import read, shell, spec

async def main():
    folder, environment = Path(sys.argv[1]), sys.argv[2]
    sandbox = await ProcessSandboxes(folder / "run").create(spec(folder, environment))
    script = "setsid sleep 1000 & trap '' TERM HUP; echo up; while :; do sleep 1000; done"
    process = await sandbox.spawn(shell(script, environment))
    await read(process.output, until=b"up")
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_sweep_ends_the_processes_and_removes_the_folders_of_a_killed_platform(tmp_path: Path) -> None:
    environment = os.urandom(16).hex()
    with subprocess.Popen(
        [sys.executable, "-c", PLATFORM, str(tmp_path), environment],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as platform:
        assert platform.stdout is not None
        assert platform.stdout.readline() == b"up\n"
        platform.send_signal(signal.SIGKILL)
    assert len(living(environment)) >= 2, "they survive their platform"
    removed = asyncio.run(ProcessSandboxes(tmp_path / "run").sweep())
    assert living(environment) == []
    assert list((tmp_path / "run").iterdir()) == []
    assert removed >= 3, "two processes and a folder at least"


def test_there_is_nothing_to_sweep_in_a_new_place(tmp_path: Path) -> None:
    assert asyncio.run(ProcessSandboxes(tmp_path / "none").sweep()) == 0
    (tmp_path / "some").mkdir()
    assert asyncio.run(ProcessSandboxes(tmp_path / "some").sweep()) == 0
