"""The environment variables a function's runtime starts with: AWS's, the function's own, nothing of the platform's.

Reference: the environments recorded from AWS in January 2026; developer guide, "Defined runtime environment variables".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tatami.domain.invocation import FunctionVersion

PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"

_XRAY = {
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
}
"""Where the X-Ray SDKs look for a daemon anyway when they are told nothing; on AWS it is 169.254.100.1."""


@dataclass(frozen=True)
class Credentials:
    """Session credentials of a function's execution role."""

    access_key: str
    secret_key: str
    session_token: str


@dataclass(frozen=True)
class Surroundings:
    """What of the machine a runtime must be told. Paths as seen from inside the sandbox.

    runtime_api: `host:port`. endpoint: URL of the platform, for the function's own AWS clients; "" leaves it out.
    temporary: the private folder that stands in for `/tmp` where the sandbox cannot mount one; "" when it can.
    """

    runtime_api: str
    log_stream: str
    task_root: str
    runtime_folder: str
    endpoint: str = ""
    temporary: str = ""


def for_runtime(function: FunctionVersion, credentials: Credentials, surroundings: Surroundings) -> dict[str, str]:
    """The whole environment of the runtime's first process."""
    task, runtime = surroundings.task_root, surroundings.runtime_folder
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": surroundings.log_stream,
        "AWS_LAMBDA_RUNTIME_API": surroundings.runtime_api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        **_XRAY,
        "LAMBDA_RUNTIME_DIR": runtime,
        "LANG": "en_US.UTF-8",
        "LAMBDA_TASK_ROOT": task,
        "LD_LIBRARY_PATH": (f"/var/lang/lib:/lib64:/usr/lib64:{runtime}:{runtime}/lib:{task}:{task}/lib:/opt/lib"),
        "PATH": PATH,
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **_of_language(function.runtime, task, runtime),
    }
    if surroundings.temporary:
        variables["TMPDIR"] = surroundings.temporary
    if surroundings.endpoint:
        variables["AWS_ENDPOINT_URL"] = surroundings.endpoint
    return _with_own(variables, function.variables)


def _of_language(runtime: str, task: str, folder: str) -> dict[str, str]:
    if runtime.startswith("provided"):
        return {}
    named = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}", "PWD": task, "SHLVL": "0"}
    if runtime.startswith("python"):
        return {**named, "LC_CTYPE": "C.UTF-8", "PYTHONPATH": folder}
    if runtime.startswith("nodejs"):
        major = runtime.removeprefix("nodejs").removesuffix(".x")
        places = (f"/opt/nodejs/node{major}/node_modules", "/opt/nodejs/node_modules", f"{folder}/node_modules", folder)
        return {**named, "NODE_PATH": ":".join((*places, task))}
    return named


def _with_own(variables: dict[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The function's own variables win, except over the reserved ones, which CreateFunction refuses anyway."""
    return {**variables, **own}
