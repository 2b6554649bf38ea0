"""The environment variables a function's runtime starts with: AWS's, the function's own, nothing of the platform's.

Reference: the environments recorded from AWS in January 2026; developer guide, "Defined runtime environment variables".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tatami.domain.invocation import FunctionVersion
from tatami.environments.launch import OPT
from tatami.environments.log_form import JSON


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
    opt: where the layers are.
    """

    runtime_api: str
    log_stream: str
    task_root: str
    runtime_folder: str
    endpoint: str = ""
    temporary: str = ""
    opt: str = OPT


def for_runtime(function: FunctionVersion, credentials: Credentials, surroundings: Surroundings) -> dict[str, str]:
    """The whole environment of the runtime's first process."""
    task, runtime, opt = surroundings.task_root, surroundings.runtime_folder, surroundings.opt
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
        **_xray(surroundings.runtime_api),
        "LAMBDA_RUNTIME_DIR": runtime,
        "LANG": "en_US.UTF-8",
        "LAMBDA_TASK_ROOT": task,
        "LD_LIBRARY_PATH": _libraries(task, runtime, opt),
        "PATH": _programs(opt),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **_of_language(function.runtime, task, runtime, opt, credentials),
        **_of_logging(function),
    }
    if surroundings.temporary:
        variables["TMPDIR"] = surroundings.temporary
    if surroundings.endpoint:
        variables["AWS_ENDPOINT_URL"] = surroundings.endpoint
    return _with_own(variables, function.variables)


HIDDEN_FROM_EXTENSIONS = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
    }
)
"""Developer guide, "Extensions API": what extensions do not see of the function's variables."""


def for_extension(of_runtime: Mapping[str, str]) -> dict[str, str]:
    """The environment of an external extension."""
    return {name: value for name, value in of_runtime.items() if name not in HIDDEN_FROM_EXTENSIONS}


def _of_logging(function: FunctionVersion) -> dict[str, str]:
    """Runtimes are told of format JSON only (recorded: with Text there are no such variables)."""
    if function.log_format != JSON:
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": JSON, "AWS_LAMBDA_LOG_LEVEL": function.application_level}


def _of_language(runtime: str, task: str, folder: str, opt: str, credentials: Credentials) -> dict[str, str]:
    if runtime.startswith("provided"):
        return {}
    named = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}"}
    if runtime.startswith("java"):
        return {**named, **_of_old_java(runtime, credentials)}
    named |= {"PWD": task, "SHLVL": "0"}
    if runtime.startswith("python"):
        return {**named, "LC_CTYPE": "C.UTF-8", "PYTHONPATH": ":".join((*_of_python(runtime, opt), folder))}
    if runtime.startswith("ruby"):
        return {**named, **_of_ruby(runtime, task, folder, opt)}
    if runtime.startswith("nodejs"):
        major = runtime.removeprefix("nodejs").removesuffix(".x")
        layers = (f"{opt}/nodejs/node{major}/node_modules", f"{opt}/nodejs/node_modules")
        return {**named, "NODE_PATH": ":".join((*layers, f"{folder}/node_modules", folder, task))}
    return named


def _of_python(runtime: str, opt: str) -> tuple[str, ...]:
    """The layers' folders where they are not at /opt, which Python runtimes look through by themselves."""
    return () if opt == OPT else (f"{opt}/python/lib/{runtime}/site-packages", f"{opt}/python")


def _of_old_java(runtime: str, credentials: Credentials) -> dict[str, str]:
    """Java 8 and 11 know the credentials under the first names of AWS's SDK too."""
    if runtime != "java11":
        return {}
    return {"AWS_ACCESS_KEY": credentials.access_key, "AWS_SECRET_KEY": credentials.secret_key}


def _of_ruby(runtime: str, task: str, folder: str, opt: str) -> dict[str, str]:
    """Where gems are looked for; the duplicates in PATH and LD_LIBRARY_PATH are AWS's.

    LC_CTYPE is not: our client takes it away when Ruby has seen that texts are UTF-8, whatever locales there are.
    """
    line = f"{runtime.removeprefix('ruby')}.0"
    gems = (f"{task}/vendor/bundle/ruby/{line}", f"{opt}/ruby/gems/{line}", folder, f"{folder}/ruby/{line}")
    return {
        "GEM_HOME": folder,
        "GEM_PATH": ":".join(gems),
        "RUBYLIB": f"{task}:{folder}/lib:{opt}/ruby/lib",
        "PATH": f"/var/lang/bin:{_programs(opt)}",
        "LD_LIBRARY_PATH": f"/var/lang/lib:{_libraries(task, folder, opt)}",
        "LC_CTYPE": "C.UTF-8",
    }


def _programs(opt: str) -> str:
    return f"/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:{opt}/bin"


def _xray(runtime_api: str) -> dict[str, str]:
    """Where the X-Ray SDKs look for a daemon: beside the Runtime API, as on AWS. Nothing listens there yet."""
    host = runtime_api.partition(":")[0]
    return {
        "AWS_XRAY_DAEMON_ADDRESS": f"{host}:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": host,
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }


def _libraries(task: str, folder: str, opt: str) -> str:
    return f"/var/lang/lib:/lib64:/usr/lib64:{folder}:{folder}/lib:{task}:{task}/lib:{opt}/lib"


def _with_own(variables: dict[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The function's own variables win, except over the reserved ones, which CreateFunction refuses anyway."""
    return {**variables, **own}
