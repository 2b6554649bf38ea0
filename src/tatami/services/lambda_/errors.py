"""Lambda's errors, each with AWS's own text. Sources: recorded answers and the botocore model (status, members)."""

from __future__ import annotations

from typing import Any

from tatami.frame.errors import AwsError

USER: dict[str, Any] = {"Type": "User"}
SERVER: dict[str, Any] = {"Type": "Server"}

COULD_NOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


def invalid_parameter(message: str) -> AwsError:
    """400: a value that the service model allows but Lambda does not."""
    return AwsError("InvalidParameterValueException", message, 400, fields=USER)


def invalid_constraint(value: object, member: str, constraint: str) -> AwsError:
    """The text of a broken constraint that Lambda itself checks. member: lower camel case, as AWS prints it."""
    return invalid_parameter(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )


def resource_not_found(message: str) -> AwsError:
    """404."""
    return AwsError("ResourceNotFoundException", message, 404, fields=USER)


def function_not_found(arn: str) -> AwsError:
    """404: there is no such function (or version). arn: qualified as it was asked for."""
    return resource_not_found(f"Function not found: {arn}")


def alias_not_found(arn: str) -> AwsError:
    """404: the function exists, its alias does not. arn: with the alias."""
    return resource_not_found(f"Cannot find alias arn: {arn}")


def wrong_region(asked: str, region: str) -> AwsError:
    """404: an ARN of another Region."""
    return resource_not_found(f"Functions from '{asked}' are not reachable in this region ('{region}')")


def foreign_account(caller: str, action: str, arn: str) -> AwsError:
    """403: an ARN of another account; without a resource policy nobody from outside may touch a function."""
    return AwsError(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {action} on resource: {arn}",
        403,
    )


def resource_conflict(message: str) -> AwsError:
    """409."""
    return AwsError("ResourceConflictException", message, 409, fields=USER)


def function_exists(name: str) -> AwsError:
    """409 on CreateFunction."""
    return resource_conflict(f"Function already exist: {name}")


def update_in_progress(arn: str) -> AwsError:
    """409: the previous update is not finished. arn: unqualified."""
    return resource_conflict(
        f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
    )


def not_in_state(state: str) -> AwsError:
    """409: the function is Pending or Failed."""
    return resource_conflict(
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
    )


def revision_mismatch() -> AwsError:
    """412: `RevisionId` was given and is not the current one."""
    return AwsError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        412,
        fields=USER,
    )


def layer_policy_mismatch() -> AwsError:
    """412: the same for the policy of a layer version."""
    return AwsError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetLayerPolicy API to retrieve the latest Revision Id",
        412,
        fields=USER,
    )


def layer_not_shared(caller: str, arn: str) -> AwsError:
    """403: a layer version of another account, whose policy does not let this one use it (or that does not exist)."""
    return AwsError(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: lambda:GetLayerVersion on resource: {arn} "
        "because no resource-based policy allows the lambda:GetLayerVersion action",
        403,
    )


def entity_too_large(message: str) -> AwsError:
    """413. AWS says `RequestEntityTooLargeException` where its model says RequestTooLargeException (recorded)."""
    return AwsError("RequestEntityTooLargeException", message, 413)


def code_storage_exceeded() -> AwsError:
    """400: the account's packages would need more than `TotalCodeSize`."""
    return AwsError("CodeStorageExceededException", "Code storage limit exceeded.", 400, fields=USER)


def invalid_request_content(message: str) -> AwsError:
    """400: a payload or header of Invoke that is not what it must be."""
    return AwsError("InvalidRequestContentException", message, 400, fields=USER)


def invalid_zip_file() -> AwsError:
    """502 on Invoke: the stored package cannot be unpacked."""
    return AwsError("InvalidZipFileException", "Lambda could not unzip the deployment package.", 502, fields=USER)


def too_many_requests(reason: str, retry_after: int | None) -> AwsError:
    """429. reason: a ThrottleReason of the model. retry_after: whole seconds for the `Retry-After` header."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return AwsError(
        "TooManyRequestsException", "Rate Exceeded.", 429, fields={"Reason": reason, **USER}, headers=headers
    )


def service_error() -> AwsError:
    """500: the platform failed."""
    return AwsError(
        "ServiceException",
        "An error occurred and the request cannot be processed.",
        500,
        sender_fault=False,
        fields=SERVER,
    )


def policy_mismatch() -> AwsError:
    """412: a function's policy has another revision than the caller saw."""
    return AwsError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id",
        412,
        fields=USER,
    )


def policy_too_long(size: int, limit: int) -> AwsError:
    """400: a policy would have more bytes than it may."""
    text = f"The final policy size ({size}) is bigger than the limit ({limit})."
    return AwsError("PolicyLengthExceededException", text, 400, fields=USER)


def nothing_there() -> AwsError:
    """404, as AWS words it for function URLs and policies (recorded)."""
    return resource_not_found("The resource you requested does not exist.")
