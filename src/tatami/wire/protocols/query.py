"""The query protocol: a form with `Action` and `Version` in, XML out (STS, IAM, SNS, CloudFormation ...)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tatami.wire.http import Request, Response
from tatami.wire.models import OperationModel, ServiceModel
from tatami.wire.protocols import xml_values
from tatami.wire.protocols.codec import Codec, Decoder, Encoder, Values, answer_headers
from tatami.wire.protocols.form_values import FormReaders, fields_of, tree
from tatami.wire.protocols.rest_xml import error_fields
from tatami.wire.protocols.xml_values import escape


class QueryCodec(Codec):
    """The protocol `query`."""

    malformed_code = "MalformedInput"
    readers = FormReaders(ec2=False)

    def _compile_decoder(self, operation: OperationModel) -> Decoder:
        if operation.input is None:
            return lambda request, path_values: {}
        read = self.readers.structure(operation.input)

        def decode(request: Request, path_values: Mapping[str, str]) -> Values:
            found: Values = read(tree(fields_of(request)))
            return found

        return decode

    def _compile_encoder(self, operation: OperationModel) -> Encoder:
        service, shape, name = operation.service, operation.output, operation.name
        write = xml_values.plain_writers.content(shape) if shape is not None else None
        result = operation.result_wrapper or f"{name}Result"
        opening = f'<{name}Response xmlns="{service.xml_namespace}">'

        def encode(values: Values, request_id: str) -> Response:
            out = [opening]
            if write is not None:
                out.append(f"<{result}>")
                write(values, out)
                out.append(f"</{result}>")
            out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
            headers = answer_headers(service, request_id)
            headers["Content-Type"] = "text/xml"
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
        """`<ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>`."""
        shape = service.error(code)
        wire_code = service.query_code(shape) if shape is not None else code
        fault = "Sender" if sender_fault else "Receiver"
        body = (
            f'<ErrorResponse xmlns="{service.xml_namespace}"><Error><Type>{fault}</Type>'
            f"<Code>{escape(wire_code)}</Code><Message>{escape(message)}</Message>{error_fields(shape, fields)}"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        headers = answer_headers(service, request_id)
        headers["Content-Type"] = "text/xml"
        return Response(status, headers, body.encode())
