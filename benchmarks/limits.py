"""`python -m benchmarks.limits`: do MemorySize's memory and CPU hold, through the whole platform?"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.running_platform import RunningPlatform

from benchmarks.functions import Measured, deploy, measured, renew

SOURCE = """
import time
def handler(event, context):
    if "allocate_mb" in event:
        block = bytearray(event["allocate_mb"] << 20)
        block[::4096] = b"x" * len(block[::4096])
        return len(block)
    began, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < event["seconds"]:
        pass
    return (time.process_time() - cpu) / (time.monotonic() - began)
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, RunningPlatform(Path(folder) / "data") as running:
        client = running.client("lambda")
        python = measured([])[0]
        function = Measured("limits", python.runtime, "app.handler", _package())
        for memory in (128, 442, 1769):
            deploy(client, function, f"m{memory}")
            client.update_function_configuration(FunctionName=f"m{memory}", MemorySize=memory)
            renew(client, f"m{memory}", memory)
        over = _invoke(client, "m128", {"allocate_mb": 300})
        print(f"300 MB in a 128 MB function: {over}")
        print(f"a neighbour afterwards: {_invoke(client, 'm442', {'allocate_mb': 100})}")
        alone = _invoke(client, "m442", {"seconds": 4})
        print(f"442 MB alone: {alone:.3f} of a core (a quarter is its share)")
        with ThreadPoolExecutor() as pool:
            both = list(pool.map(lambda name: _invoke(client, name, {"seconds": 6}), ["m1769", "m442"]))
        print(f"1,769 MB and 442 MB together: {both[0]:.3f} and {both[1]:.3f} of a core, {both[0] / both[1]:.2f} : 1")


def _invoke(client: Any, name: str, event: dict[str, Any]) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def _package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", SOURCE)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
