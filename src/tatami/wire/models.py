"""
Service models: what an AWS service's operations and shapes look like, read from botocore's data files.

botocore is a dependency for its data only. Importing it costs 0.3 s, so its folder is found without an
import and `data/<service>/<newest version>/service-2.json.gz` is read here, once per service and on first use.

A shape is resolved where it is referred to: the traits of the reference (`locationName`, `flattened`, ...)
lie over those of the shape itself, as every AWS code generator does it. References that add nothing share
one `Shape`. Members are resolved on first use, so recursive shapes cost nothing.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from tatami.wire.service_table import QUERY_ERROR_CODES

_REFERENCE_ONLY = frozenset({"shape", "documentation", "deprecated", "deprecatedMessage", "deprecatedSince", "box"})
"""Keys of a reference that do not change the shape it points to."""


class UnknownServiceModel(KeyError):
    """botocore's data has no service of that name."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A type of the service model, with the traits of the place that refers to it laid over its own.

    type: structure, list, map, string, blob, boolean, integer, long, float, double, timestamp, character.
    traits: the raw model entries, except members.
    """

    name: str
    type: str
    traits: Mapping[str, Any]
    service: str
    _definition: Mapping[str, Any] = field(repr=False)
    _resolver: Resolver = field(repr=False)

    def with_traits(self, **traits: Any) -> Shape:
        """The same shape with further traits, as a reference with these would give it."""
        return Shape(self.name, self.type, {**self.traits, **traits}, self.service, self._definition, self._resolver)

    @cached_property
    def members(self) -> dict[str, Shape]:
        """A structure's members by name, in the model's order."""
        references = self._definition.get("members", {})
        return {name: self._resolver.resolve(reference) for name, reference in references.items()}

    @cached_property
    def member(self) -> Shape:
        """A list's element."""
        return self._resolver.resolve(self._definition["member"])

    @cached_property
    def key(self) -> Shape:
        """A map's key."""
        return self._resolver.resolve(self._definition["key"])

    @cached_property
    def value(self) -> Shape:
        """A map's value."""
        return self._resolver.resolve(self._definition["value"])

    @cached_property
    def required(self) -> tuple[str, ...]:
        """A structure's required members."""
        return tuple(self._definition.get("required", ()))

    @property
    def location(self) -> str | None:
        """Where the member travels: header, headers, querystring, uri, statusCode; None is the body."""
        return self.traits.get("location")

    @property
    def wire_name(self) -> str | None:
        """The name on the wire (`locationName`), when it differs from the member's."""
        return self.traits.get("locationName")

    @property
    def timestamp_format(self) -> str | None:
        """iso8601, rfc822 or unixTimestamp, when the model says so."""
        return self.traits.get("timestampFormat")

    @property
    def flattened(self) -> bool:
        """True for lists and maps without a wrapping element."""
        return bool(self.traits.get("flattened"))

    @property
    def payload(self) -> str | None:
        """The member of a structure that is the whole body."""
        return self.traits.get("payload")

    @property
    def enum(self) -> tuple[str, ...]:
        """The allowed values; empty when any is."""
        return tuple(self.traits.get("enum", ()))

    @property
    def is_document(self) -> bool:
        """True for a free-form JSON value."""
        return bool(self.traits.get("document"))

    @property
    def is_event_stream(self) -> bool:
        """True for the union of events of an event stream."""
        return bool(self.traits.get("eventstream"))

    @property
    def sensitive(self) -> bool:
        """True when AWS does not repeat the value in messages."""
        return bool(self.traits.get("sensitive"))

    @property
    def error_code(self) -> str:
        """An error's code for clients: the model's own code, or the shape's name."""
        return str(self.traits.get("error", {}).get("code") or self.name)

    @property
    def error_status(self) -> int | None:
        """An error's HTTP status, when the model has one."""
        status = self.traits.get("error", {}).get("httpStatusCode")
        return int(status) if status is not None else None

    @cached_property
    def event_stream_member(self) -> str | None:
        """The member that is an event stream, if any."""
        if self.type != "structure":
            return None
        return next((name for name, shape in self.members.items() if shape.is_event_stream), None)


class Resolver:
    """The shapes of one service, resolved on demand."""

    def __init__(self, service: str, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._service = service
        self._definitions = definitions
        self._plain: dict[str, Shape] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def resolve(self, reference: Mapping[str, Any]) -> Shape:
        """The shape that `reference` (`{"shape": name, ...traits}`) means."""
        name = reference["shape"]
        extra = {key: value for key, value in reference.items() if key not in _REFERENCE_ONLY}
        if not extra and name in self._plain:
            return self._plain[name]
        definition = self._definitions[name]
        traits = {k: v for k, v in definition.items() if k not in ("members", "member", "key", "value", "required")}
        shape = Shape(name, definition["type"], {**traits, **extra}, self._service, definition, self)
        if not extra:
            self._plain[name] = shape
        return shape


@dataclass(frozen=True, eq=False)
class OperationModel:
    """One operation. method, uri (`/path/{Label}/{Greedy+}?static=query`) and status are those of a REST protocol."""

    name: str
    service: ServiceModel = field(repr=False)
    method: str
    uri: str
    status: int
    auth_type: str | None
    host_prefix: str | None
    traits: Mapping[str, Any] = field(repr=False)

    @cached_property
    def input(self) -> Shape | None:
        """The input structure."""
        return self._resolve("input")

    @cached_property
    def output(self) -> Shape | None:
        """The output structure."""
        return self._resolve("output")

    @cached_property
    def errors(self) -> tuple[Shape, ...]:
        """The errors that the model lists for this operation."""
        return tuple(self.service.shape(reference["shape"]) for reference in self.traits.get("errors", ()))

    @property
    def http_checksum(self) -> Mapping[str, Any]:
        """The `httpChecksum` trait: which checksums requests and answers carry."""
        found: Mapping[str, Any] = self.traits.get("httpChecksum", {})
        return found

    @property
    def result_wrapper(self) -> str | None:
        """The element around a query result."""
        wrapper = self.traits.get("output", {}).get("resultWrapper")
        return str(wrapper) if wrapper else None

    def _resolve(self, which: str) -> Shape | None:
        reference = self.traits.get(which)
        return self.service.resolver.resolve(reference) if reference else None


class _Operations(Mapping[str, OperationModel]):
    """
    Operations by name, each built when it is first asked for.

    The name is the model's key: CloudFront's own `name` has a date behind it that clients never see.
    """

    def __init__(self, service: ServiceModel, definitions: Mapping[str, Any]) -> None:
        self._service = service
        self._definitions = definitions
        self._built: dict[str, OperationModel] = {}

    def __getitem__(self, name: str) -> OperationModel:
        found = self._built.get(name)
        if found is None:
            definition = self._definitions[name]
            http = definition.get("http", {})
            found = self._built[name] = OperationModel(
                name,
                self._service,
                http.get("method", "POST"),
                http.get("requestUri", "/"),
                int(http.get("responseCode", 200)),
                definition.get("authtype"),
                definition.get("endpoint", {}).get("hostPrefix"),
                definition,
            )
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._definitions

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)


class ServiceModel:
    """One AWS service: its metadata, operations and shapes. `name` is botocore's folder name."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        metadata = document["metadata"]
        self.name = name
        self.metadata: Mapping[str, Any] = metadata
        self.api_version: str = metadata["apiVersion"]
        self.protocols: tuple[str, ...] = tuple(metadata.get("protocols") or (metadata["protocol"],))
        self.endpoint_prefix: str = metadata["endpointPrefix"]
        self.signing_name: str = metadata.get("signingName") or metadata["endpointPrefix"]
        self.target_prefix: str | None = metadata.get("targetPrefix")
        self.json_version: str = metadata.get("jsonVersion", "1.0")
        self.service_id: str = metadata.get("serviceId", name)
        self.query_compatible: bool = "awsQueryCompatible" in metadata
        self.xml_namespace: str = metadata.get("xmlNamespace") or (
            f"http://{metadata['endpointPrefix']}.amazonaws.com/doc/{metadata['apiVersion']}/"
        )
        self.resolver = Resolver(name, document["shapes"])
        self._shape_names = tuple(document["shapes"])
        self.operations: Mapping[str, OperationModel] = _Operations(self, document["operations"])

    def __repr__(self) -> str:
        return f"ServiceModel({self.name!r}, {self.api_version}, {len(self.operations)} operations)"

    def shape(self, name: str) -> Shape:
        """The shape of that name. Raises KeyError."""
        return self.resolver.resolve({"shape": name})

    @cached_property
    def _errors_by_code(self) -> dict[str, Shape]:
        found: dict[str, Shape] = {}
        errors = [shape for shape in map(self.shape, self._shape_names) if shape.traits.get("exception")]
        for shape in errors:
            found.setdefault(self.query_code(shape), shape)
        return found | {shape.name: shape for shape in errors}

    def error(self, code: str) -> Shape | None:
        """The error that `code` (a shape's name or its code on the wire) means, or None when the model has none."""
        return self._errors_by_code.get(code)

    def query_code(self, error: Shape) -> str:
        """The code of `error` in the query protocol, also where the service has left it (awsQueryCompatible)."""
        return QUERY_ERROR_CODES.get((self.name, error.name)) or error.error_code


@cache
def data_folder() -> Path:
    """botocore's folder of service models. Raises FileNotFoundError when botocore is not installed."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("botocore is not installed")
    return Path(spec.origin).parent / "data"


def is_known(name: str) -> bool:
    """True when botocore has a service folder of that name."""
    return name.replace("-", "").isalnum() and (data_folder() / name).is_dir()


@cache
def load_service(name: str) -> ServiceModel:
    """The newest model of service `name` (botocore's folder name). Raises UnknownServiceModel. Cached."""
    if not is_known(name):
        raise UnknownServiceModel(name)
    files = sorted((data_folder() / name).glob("*/service-2.json.gz"), key=lambda file: file.parent.name)
    if not files:
        raise UnknownServiceModel(name)
    return ServiceModel(name, msgspec.json.decode(gzip.decompress(files[-1].read_bytes())))
