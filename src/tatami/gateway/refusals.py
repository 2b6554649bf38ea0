"""Every exception that ends a request, as the one AwsError that the client sees."""

from __future__ import annotations

from tatami.frame.errors import AwsError, validation_error
from tatami.wire.checksums import ChecksumError
from tatami.wire.chunked import ChunkError
from tatami.wire.http import Request
from tatami.wire.models import OperationModel
from tatami.wire.protocols import MalformedRequest
from tatami.wire.routing import UnknownOperation, UnknownService
from tatami.wire.sigv4 import SignatureError

_FORMS = ("query", "ec2")
_INTERNAL = {
    "lambda": ("ServiceException", "An error occurred and the request cannot be processed."),
    "s3": ("InternalError", "We encountered an internal error. Please try again."),
    "dynamodb": ("InternalServerError", "The request processing has failed because of an unknown error."),
}
_ANY_INTERNAL = ("InternalFailure", "The request processing has failed because of an unknown error.")


def expected(error: Exception) -> AwsError | None:
    """The AwsError for an exception with which the gateway's steps refuse a request; None for any other."""
    if isinstance(error, AwsError):
        return error
    if isinstance(error, SignatureError | ChunkError | ChecksumError):
        sender_fault = error.status < 500
        return AwsError(error.code, error.message, error.status, sender_fault=sender_fault, fields=error.fields)
    if isinstance(error, MalformedRequest):
        return AwsError(error.code, error.message, error.status)
    if isinstance(error, UnknownOperation):
        return _unknown_operation(error)
    if isinstance(error, UnknownService):
        return AwsError("UnknownOperationException", str(error), 404)
    return None


def _unknown_operation(error: UnknownOperation) -> AwsError:
    if error.protocol in _FORMS:
        return AwsError("InvalidAction", f"The action {error.seen} is not valid for this web service.", 400)
    if error.service == "s3":
        text = "The specified method is not allowed against this resource."
        return AwsError("MethodNotAllowed", text, 405)
    return AwsError("UnknownOperationException", str(error), 404)


def internal(service: str) -> AwsError:
    """What the client is told when the platform failed; the cause is for the log only."""
    code, message = _INTERNAL.get(service, _ANY_INTERNAL)
    return AwsError(code, message, 500, sender_fault=False)


def invalid(operation: OperationModel, protocol: str, message: str) -> AwsError:
    """Values that break the model's constraints, under the code that the service has for them (recorded answers)."""
    if protocol in _FORMS:
        return AwsError("ValidationError", message, 400)
    if operation.service.name == "logs" and all(error.name != "ValidationException" for error in operation.errors):
        return AwsError("InvalidParameterException", message, 400)
    return validation_error(message)


def too_large(service: str, operation: str, limit: int) -> AwsError:
    """A body of more than `limit` bytes. Texts recorded from Lambda and from the S3 API reference."""
    if service == "s3":
        fields = {"MaxSizeAllowed": str(limit)}
        return AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, fields=fields)
    text = f"Request must be smaller than {limit} bytes"
    return AwsError(
        "RequestEntityTooLargeException", f"{text} for the {operation} operation" if operation else text, 413
    )


def describe(request: Request) -> str:
    """A request in a log line."""
    return f"{request.method} {request.path}"
