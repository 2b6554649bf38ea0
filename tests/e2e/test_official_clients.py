"""AWS's own runtime clients, unmodified, packed with a function behind a `bootstrap`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import PlatformFactory
from tests.e2e.functions import create, invoke
from tests.packages import python, zipped

pytestmark = pytest.mark.e2e

HANDLER = """
    import logging
    logging.getLogger().setLevel("INFO")
    def handler(event, context):
        print("printed")
        logging.info("logged")
        if event.get("fail"):
            raise ValueError("as asked")
        return {"echo": event, "request": context.aws_request_id, "left": context.get_remaining_time_in_millis() > 0}
    """


@pytest.fixture
def client(platform_factory: PlatformFactory) -> Any:
    """Of a platform whose functions see this machine: the interpreter that their bootstraps name is the test's own."""
    return platform_factory("--isolation", "process").client("lambda")


def _python_client() -> bytes:
    """A package with awslambdaric as it is installed here, and a bootstrap that runs it."""
    spec = importlib.util.find_spec("awslambdaric")
    if spec is None or spec.origin is None:
        pytest.skip("awslambdaric is not installed")
    site = Path(spec.origin).parents[1]
    bootstrap = f"""
        #!/bin/sh
        cd "$LAMBDA_TASK_ROOT" && exec {sys.executable} -S -m awslambdaric "$_HANDLER"
        """
    files: dict[str, str | bytes] = {"bootstrap": bootstrap, "app.py": HANDLER}
    for folder in ("awslambdaric", "snapshot_restore_py", "simplejson"):
        for path in (site / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[str(path.relative_to(site))] = path.read_bytes()
    for extension in site.glob("runtime_client*.so"):
        files[extension.name] = extension.read_bytes()
    return zipped(files)


def test_awslambdaric_runs_behind_a_bootstrap(client: Any) -> None:
    create(client, "ric-python", _python_client(), Runtime="provided.al2023", Timeout=20, MemorySize=512)
    for number in range(3):
        answer = invoke(client, "ric-python", {"n": number})
        assert answer.error == "", answer.text
        assert answer.value["echo"] == {"n": number}
        assert answer.value["request"] == answer.raw["ResponseMetadata"]["RequestId"]
        assert answer.value["left"]
    failed = invoke(client, "ric-python", {"fail": True})
    assert failed.error == "Unhandled"
    assert failed.value["errorType"] == "ValueError"
    assert failed.value["errorMessage"] == "as asked"


def test_our_python_client_answers_as_awslambdaric_does(client: Any) -> None:
    """The same handler, once with AWS's client and once with ours: same answers, same errors."""
    create(client, "ours", python(HANDLER), Timeout=20)
    create(client, "theirs", _python_client(), Runtime="provided.al2023", Timeout=20)
    ours, theirs = (invoke(client, name, {"fail": True}).value for name in ("ours", "theirs"))
    assert set(ours) == set(theirs)
    assert {key: ours[key] for key in ("errorType", "errorMessage")} == {
        key: theirs[key] for key in ("errorType", "errorMessage")
    }
    assert len(ours["stackTrace"]) == len(theirs["stackTrace"])


NODE_CLIENT = "aws-lambda-ric@4.0.2"
BUILT = Path(__file__).parents[2] / ".cache" / NODE_CLIENT
"""Building its native part takes a minute, so it is kept between runs."""


def _node_client() -> bytes:
    """A package with aws-lambda-ric from the npm registry, and a bootstrap that runs it."""
    missing = [tool for tool in ("node", "npm", "cmake", "make", "g++") if not shutil.which(tool)]
    node = Path(shutil.which("node") or "/usr/bin/node").resolve()
    headers = node.parents[1] / "include" / "node" / "node_api.h"
    if missing or not headers.exists():
        pytest.skip(f"aws-lambda-ric cannot be built: {', '.join(missing) or f'no {headers}'} missing")
    client = BUILT / "node_modules" / "aws-lambda-ric"
    if not (client / "rapid-client.node").exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", NODE_CLIENT],
            cwd=BUILT,
            env={**os.environ, "npm_config_nodedir": str(node.parents[1])},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    bootstrap = f"""
        #!/bin/sh
        cd "$LAMBDA_TASK_ROOT" && exec {node} node_modules/aws-lambda-ric/index.mjs "$_HANDLER"
        """
    handler = """
        exports.handler = async (event, context) => {
            console.log("printed");
            if (event.fail) throw new TypeError("as asked");
            return { echo: event, request: context.awsRequestId };
        };
        """
    files: dict[str, str | bytes] = {"bootstrap": bootstrap, "index.js": handler}
    parts = [client / name for name in ("index.mjs", "package.json", "rapid-client.node")]
    parts += [path for path in (BUILT / "node_modules" / "@aws" / "lambda-invoke-store").rglob("*") if path.is_file()]
    return zipped({**files, **{str(path.relative_to(BUILT)): path.read_bytes() for path in parts}})


@pytest.mark.timeout(600)
def test_aws_lambda_ric_runs_behind_a_bootstrap(client: Any) -> None:
    package = _node_client()
    create(client, "ric-node", package, Runtime="provided.al2023", Handler="index.handler", Timeout=20, MemorySize=512)
    answer = invoke(client, "ric-node", {"n": 1})
    assert answer.error == "", answer.text
    assert answer.value == {"echo": {"n": 1}, "request": answer.raw["ResponseMetadata"]["RequestId"]}
    failed = invoke(client, "ric-node", {"fail": True})
    assert (failed.error, failed.value["errorType"]) == ("Unhandled", "TypeError")
