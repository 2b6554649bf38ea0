"""EC2's dialect of the query protocol: lists without an element between, answers without a result wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tatami.wire.http import Response
from tatami.wire.models import OperationModel, ServiceModel
from tatami.wire.protocols import xml_values
from tatami.wire.protocols.codec import Encoder, Values, answer_headers
from tatami.wire.protocols.form_values import FormReaders
from tatami.wire.protocols.query import QueryCodec
from tatami.wire.protocols.rest_xml import error_fields
from tatami.wire.protocols.xml_values import escape

_CONTENT_TYPE = "text/xml;charset=UTF-8"


class Ec2Codec(QueryCodec):
    """The protocol `ec2`."""

    readers = FormReaders(ec2=True)

    def _compile_encoder(self, operation: OperationModel) -> Encoder:
        service, shape, name = operation.service, operation.output, operation.name
        write = xml_values.millisecond_writers.content(shape) if shape is not None else None
        namespace = f"http://ec2.amazonaws.com/doc/{service.api_version}/"

        def encode(values: Values, request_id: str) -> Response:
            out = [f'{xml_values.HEADER}<{name}Response xmlns="{namespace}"><requestId>{request_id}</requestId>']
            if write is not None:
                write(values, out)
            else:
                out.append("<return>true</return>")
            out.append(f"</{name}Response>")
            headers = answer_headers(service, request_id)
            headers["Content-Type"] = _CONTENT_TYPE
            return Response(200, headers, "".join(out).encode())

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
        """`<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>`."""
        shape = service.error(code)
        wire_code = shape.error_code if shape is not None else code
        body = (
            f"{xml_values.HEADER}<Response><Errors><Error><Code>{escape(wire_code)}</Code>"
            f"<Message>{escape(message)}</Message>{error_fields(shape, fields)}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        headers = answer_headers(service, request_id)
        headers["Content-Type"] = _CONTENT_TYPE
        return Response(status, headers, body.encode())
