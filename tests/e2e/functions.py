"""Deploying and calling functions in end-to-end tests, with the client a user has."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.packages import PYTHON, ROLE


def create(client: Any, name: str, package: bytes, **settings: Any) -> dict[str, Any]:
    """Create a function (a Python one unless `settings` say otherwise) and wait until it is active."""
    arguments = {"Runtime": PYTHON, "Handler": "app.handler", "Role": ROLE, **settings}
    created: dict[str, Any] = client.create_function(FunctionName=name, Code={"ZipFile": package}, **arguments)
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    return created


@dataclass(frozen=True)
class Answer:
    """What an invocation returned. error: the value of X-Amz-Function-Error or ""."""

    status: int
    error: str
    text: str
    raw: dict[str, Any]

    @property
    def value(self) -> Any:
        """The payload, parsed."""
        return json.loads(self.text)


def invoke(client: Any, name: str, event: Any = None, **arguments: Any) -> Answer:
    """Invoke `name` with `event` as JSON."""
    raw = client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **arguments)
    text = raw["Payload"].read().decode()
    return Answer(raw["StatusCode"], raw.get("FunctionError", ""), text, raw)


def health(client: Any) -> dict[str, Any]:
    """What the platform behind a boto3 client says of itself."""
    with urllib.request.urlopen(f"{client.meta.endpoint_url}/_tatami/health") as answer:
        said: dict[str, Any] = json.load(answer)
    return said
