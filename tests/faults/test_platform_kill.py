"""
`kill -9` of the platform right after an acknowledged call, a hundred times: nothing that was answered is lost.

One client changes functions and log groups as fast as it is answered and writes down every answer. At a random moment
the platform is killed. After the next start on the same folder the state must be what the acknowledged calls made it;
the one call that was under way may or may not have happened.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.packages import PYTHON, ROLE, python
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.fault

ROUNDS = 25
PACKAGES = [python(f"def handler(event, context): return {number}") for number in range(4)]


@dataclass
class Expected:
    """What must be there. A name that is in doubt maps to the two descriptions it may have (None: not there)."""

    functions: dict[str, str] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    doubtful: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)


class Traffic(threading.Thread):
    """Calls the platform until it is gone."""

    def __init__(self, platform: RunningPlatform, expected: Expected, dice: random.Random) -> None:
        super().__init__(daemon=True)
        self.lambda_ = platform.client("lambda")
        self.logs = platform.client("logs")
        self.expected = expected
        self.dice = dice
        self.calls = 0
        self.enough = threading.Event()
        self.wanted = dice.randint(1, 12)
        self.unexpected: Exception | None = None

    def run(self) -> None:
        try:
            while True:
                self.dice.choice([self.create, self.describe, self.delete, self.group])()
                self.calls += 1
                if self.calls >= self.wanted:
                    self.enough.set()
        except ClientError as error:
            self.unexpected = error
        except (BotoCoreError, OSError):
            pass
        finally:
            self.enough.set()

    def create(self) -> None:
        name = f"f{self.dice.getrandbits(40):x}"
        self.expected.doubtful = {name: (None, "")}
        self.lambda_.create_function(
            FunctionName=name,
            Runtime=PYTHON,
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": self.dice.choice(PACKAGES)},
        )
        self.expected.functions[name] = ""
        self.expected.doubtful = {}
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.01})

    def describe(self) -> None:
        if not self.expected.functions:
            return
        name = self.dice.choice(sorted(self.expected.functions))
        text = f"{self.dice.getrandbits(40):x}"
        self.lambda_.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.01})
        self.expected.doubtful = {name: (self.expected.functions[name], text)}
        self.lambda_.update_function_configuration(FunctionName=name, Description=text)
        self.expected.functions[name] = text
        self.expected.doubtful = {}

    def delete(self) -> None:
        if not self.expected.functions or self.dice.random() < 0.5:
            return
        name = self.dice.choice(sorted(self.expected.functions))
        self.expected.doubtful = {name: (self.expected.functions[name], None)}
        self.lambda_.delete_function(FunctionName=name)
        del self.expected.functions[name]
        self.expected.doubtful = {}

    def group(self) -> None:
        name = f"/group/{self.dice.getrandbits(40):x}"
        self.expected.doubtful = {name: (None, "")}
        self.logs.create_log_group(logGroupName=name)
        self.expected.groups.add(name)
        self.expected.doubtful = {}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_was_answered_is_lost(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    expected = Expected()
    platform = RunningPlatform(tmp_path / "data")
    for _ in range(ROUNDS):
        traffic = Traffic(platform, expected, dice)
        traffic.start()
        assert traffic.enough.wait(30)
        platform.kill()
        traffic.join(30)
        assert traffic.unexpected is None
        platform = RunningPlatform(tmp_path / "data")
        _compare(platform, expected)
    _all_can_be_invoked(platform, expected)
    platform.stop()


def _compare(platform: RunningPlatform, expected: Expected) -> None:
    pages = platform.client("lambda").get_paginator("list_functions").paginate()
    functions = {f["FunctionName"]: f["Description"] for page in pages for f in page["Functions"]}
    pages = platform.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/group/")
    groups = {group["logGroupName"] for page in pages for group in page["logGroups"]}
    for name, possible in expected.doubtful.items():
        if name.startswith("/group/"):
            expected.groups |= {name} & groups
        else:
            found = functions.get(name)
            assert found in possible
            _settle(expected.functions, name, found)
    expected.doubtful = {}
    assert functions == expected.functions
    assert groups == expected.groups


def _settle(functions: dict[str, str], name: str, found: str | None) -> None:
    if found is None:
        functions.pop(name, None)
    else:
        functions[name] = found


def _all_can_be_invoked(platform: RunningPlatform, expected: Expected) -> None:
    """Code survives as well: whatever is listed also runs."""
    client: Any = platform.client("lambda")
    for name in expected.functions:
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        answer = client.invoke(FunctionName=name)
        assert answer["Payload"].read() in {b"0", b"1", b"2", b"3"}
