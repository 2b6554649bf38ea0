"""The environment variables that a function may bring along."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tatami.services.lambda_ import errors

MAX_ENVIRONMENT_BYTES = 4096

RESERVED = frozenset({
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
})  # fmt: skip
"""Set by Lambda itself (Lambda guide, configuration-envvars)."""


def check_variables(variables: Mapping[str, str]) -> None:
    """Raise AwsError when a name is reserved or everything together is more than 4 KB."""
    reserved = [name for name in variables if name in RESERVED]
    if reserved:
        raise errors.invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    unusable = [name for name, value in variables.items() if "\0" in value]
    if unusable:
        raise errors.invalid_parameter(f"No process can have an environment variable with a NUL: {', '.join(unusable)}")
    # AWS measures the JSON text: one variable of 4,080 bytes still fits, 4,097 bytes of JSON do not (recorded).
    measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > MAX_ENVIRONMENT_BYTES:
        raise errors.invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}"
        )
