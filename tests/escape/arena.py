"""
The platform's side of the escape tests, as a program of its own: the rootless half must run as an ordinary user.

One JSON request a line on standard input, one JSON answer a line on standard output. The first answer says what
is in force, or why nothing can be.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tatami.adapters.sandboxes.confinement import interpreter_mounts
from tatami.adapters.sandboxes.namespace_sandbox import NamespaceProcess, NamespaceSandbox
from tatami.adapters.sandboxes.namespaces import NamespaceSandboxes, NamespacesUnavailable
from tatami.ports.sandbox import ProcessSpec, SandboxSpec

INTERPRETER = Path(os.path.realpath(sys.executable))


class Arena:
    """Runs attacks, each in a sandbox of its own."""

    def __init__(self, provider: NamespaceSandboxes, folder: Path) -> None:
        self._provider = provider
        self._folder = folder
        self._count = 0
        self._servers: dict[str, asyncio.Server] = {}

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request."""
        sandbox = await self._sandbox(request)
        try:
            sandbox.boost(not request.get("throttled"))
            process = await self._spawn(sandbox, request["source"])
            try:
                output, exited = await asyncio.wait_for(_finish(process), request.get("seconds", 30))
            except TimeoutError:
                output, exited = "", None
            facts = {"oom_kills": sandbox.oom_kills, "peak": sandbox.peak_memory_bytes(), "cpu": _cpu(sandbox)}
            await sandbox.kill()
            left = _inside(sandbox)
            again = ""
            if request.get("then"):
                process = await self._spawn(sandbox, request["then"])
                again, _ = await asyncio.wait_for(_finish(process), 30)
            return {"output": output, "exit": exited, "left": left, "again": again, **facts}
        finally:
            self._servers.pop(sandbox.environment).close()
            await sandbox.remove()

    async def neighbour(self) -> NamespaceSandbox:
        """A sandbox with a function's process that lives as long as the arena."""
        sandbox = await self._sandbox({})
        process = await self._spawn(sandbox, "import select; print('up', flush=True); select.select([], [], [])")
        os.set_blocking(process.output, True)
        await asyncio.to_thread(os.read, process.output, 100)
        self.neighbour_pid = process.pid
        return sandbox

    async def _sandbox(self, request: dict[str, Any]) -> NamespaceSandbox:
        self._count += 1
        name = f"arena-{self._count}"
        spec = SandboxSpec(
            name, self._folder / "task", request.get("memory_mb", 256), request.get("ephemeral_mb", 512),
            mounts=interpreter_mounts(INTERPRETER),
        )  # fmt: skip
        sandbox = await self._provider.create(spec)

        def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"runtime api of {name}".encode())
            writer.close()

        self._servers[name] = await asyncio.start_server(say, sock=sandbox.take_listener()[0])
        return sandbox

    async def _spawn(self, sandbox: NamespaceSandbox, source: str) -> NamespaceProcess:
        variables = {"PATH": "/usr/bin:/bin", "NAME": sandbox.environment}
        return await sandbox.spawn(ProcessSpec([str(INTERPRETER), "-I", "-S", "-c", source], variables))


async def _finish(process: NamespaceProcess) -> tuple[str, list[int | None]]:
    how = await process.wait()
    data = b""
    try:
        while piece := os.read(process.output, 65536):
            data += piece
    except BlockingIOError:
        pass  # a daemon still holds the other end
    os.close(process.output)
    return data.decode(errors="replace"), [how.code, how.signal]


def _inside(sandbox: NamespaceSandbox) -> int:
    """How many processes its control group still counts."""
    paths = sandbox.group.paths()
    return sum(len((path / "cgroup.procs").read_text().split()) for path in paths)


def _cpu(sandbox: NamespaceSandbox) -> float:
    path = sandbox.group.folders.get("cpu")
    if path is None:
        return 0.0
    for line in (path / "cpu.stat").read_text().splitlines():
        if line.startswith("nr_throttled"):
            return float(line.split()[1])
    return 0.0


async def main(folder: Path, endpoint_port: int) -> None:
    """Serve until the end of the input."""
    (folder / "task").mkdir()
    (folder / "task" / "app.py").write_text("print('hello')\n")
    try:
        provider = await NamespaceSandboxes.open(folder / "run", lambda: endpoint_port)
    except NamespacesUnavailable as refused:
        print(json.dumps({"unavailable": str(refused)}), flush=True)
        return
    arena = Arena(provider, folder)
    neighbour = await arena.neighbour()
    facts = {"isolation": dict(provider.isolation), "pid": os.getpid(), "neighbour": arena.neighbour_pid}
    print(json.dumps(facts), flush=True)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                answer = await arena.answer(json.loads(line))
            except OSError as refused:
                answer = {"broken": str(refused)}
            answer["neighbour_lives"] = Path(f"/proc/{arena.neighbour_pid}").exists()
            print(json.dumps(answer), flush=True)
    finally:
        await neighbour.remove()
        await provider.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
