"""
What a function is told of an HTTP request that came to its URL: payload format 2.0.

Source: Lambda guide, urls-invocation; API Gateway guide, http-api-develop-integrations-lambda; recorded answers.
The path is percent-decoded once, repeated parameters and headers are joined with commas, cookies stand apart. A body
is text when its Content-Type says so and it is UTF-8; any other comes in base64.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from tatami.services.lambda_.model.urls import UrlConfig
from tatami.wire.http import Request

ANONYMOUS = "anonymous"

TLS = {"x-amzn-tls-version": "TLSv1.3", "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256"}
"""AWS's endpoints speak TLS only and say so in every event; functions that look for it find it here too."""

_LEFT_OUT = frozenset(
    {"cookie", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that an event does not have: cookies stand apart, the others concern the connection only (recorded)."""


@dataclass(frozen=True)
class Arrival:
    """How a request came.

    path: below the URL, raw. host: as sent. client: the peer's address. scheme: `http` or `https`. protocol:
    `HTTP/1.1`. request_id: of the invocation. trace: the trace header for the function. now: seconds since the epoch.
    """

    path: str
    host: str
    client: str
    scheme: str
    protocol: str
    request_id: str
    trace: str
    now: float


@dataclass(frozen=True)
class Signer:
    """Who signed a request to a URL with AuthType AWS_IAM."""

    account: str
    access_key: str
    arn: str
    user_id: str

    def described(self) -> dict[str, Any]:
        """The member `authorizer.iam`."""
        return {
            "accessKey": self.access_key,
            "accountId": self.account,
            "callerId": self.user_id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": self.arn,
            "userId": self.user_id,
        }


def event_of(config: UrlConfig, request: Request, arrival: Arrival, signer: Signer | None) -> bytes:
    """The event as JSON text. signer: None for a URL that anybody may call."""
    path = unquote(arrival.path, errors="replace")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
    }
    if cookies := _cookies(request.header("cookie")):
        event["cookies"] = cookies
    event["headers"] = _headers(request.headers, arrival)
    if parameters := _parameters(request.query):
        event["queryStringParameters"] = parameters
    event["requestContext"] = _context(config, request, arrival, signer, path)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request)
    else:
        event["isBase64Encoded"] = False
    event["pathParameters"] = None
    event["stageVariables"] = None
    return msgspec.json.encode(event)


def _headers(given: Mapping[str, str], arrival: Arrival) -> dict[str, str]:
    headers = {name: value for name, value in given.items() if name not in _LEFT_OUT}
    before = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{before}, {arrival.client}" if before else arrival.client
    headers["x-forwarded-proto"] = arrival.scheme
    headers["x-forwarded-port"] = _port(arrival)
    headers["x-amzn-trace-id"] = arrival.trace
    return {**headers, **TLS}


def _port(arrival: Arrival) -> str:
    port = arrival.host.rpartition(":")[2]
    return port if port.isdigit() and ":" in arrival.host else {"https": "443"}.get(arrival.scheme, "80")


def _context(config: UrlConfig, request: Request, arrival: Arrival, signer: Signer | None, path: str) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": signer.account if signer else ANONYMOUS,
        "apiId": config.id,
        "authentication": None,
        "domainName": arrival.host,
        "domainPrefix": config.id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": arrival.protocol,
            "sourceIp": arrival.client,
            "userAgent": request.header("user-agent"),
        },
        "requestId": arrival.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{datetime.datetime.fromtimestamp(arrival.now, tz=datetime.UTC):%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(arrival.now * 1000),
    }
    if signer:
        context["authorizer"] = {"iam": signer.described()}
    return context


def _cookies(header: str) -> list[str]:
    return [cookie.strip() for cookie in header.split(";") if cookie.strip()]


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(request: Request) -> tuple[str, bool]:
    if _is_text(request.header("content-type")):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _is_text(content_type: str) -> bool:
    """By kind: text, JSON, XML, JavaScript. A form is none (recorded for multipart; AWS treats both forms alike)."""
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    if kind == "text":
        return True
    return kind == "application" and (subtype in ("json", "xml", "javascript") or subtype.endswith(("+json", "+xml")))
