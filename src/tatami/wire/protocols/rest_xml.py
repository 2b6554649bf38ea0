"""REST with XML bodies (S3, S3 Control, Route 53, CloudFront)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tatami.wire.http import Response
from tatami.wire.models import OperationModel, ServiceModel, Shape
from tatami.wire.protocols import xml_values
from tatami.wire.protocols.codec import Encoder, MalformedRequest, Values, answer_headers
from tatami.wire.protocols.rest import RestCodec, header_fields
from tatami.wire.protocols.xml_values import XmlWriters, escape

_NAMESPACES = {
    "s3": "http://s3.amazonaws.com/doc/2006-03-01/",
    "s3control": "http://awss3control.amazonaws.com/doc/2018-08-20/",
    "route53": "https://route53.amazonaws.com/doc/2013-04-01/",
    "cloudfront": "http://cloudfront.amazonaws.com/doc/2020-05-31/",
}

_S3_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CreateSession": "CreateSessionResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotification": "NotificationConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
"""Root elements of S3's answers after the S3 API Reference; the model lacks them, no recording checks them."""


def _writers(service: ServiceModel) -> XmlWriters:
    return xml_values.millisecond_writers if service.name == "s3" else xml_values.plain_writers


class RestXmlCodec(RestCodec):
    """The protocol `rest-xml`."""

    body_type = "application/xml"
    malformed_code = "MalformedXML"

    def malformed(self, operation: OperationModel, message: str) -> MalformedRequest:
        """S3 has one text for all malformed bodies."""
        if operation.service.name == "s3" and message.startswith("Could not parse"):
            message = "The XML you provided was not well-formed or did not validate against our published schema"
        return MalformedRequest(self.malformed_code, message)

    def _body_reader(self, operation: OperationModel, shape: Shape) -> Callable[[bytes], Any]:
        read = xml_values.readers.structure(shape)
        return lambda body: read(xml_values.loads(body))

    def _body_writer(self, operation: OperationModel, shape: Shape, payload: str | None) -> Callable[[Values], bytes]:
        service = operation.service
        tag = shape.wire_name or (shape.name if payload else _S3_ROOTS.get(operation.name, shape.name))
        if "xmlNamespace" not in shape.traits:
            shape = shape.with_traits(xmlNamespace=_NAMESPACES.get(service.name, service.xml_namespace))
        write = _writers(service).element(tag, shape)

        def encode(values: Values) -> bytes:
            out = [xml_values.HEADER]
            write(values, out)
            return "".join(out).encode()

        return encode

    def _write_event(self, shape: Shape, name: str, value: Any) -> bytes:
        out: list[str] = []
        xml_values.millisecond_writers.element(name, shape)(value, out)
        return "".join(out).encode()

    def _compile_encoder(self, operation: OperationModel) -> Encoder:
        if operation.service.name == "s3" and operation.name == "GetBucketLocation":
            return _encode_bucket_location(operation.service)
        return super()._compile_encoder(operation)

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
        """A bare `<Error>` for S3, `<ErrorResponse><Error>` for the others; nothing in answer to HEAD or with 304."""
        shape = service.error(code)
        wire_code = shape.error_code if shape is not None else code
        headers = answer_headers(service, request_id) | header_fields(shape, fields)
        if status == 304 or (operation is not None and operation.method == "HEAD"):
            return Response(status, headers)
        headers["Content-Type"] = self.body_type if service.name == "s3" else "text/xml"
        inner = f"<Code>{escape(wire_code)}</Code><Message>{escape(message)}</Message>{error_fields(shape, fields)}"
        if service.name == "s3":
            host_id = headers["x-amz-id-2"]
            body = f"<Error>{inner}<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>"
        else:
            namespace = _NAMESPACES.get(service.name, service.xml_namespace)
            fault = "Sender" if sender_fault else "Receiver"
            body = (
                f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type>{inner}</Error>'
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        return Response(status, headers, (xml_values.HEADER + body).encode())


def _encode_bucket_location(service: ServiceModel) -> Encoder:
    """The one answer whose root element is the member itself (`s3UnwrappedXmlOutput` in S3's own model)."""

    def encode(values: Values, request_id: str) -> Response:
        region = escape(values.get("LocationConstraint") or "")
        body = f'{xml_values.HEADER}<LocationConstraint xmlns="{_NAMESPACES["s3"]}">{region}</LocationConstraint>'
        return Response(200, {**answer_headers(service, request_id), "Content-Type": "application/xml"}, body.encode())

    return encode


def error_fields(shape: Shape | None, fields: Mapping[str, Any]) -> str:
    """Further members of an error as elements; those that the model does not have as plain text."""
    out: list[str] = []
    for name, value in fields.items():
        member = shape.members.get(name) if shape is not None else None
        if value is None or (member is not None and member.location is not None):
            continue
        if member is not None:
            xml_values.plain_writers.member(name, member)(value, out)
        else:
            out.append(f"<{name}>{escape(str(value))}</{name}>")
    return "".join(out)
