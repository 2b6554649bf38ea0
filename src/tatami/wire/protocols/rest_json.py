"""REST with JSON bodies (Lambda, API Gateway, EventBridge Scheduler ...)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tatami.wire.http import Response
from tatami.wire.models import OperationModel, ServiceModel, Shape
from tatami.wire.protocols import json_values
from tatami.wire.protocols.codec import Values, answer_headers, error_members, shape_and_name
from tatami.wire.protocols.json import json_error_members, write_json
from tatami.wire.protocols.rest import RestCodec, header_fields


class RestJsonCodec(RestCodec):
    """The protocol `rest-json`."""

    body_type = "application/json"

    def _body_reader(self, operation: OperationModel, shape: Shape) -> Callable[[bytes], Any]:
        convert = json_values.decoders.decoder(shape)
        return lambda body: convert(json_values.loads(body))

    def _body_writer(self, operation: OperationModel, shape: Shape, payload: str | None) -> Callable[[Values], bytes]:
        convert = json_values.encoders.encoder(shape)
        if convert is None:
            return json_values.dumps
        return lambda values: json_values.dumps(convert(values))

    def _write_event(self, shape: Shape, name: str, value: Any) -> bytes:
        return write_json(shape, name, value)

    def _blob_type(self, operation: OperationModel) -> str:
        # Invoke's answer is a function's JSON, and AWS says so.
        return "application/json" if operation.service.name == "lambda" else "application/octet-stream"

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
        """The error's name in `x-amzn-ErrorType`, its members as the body."""
        shape, name = shape_and_name(service, code)
        members = error_members(shape, message, sender_fault, fields)
        headers = answer_headers(service, request_id) | header_fields(shape, members)
        headers |= {"x-amzn-ErrorType": name, "Content-Type": "application/json"}
        return Response(status, headers, json_values.dumps(json_error_members(shape, members)))
