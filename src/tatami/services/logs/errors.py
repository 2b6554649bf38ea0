"""The errors of the logs service, with AWS's texts (recorded answers and field reports)."""

from __future__ import annotations

from tatami.frame.errors import AwsError


def group_exists() -> AwsError:
    """CreateLogGroup of a name in use."""
    return AwsError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> AwsError:
    """CreateLogStream of a name in use."""
    return AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")


def group_missing() -> AwsError:
    """No log group of that name."""
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def stream_missing() -> AwsError:
    """No log stream of that name in the group."""
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def resource_missing() -> AwsError:
    """A tag operation on an ARN that is no log group of ours."""
    return AwsError("ResourceNotFoundException", "The specified resource does not exist.")


def invalid_parameter(message: str) -> AwsError:
    """A parameter, or a combination of them, that cannot be."""
    return AwsError("InvalidParameterException", message)


def invalid_token() -> AwsError:
    """A page token that the operation did not give."""
    return invalid_parameter("The specified nextToken is invalid.")


def too_many_tags(resource: str, limit: int) -> AwsError:
    """More tags than a resource may have."""
    message = f"A resource can have no more than {limit} tags."
    return AwsError("TooManyTagsException", message, fields={"resourceName": resource})
