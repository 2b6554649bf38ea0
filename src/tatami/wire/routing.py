"""
Which service and operation a request means.

Unmodified SDKs send the requests of all services to one endpoint, so the service has to be read off the
request. What names the operation outright comes first: the path of RPC v2 CBOR, then `X-Amz-Target`. After
them the credential scope of the signature (header or presigned), then the Host, then `Action` and `Version` of
the query protocol, and last the path. Where several services share a signing name, the one whose `Version` or
route fits is meant.

Only names are compared (service_table); a model is loaded when its service is meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl

from tatami.wire import hosts, models
from tatami.wire.http import Request
from tatami.wire.models import OperationModel, ServiceModel, load_service
from tatami.wire.routes import routes_of
from tatami.wire.service_table import DATED_PATHS, SERVICES, SIGNING_ALIASES, Entry

_CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)/?$")
_DATED = re.compile(r"/(\d{4}-\d{2}-\d{2})(?:/|$)")
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
_REST = ("rest-json", "rest-xml")
_FORM = ("query", "ec2")

_BY_NAME = {entry.name: entry for entry in SERVICES}
_BY_TARGET = {entry.target_prefix: entry for entry in SERVICES if entry.target_prefix}
_BY_SIGNING: dict[str, list[Entry]] = {}
for _entry in SERVICES:
    _BY_SIGNING.setdefault(_entry.signing_name, []).append(_entry)


class UnknownService(Exception):
    """No service can be read off the request. seen: what there was to read."""

    def __init__(self, seen: str) -> None:
        super().__init__(f"no service recognised: {seen}")
        self.seen = seen


class UnknownOperation(Exception):
    """The service has no such operation. seen: the action, target or route; protocol: for the shape of the refusal."""

    def __init__(self, service: str, seen: str, protocol: str) -> None:
        super().__init__(f"{service} has no operation for {seen}")
        self.service = service
        self.seen = seen
        self.protocol = protocol


@dataclass(frozen=True, slots=True)
class Target:
    """
    What a request means. protocol: as the models name it. path_values: labels of the path, percent-decoded.

    path: the path that was matched; for virtual-host S3 the bucket has been put in front.
    """

    service: ServiceModel
    operation: OperationModel
    protocol: str
    path_values: dict[str, str]
    path: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope of a signature. region: None for SigV4a, which signs for a set of regions."""

    access_key: str
    region: str | None
    service: str


def scope_of(request: Request) -> Scope | None:
    """The credential scope in the Authorization header or the presigned query string, if there is one."""
    match = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if match is not None:
        return _parse_scope(match[1])
    if "Credential=" in request.query:
        found = parse_qs(request.query).get("X-Amz-Credential")
        if found:
            return _parse_scope(found[0])
    return None


def _parse_scope(credential: str) -> Scope | None:
    parts = credential.split("/")
    if len(parts) < 4 or parts[-1] != "aws4_request":
        return None
    return Scope(parts[0], parts[-3] if len(parts) >= 5 else None, parts[-2])


def region_of(request: Request) -> str | None:
    """The region that the request is for: of the credential scope, else of the Host; None when neither says."""
    scope = scope_of(request)
    if scope is not None and scope.region:
        return scope.region
    return hosts.parse(request.headers.get("host", "")).region


def identify(request: Request) -> Target:
    """What `request` means. Raises UnknownService and UnknownOperation."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _by_cbor_path(request)
    target = request.headers.get("x-amz-target")
    if target:
        return _by_target(target)
    scope = scope_of(request)
    host = hosts.parse(request.headers.get("host", ""))
    candidates = _candidates(scope, host, request)
    fields = _form_fields(request)
    action = fields.get("Action")
    if action is not None and (not candidates or any(set(entry.protocols) & set(_FORM) for entry in candidates)):
        found = _by_action(action, fields.get("Version"), candidates)
        if found is not None:
            return found
    if not candidates:
        candidates = _by_path(request)
    return _by_route(request, host, candidates)


def _by_cbor_path(request: Request) -> Target:
    match = _CBOR_PATH.search(request.path)
    if match is None:
        raise UnknownService(f"{request.method} {request.path} with smithy-protocol rpc-v2-cbor")
    prefix, name = match[1], match[2]
    entry = _BY_TARGET.get(prefix)
    if entry is None:
        raise UnknownService(f"service {prefix} in the path")
    return _rpc(entry, name, "smithy-rpc-v2-cbor")


def _by_target(target: str) -> Target:
    prefix, _, name = target.rpartition(".")
    entry = _BY_TARGET.get(prefix)
    if entry is None:
        raise UnknownService(f"X-Amz-Target {target}")
    return _rpc(entry, name, "json")


def _rpc(entry: Entry, name: str, protocol: str) -> Target:
    if protocol not in entry.protocols:
        raise UnknownOperation(entry.name, f"{name} over {protocol}", entry.protocols[0])
    service = load_service(entry.name)
    if name not in service.operations:
        raise UnknownOperation(entry.name, name, protocol)
    return Target(service, service.operations[name], protocol, {}, "/")


def _candidates(scope: Scope | None, host: hosts.Host, request: Request) -> list[Entry]:
    """The services that the signature, or else the Host, allows; none when neither names one."""
    if scope is not None:
        name = SIGNING_ALIASES.get(scope.service, scope.service)
        found = _BY_SIGNING.get(name)
        if found is None:
            found = _outside_the_table(name)
        if not found:
            raise UnknownService(f"signing name {scope.service}")
        return _narrow_s3(found, request, host) if name == "s3" else found
    if request.headers.get("authorization", "").startswith("AWS ") or "AWSAccessKeyId=" in request.query:
        return [_BY_NAME["s3"]]
    return [_BY_NAME[name] for name in host.services]


def _outside_the_table(name: str) -> list[Entry]:
    """A service that is not in the table but signs with botocore's name for it, from its model."""
    try:
        service = load_service(name)
    except models.UnknownServiceModel:
        return []
    prefixes = service.endpoint_prefix, service.target_prefix or ""
    return [Entry(name, service.signing_name, *prefixes, service.api_version, service.protocols)]


def _narrow_s3(entries: Sequence[Entry], request: Request, host: hosts.Host) -> list[Entry]:
    # S3 Control signs as s3, and S3's greedy routes would match anything.
    control = request.path.startswith("/v20180820/") or "s3control" in host.services
    wanted = "s3control" if control else "s3"
    return [entry for entry in entries if entry.name == wanted]


def _form_fields(request: Request) -> dict[str, str]:
    """`Action` and `Version` of a form or query string; empty for anything else."""
    fields: dict[str, str] = {}
    if "Action=" in request.query:
        fields.update(_named(request.query))
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded") and request.body:
        fields.update(_named(request.body.decode("latin-1")))
    return fields


def _named(form: str) -> dict[str, str]:
    parts = "&".join(part for part in form.split("&") if part.startswith(("Action=", "Version=")))
    return dict(parse_qsl(parts, keep_blank_values=True))


def _by_action(action: str, version: str | None, candidates: Sequence[Entry]) -> Target | None:
    """The operation of a form. None when the path has to decide (REST services among the candidates)."""
    forms = [entry for entry in candidates or SERVICES if set(entry.protocols) & set(_FORM)]
    fitting = [entry for entry in forms if version is None or entry.api_version == version]
    if not candidates and version is None:
        raise UnknownService(f"Action={action} without Version")
    for entry in fitting or (forms if candidates else ()):
        service = load_service(entry.name)
        if action in service.operations:
            protocol = next(name for name in entry.protocols if name in _FORM)
            return Target(service, service.operations[action], protocol, {}, "/")
    if not candidates and not fitting:
        raise UnknownService(f"Action={action} Version={version}")
    if any(protocol in _REST for entry in candidates for protocol in entry.protocols):
        return None
    first = (fitting or forms)[0]
    raise UnknownOperation(first.name, action, next(name for name in first.protocols if name in _FORM))


def _by_path(request: Request) -> list[Entry]:
    """Unsigned, and the Host says nothing: the date that begins a path, or else a public bucket of S3."""
    match = _DATED.match(request.path)
    if match is not None:
        name = DATED_PATHS.get(match[1])
        return [_BY_NAME[name]] if name else list(_BY_SIGNING["lambda"])
    if "/@connections/" in request.path:
        return [_BY_NAME["apigatewaymanagementapi"]]
    if request.path.strip("/"):
        return [_BY_NAME["s3"]]
    raise UnknownService(f"{request.method} {request.path}")


def _by_route(request: Request, host: hosts.Host, candidates: Sequence[Entry]) -> Target:
    rest = [entry for entry in candidates if any(protocol in _REST for protocol in entry.protocols)]
    for entry in rest:
        service = load_service(entry.name)
        path = _path_for(entry.name, request.path, host)
        found = routes_of(service).match(request.method, path, request.query, request.headers)
        if found is not None:
            protocol = next(name for name in entry.protocols if name in _REST)
            return Target(service, found[0], protocol, found[1], path)
    first = (rest or candidates)[0]
    raise UnknownOperation(first.name, f"{request.method} {request.path}", first.protocols[0])


def _path_for(service: str, path: str, host: hosts.Host) -> str:
    """The path that the routes of `service` know: the bucket in front (S3), the stage taken away (API Gateway)."""
    if service == "s3" and host.bucket:
        return f"/{host.bucket}{path}"
    if service == "apigatewaymanagementapi" and "/@connections/" in path:
        return path[path.index("/@connections/") :]
    return path
