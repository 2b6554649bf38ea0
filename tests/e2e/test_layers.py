"""Layers in functions that run, deployed and used with boto3."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from tests.e2e.functions import create, invoke
from tests.packages import python, zipped
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e

REPORTS = python(
    """
    import shutil, subprocess
    import shared
    def handler(event, context):
        tool = shutil.which("tool")
        said = subprocess.run([tool], capture_output=True, text=True).stdout if tool else None
        return {"shared": shared.NAME, "tool": said}
    """
)
BOOTSTRAP = b"""#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  head=$(mktemp)
  curl -sS -o /dev/null -D "$head" "$api/invocation/next" || exit 1
  id=$(tr -d '\\r' < "$head" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -X POST -d '"from a layer"' "$api/invocation/$id/response" > /dev/null
done
"""


@pytest.fixture
def client(platform: RunningPlatform) -> Any:
    return platform.client("lambda")


def publish(client: Any, name: str, content: bytes) -> str:
    """The ARN of a new version."""
    arn: str = client.publish_layer_version(LayerName=name, Content={"ZipFile": content})["LayerVersionArn"]
    return arn


def updated(client: Any, name: str, **changes: Any) -> None:
    client.update_function_configuration(FunctionName=name, **changes)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


def test_a_module_a_program_and_a_layer_over_another(client: Any) -> None:
    tool = zipped({"bin/tool": b"#!/bin/sh\nprintf 'a tool'\n"})
    first = publish(client, "first", zipped({"python/shared.py": b"NAME = 'first'\n"}))
    second = publish(client, "second", zipped({"python/shared.py": b"NAME = 'second'\n"}))
    with_tool = publish(client, "tool", tool)
    create(client, "layered", REPORTS, Layers=[first])
    assert invoke(client, "layered").value == {"shared": "first", "tool": None}
    updated(client, "layered", Layers=[first, with_tool, second])
    assert invoke(client, "layered").value == {"shared": "second", "tool": "a tool"}
    updated(client, "layered", Layers=[second, first])
    assert invoke(client, "layered").value == {"shared": "first", "tool": None}


def test_a_deleted_version_works_on_in_functions_that_use_it(client: Any) -> None:
    arn = publish(client, "passing", zipped({"python/shared.py": b"NAME = 'deleted'\n"}))
    create(client, "keeper", REPORTS, Layers=[arn])
    client.delete_layer_version(LayerName="passing", VersionNumber=1)
    updated(client, "keeper", Description="another generation")
    assert invoke(client, "keeper").value["shared"] == "deleted"
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="does not exist"):
        client.update_function_configuration(FunctionName="keeper", Layers=[arn])


def test_packages_for_a_version_of_python(client: Any) -> None:
    version = "python3.11"
    layer = publish(client, "packages", zipped({f"python/lib/{version}/site-packages/shared.py": b"NAME = 'site'\n"}))
    create(client, "packaged", REPORTS, Runtime=version, Layers=[layer])
    assert invoke(client, "packaged").value["shared"] == "site"


def test_a_custom_runtime_whose_bootstrap_lies_in_a_layer(client: Any) -> None:
    layer = publish(client, "shell", zipped({"bootstrap": BOOTSTRAP}))
    create(client, "custom", zipped({"data": b"nothing to run"}), Runtime="provided.al2023", Layers=[layer])
    assert invoke(client, "custom").value == "from a layer"


def test_a_layer_can_be_downloaded_as_it_was_published(client: Any) -> None:
    content = zipped({"python/shared.py": b"NAME = 'same'\n"})
    publish(client, "download", content)
    location = client.get_layer_version(LayerName="download", VersionNumber=1)["Content"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == content
