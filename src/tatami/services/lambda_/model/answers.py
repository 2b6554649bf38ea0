"""Functions as AWS's answers show them. Which member is there and which is not follows the recorded answers."""

from __future__ import annotations

import base64

from tatami.domain.arn import LATEST, function_arn, runtime_version_arn
from tatami.frame.operation import Values
from tatami.ports.runtimes import RuntimeChoice
from tatami.services.lambda_.model.functions import Function, timestamp
from tatami.services.lambda_.model.logging_config import logging_config


def listed(function: Function, *, qualified: bool) -> Values:
    """An entry of ListFunctions and ListVersionsByFunction: no State, LastUpdateStatus or RuntimeVersionConfig.

    qualified: whether FunctionArn ends with the version.
    """
    configuration = function.configuration
    arn = function_arn(
        function.account, function.region, function.name, LATEST if qualified else "", function.partition
    )
    entry: Values = {
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": configuration.code_size,
        "Description": configuration.description,
        "Timeout": configuration.timeout,
        "MemorySize": configuration.memory,
        "LastModified": timestamp(function.last_modified),
        "CodeSha256": code_sha256(configuration.code),
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision,
        "PackageType": "Zip",
        "Architectures": [configuration.architecture],
        "EphemeralStorage": {"Size": configuration.ephemeral},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": logging_config(function.name, configuration),
    }
    if configuration.layers:
        entry["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.code_size} for layer in configuration.layers]
    if configuration.variables is not None:
        entry["Environment"] = {"Variables": dict(configuration.variables)}
    if configuration.empty_vpc:
        entry["VpcConfig"] = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
    return entry


def described(function: Function, choice: RuntimeChoice | None, *, qualified: bool = False) -> Values:
    """The full configuration: answers of create, update, GetFunction and GetFunctionConfiguration.

    choice: what runs the function's runtime here, None when this machine can no longer run it.
    """
    answer = listed(function, qualified=qualified)
    answer["RuntimeVersionConfig"] = _runtime_version(function, choice)
    answer["State"] = function.state
    members = {
        "StateReason": function.state_reason,
        "StateReasonCode": function.state_reason_code,
        "LastUpdateStatus": function.update_status,
        "LastUpdateStatusReason": function.update_reason,
        "LastUpdateStatusReasonCode": function.update_reason_code,
    }
    answer.update({name: value for name, value in members.items() if value})
    return answer


def code_sha256(digest: str) -> str:
    """A blob digest (64 hexadecimal digits) as Lambda prints CodeSha256: in base64."""
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _runtime_version(function: Function, choice: RuntimeChoice | None) -> Values:
    runtime = function.configuration.runtime
    if choice is None:
        message = f"This machine has nothing that runs {runtime}."
        return {"Error": {"ErrorCode": "RuntimeUnavailable", "Message": message}}
    shown: Values = {
        "RuntimeVersionArn": runtime_version_arn(function.region, choice.runs_as, choice.version, function.partition)
    }
    if choice.is_fallback:
        message = f"{runtime} is not installed on this machine; {choice.runs_as} runs the function instead."
        shown["Error"] = {"ErrorCode": "RuntimeFallback", "Message": message}
    return shown
