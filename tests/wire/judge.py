"""botocore as the judge: its serialisers make our requests, its parsers read our answers."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.awsrequest
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize

from tatami.wire.http import Request, Response
from tatami.wire.models import ServiceModel

SERVICES = ("lambda", "logs", "sts", "iam", "sqs", "sns", "s3", "kinesis", "dynamodb", "events", "cloudwatch")
WIDER = (
    "apigateway",
    "apigatewayv2",
    "cloudformation",
    "cloudfront",
    "codedeploy",
    "iot",
    "kafka",
    "mq",
    "pipes",
    "rds",
    "route53",
    "s3control",
    "scheduler",
    "sesv2",
    "stepfunctions",
)


@cache
def service_of(name: str) -> botocore.model.ServiceModel:
    """botocore's own model."""
    return botocore.model.ServiceModel(botocore.loaders.create_loader().load_service_model(name, "service-2"), name)


def protocols_of(name: str) -> list[str]:
    """The protocols that the model lists."""
    metadata = service_of(name).metadata
    return list(metadata.get("protocols") or [metadata["protocol"]])


def authorization(service: ServiceModel, region: str = "us-east-1") -> str:
    """A header with the credential scope that the SDKs would sign for."""
    scope = f"AKIDEXAMPLE/20260101/{region}/{service.signing_name}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"


def request(name: str, operation: str, protocol: str, values: dict[str, Any], service: ServiceModel) -> Request:
    """The request that botocore sends for `values`, as our server would get it."""
    model = service_of(name).operation_model(operation)
    raw = botocore.serialize.create_serializer(protocol, include_validation=False).serialize_to_request(values, model)
    botocore.awsrequest.prepare_request_dict(raw, "http://localhost:4566")
    prepared = botocore.awsrequest.create_request_object(raw).prepare()
    path, _, query = prepared.url.removeprefix("http://localhost:4566").partition("?")
    if not path.startswith("/"):
        # A host prefix stands before the name of the host.
        path = "/" + prepared.url.split("/", 3)[3].partition("?")[0]
    headers = {key.lower(): _text(value) for key, value in prepared.headers.items()}
    headers["authorization"] = authorization(service)
    body = prepared.body or b""
    if isinstance(body, dict):
        body = urlencode(body).encode()
    return Request(prepared.method, path, query, headers, body.encode() if isinstance(body, str) else bytes(body))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def parse(name: str, operation: str, protocol: str, response: Response) -> dict[str, Any]:
    """What botocore reads in our answer, without its metadata."""
    model = service_of(name).operation_model(operation)
    raw: dict[str, Any] = {
        "status_code": response.status,
        "headers": botocore.awsrequest.HeadersDict(response.headers),
        "body": response.body,
        "context": {"operation_name": operation},
    }
    shape = model.output_shape
    if model.has_streaming_output and response.status < 300:
        raw["body"] = _Stream(response.body)
    parsed = botocore.parsers.create_parser(protocol).parse(raw, shape)
    assert isinstance(parsed, dict)
    return parsed


class _Stream:
    """A streaming body: botocore hands it to the caller as it is."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return bool(other == self.content)

    __hash__ = None  # type: ignore[assignment]
