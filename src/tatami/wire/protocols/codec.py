"""
What all protocols have in common: the interface, the refusal of malformed requests, the parts of an error.

A codec keeps no state but compiled functions: per operation one that decodes and one that encodes, made of
closures over the model on first use.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from tatami.wire.http import Request, Response
from tatami.wire.models import OperationModel, ServiceModel, Shape
from tatami.wire.protocols.scalars import NotConvertible

Values = dict[str, Any]
Decoder = Callable[[Request, Mapping[str, str]], Values]
Encoder = Callable[[Values, str], Response]


class MalformedRequest(Exception):
    """The request's bytes are not what the protocol prescribes. code: as AWS spells it; status: HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class UnknownMember(ValueError):
    """An answer holds a member that the service model does not have: a mistake of the room that made it."""

    def __init__(self, shape: str, member: str) -> None:
        super().__init__(f"{shape} has no member {member!r}")


class Codec(ABC):
    """Bytes to values and back, for one protocol."""

    malformed_code = "SerializationException"

    def __init__(self) -> None:
        self._decoders: dict[OperationModel, Decoder] = {}
        self._encoders: dict[OperationModel, Encoder] = {}

    def decode(self, operation: OperationModel, request: Request, path_values: Mapping[str, str]) -> Values:
        """
        The operation's input: member names to values.

        Blobs are bytes, timestamps aware UTC datetimes; absent members are absent; a payload member of type blob
        is the raw body. Idempotency tokens are not filled in. Raises MalformedRequest.
        """
        decoder = self._decoders.get(operation)
        if decoder is None:
            decoder = self._decoders[operation] = self._compile_decoder(operation)
        try:
            return decoder(request, path_values)
        except NotConvertible as error:
            raise self.malformed(operation, str(error)) from error
        except RecursionError as error:
            raise self.malformed(operation, "The request is nested too deeply") from error

    def encode(self, operation: OperationModel, values: Values, request_id: str) -> Response:
        """The answer to a successful call. Raises UnknownMember for values that the model does not have."""
        encoder = self._encoders.get(operation)
        if encoder is None:
            encoder = self._encoders[operation] = self._compile_encoder(operation)
        return encoder(values, request_id)

    @abstractmethod
    def encode_error(
        self,
        operation: OperationModel | None,
        service: ServiceModel,
        code: str,
        message: str,
        status: int,
        sender_fault: bool,
        fields: Mapping[str, Any],
        request_id: str,
    ) -> Response:
        """
        An error's answer.

        code: the error shape's name or its code on the wire. operation: None when it is not known (yet).
        status: HTTP status. fields: further members of the error.
        """

    def malformed(self, operation: OperationModel, message: str) -> MalformedRequest:
        """The refusal of a request to `operation` that cannot be read."""
        return MalformedRequest(self.malformed_code, message)

    @abstractmethod
    def _compile_decoder(self, operation: OperationModel) -> Decoder: ...

    @abstractmethod
    def _compile_encoder(self, operation: OperationModel) -> Encoder: ...


def answer_headers(service: ServiceModel, request_id: str) -> dict[str, str]:
    """The headers of every answer: the request's id, for S3 under its own names too."""
    if service.name in ("s3", "s3control"):
        host_id = b64encode(sha256(request_id.encode()).digest()).decode("ascii")
        return {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id, "x-amz-id-2": host_id}
    return {"x-amzn-RequestId": request_id}


def shape_and_name(service: ServiceModel, code: str) -> tuple[Shape | None, str]:
    """The model's error that `code` means, if any, and the name under which shape-naming protocols send it."""
    shape = service.error(code)
    return shape, shape.name if shape is not None else code


def message_member(shape: Shape | None) -> str:
    """`Message` where the error's shape declares it so, else `message`. Source: recorded answers of Lambda."""
    if shape is None or "message" in shape.members:
        return "message"
    return "Message" if "Message" in shape.members else "message"


def error_members(shape: Shape | None, message: str, sender_fault: bool, fields: Mapping[str, Any]) -> Values:
    """The members of an error: its message under the name that the model gives it, `Type` if declared, and `fields`."""
    members: Values = {}
    if shape is not None and "Type" in shape.members and "Type" not in fields:
        members["Type"] = "User" if sender_fault else "Server"
    members[message_member(shape)] = message
    members.update(fields)
    return members


def query_error_header(service: ServiceModel, code: str, sender_fault: bool) -> dict[str, str]:
    """`x-amzn-query-error` for services that have left the query protocol but whose clients know its codes."""
    if not service.query_compatible:
        return {}
    shape = service.error(code)
    wire_code = service.query_code(shape) if shape is not None else code
    return {"x-amzn-query-error": f"{wire_code};{'Sender' if sender_fault else 'Receiver'}"}
