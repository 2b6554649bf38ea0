"""A few small rooms and keys for the gateway's tests: they answer with what they were asked and by whom."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from tatami.frame.errors import AwsError
from tatami.frame.operation import Context, Room, Values, operation
from tatami.gateway.access import KnownKey

ACCOUNT = "111122223333"
KEY, SECRET = "AKIAADA", "ada's secret"
ARN = f"arn:aws:iam::{ACCOUNT}:user/ada"


class State:
    """What the rooms remember: contexts and inputs, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Context, Values]] = []


class Issued:
    """One issued key."""

    async def secret_for(self, access_key: str, token: str) -> KnownKey | None:
        return KnownKey(SECRET, ACCOUNT, ARN, "AIDAADA") if access_key == KEY else None


@operation("Invoke", action="lambda:InvokeFunction")
async def invoke(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    if values["FunctionName"] == "missing":
        text = f"Function not found: arn:aws:lambda:{context.region}:{context.account}:function:missing"
        raise AwsError("ResourceNotFoundException", text, 404)
    if values["FunctionName"] == "throttled":
        raise AwsError(
            "TooManyRequestsException",
            "Rate Exceeded.",
            429,
            fields={"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
            headers={"Retry-After": "1"},
        )
    if values["FunctionName"] == "broken":
        raise ValueError("the room's secret")
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": values.get("Payload", b"null")}


@operation("ListFunctions", action="lambda:ListFunctions")
async def list_functions(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"Functions": [], "NextMarker": json.dumps(values)}


@operation("ListLayers", action="lambda:ListLayers", own_checks=["CompatibleRuntime"])
async def list_layers(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"Layers": []}


@operation("AssumeRole", action="sts:AssumeRole", own_checks=["RoleArn", "RoleSessionName"])
async def assume_role(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"PackedPolicySize": 1}


@operation("CreateFunction", action="lambda:CreateFunction")
async def create_function(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"FunctionName": values["FunctionName"], "CodeSize": len(values["Code"]["ZipFile"])}


@operation("GetCallerIdentity", action="sts:GetCallerIdentity")
async def get_caller_identity(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"Account": context.account, "Arn": context.caller_arn, "UserId": context.user_id}


@operation("AssumeRoleWithWebIdentity", action="sts:AssumeRoleWithWebIdentity")
async def assume_role_with_web_identity(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"Audience": context.account}


@operation("SendMessage", action="sqs:SendMessage")
async def send_message(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"MessageId": "id", "MD5OfMessageBody": values["MessageBody"]}


@operation("PutObject", action="s3:PutObject")
async def put_object(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))
    return {"ETag": f'"{len(values.get("Body", b""))}"'}


@operation("GetObject", action="s3:GetObject")
async def get_object(state: State, context: Context, values: Values) -> Values:
    state.calls.append((context, values))

    async def pieces() -> AsyncIterator[bytes]:
        for part in (b"one,", b"two,", b"three"):
            yield part

    return {"Body": pieces(), "ContentLength": 13}


def rooms(state: Any) -> dict[str, Room]:
    """The rooms by service."""
    operations = {
        "lambda": [invoke, list_functions, list_layers, create_function],
        "sts": [get_caller_identity, assume_role, assume_role_with_web_identity],
        "sqs": [send_message],
        "s3": [put_object, get_object],
    }
    return {name: Room(name, state, {found.name: found for found in listed}) for name, listed in operations.items()}
