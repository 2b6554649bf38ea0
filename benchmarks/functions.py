"""The functions that are measured: each parses its event and answers with a number from it."""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
from dataclasses import dataclass
from typing import Any

PYTHON = """
def handler(event, context):
    return {"items": len(event["items"])}
"""

NODE = """
exports.handler = async (event) => ({ items: event.items.length });
"""

CUSTOM = """#!{python} -SB
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    name = event.headers["Lambda-Runtime-Aws-Request-Id"]
    body = json.dumps({{"items": len(json.loads(event.read())["items"])}})
    api.request("POST", f"/2018-06-01/runtime/invocation/{{name}}/response", body)
    api.getresponse().read()
"""

EVENT = b'{"items":[' + b",".join(b'{"id":%d,"name":"an item of the sample event"}' % n for n in range(40)) + b"]}"
"""About 2 KB."""


@dataclass(frozen=True)
class Measured:
    """A function to deploy. label: as printed."""

    label: str
    runtime: str
    handler: str
    package: bytes


def measured(runtimes: list[str]) -> list[Measured]:
    """One function for each kind of runtime that the platform has."""
    python = f"python3.{sys.version_info.minor}"
    node = next((runtime for runtime in runtimes if runtime.startswith("nodejs")), "")
    found = [Measured("python", python, "app.handler", _zip({"app.py": PYTHON}))]
    if node:
        found.append(Measured("node", node, "index.handler", _zip({"index.js": NODE})))
    # A custom runtime brings its own interpreter or uses one of the system's: only those are seen from inside.
    if system := shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin"):
        package = _zip({"bootstrap": CUSTOM.format(python=system)})
        found.append(Measured("custom", "provided.al2023", "none", package))
    return found


def deploy(client: Any, function: Measured, name: str) -> None:
    """Create `function` as `name` and wait until it is active. client: a boto3 Lambda client."""
    client.create_function(
        FunctionName=name,
        Runtime=function.runtime,
        Handler=function.handler,
        Role="arn:aws:iam::000000000000:role/bench",
        Code={"ZipFile": function.package},
        MemorySize=512,
        Timeout=30,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


def renew(client: Any, name: str, number: int) -> None:
    """Change the configuration, so that the next call needs a new environment."""
    client.update_function_configuration(FunctionName=name, Description=f"generation {number}")
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


def _zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()
