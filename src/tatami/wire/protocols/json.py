"""AWS JSON 1.0 and 1.1: the operation in `X-Amz-Target`, one JSON object each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tatami.wire.eventstream import CONTENT_TYPE as EVENT_STREAM
from tatami.wire.http import Request, Response
from tatami.wire.models import OperationModel, ServiceModel, Shape
from tatami.wire.protocols import events, json_values
from tatami.wire.protocols.codec import (
    Codec,
    Decoder,
    Encoder,
    Values,
    answer_headers,
    error_members,
    query_error_header,
    shape_and_name,
)

_NAMESPACES = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "dynamodbstreams": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
}
"""What these services put before the error's name in `__type`; the others send the bare name."""


class JsonCodec(Codec):
    """The protocol `json`."""

    def _compile_decoder(self, operation: OperationModel) -> Decoder:
        shape = operation.input
        convert = json_values.decoders.decoder(shape) if shape is not None else None

        def decode(request: Request, path_values: Mapping[str, str]) -> Values:
            if convert is None or not request.body:
                return {}
            found: Values = convert(json_values.loads(request.body))
            return found

        return decode

    def _compile_encoder(self, operation: OperationModel) -> Encoder:
        service, shape = operation.service, operation.output
        content_type = f"application/x-amz-json-{service.json_version}"
        convert = json_values.encoders.encoder(shape) if shape is not None else None
        if shape is not None and shape.event_stream_member is not None:
            return self._event_encoder(service, shape, shape.event_stream_member)

        def encode(values: Values, request_id: str) -> Response:
            body = json_values.dumps(convert(values)) if convert is not None else b""
            return Response(200, {**answer_headers(service, request_id), "Content-Type": content_type}, body)

        return encode

    def _event_encoder(self, service: ServiceModel, shape: Shape, member: str) -> Encoder:
        content_type = f"application/x-amz-json-{service.json_version}"

        def encode(values: Values, request_id: str) -> Response:
            first = {name: value for name, value in values.items() if name != member}
            body = events.frames(
                shape.members[member], values[member], write_json, content_type, write_json(shape, "", first)
            )
            return Response(200, {**answer_headers(service, request_id), "Content-Type": EVENT_STREAM}, body)

        return encode

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
        """`{"__type": ..., "message": ...}`, and the query code beside it where the service has one."""
        shape, name = shape_and_name(service, code)
        members = json_error_members(shape, error_members(shape, message, sender_fault, fields))
        headers = answer_headers(service, request_id) | query_error_header(service, code, sender_fault)
        headers["Content-Type"] = f"application/x-amz-json-{service.json_version}"
        body = {"__type": _NAMESPACES.get(service.name, "") + name, **members}
        return Response(status, headers, json_values.dumps(body))


def write_json(shape: Shape, name: str, value: Any) -> bytes:
    """`value` of `shape` as JSON bytes."""
    convert = json_values.encoders.encoder(shape)
    return json_values.dumps(value if convert is None else convert(value))


def json_error_members(shape: Shape | None, members: Values) -> Values:
    """Members of an error as JSON values; those that the model does not have must be JSON values already."""
    if shape is None:
        return members
    found: Values = {}
    for name, value in members.items():
        inner = shape.members.get(name)
        if inner is None:
            found[name] = value
        elif inner.location is None and value is not None:
            convert = json_values.encoders.encoder(inner)
            found[inner.wire_name or name] = value if convert is None else convert(value)
    return found
