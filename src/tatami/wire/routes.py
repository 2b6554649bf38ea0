"""
The routes of one REST service, compiled once: method and path to operation.

Paths are matched segment by segment before they are percent-decoded, so a `%2F` never splits a label. Literals
go before labels and labels before greedy ones. Operations that share a path are told apart by the static part
of their query (`?find=LayerVersion`, `?acl`) and then by the headers and query members that the model requires
(CopyObject is PutObject with `x-amz-copy-source`, UploadPart with `partNumber` and `uploadId`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qsl, unquote

from tatami.wire.models import OperationModel, ServiceModel

Labels = tuple[tuple[str, str], ...]
_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")
_OPTIONAL_QUERY = frozenset({"x-id"})
"""Static query members that some clients leave away: they only name the operation."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation at a path."""

    operation: OperationModel
    static: tuple[tuple[str, str], ...]
    required_query: tuple[str, ...]
    required_headers: tuple[str, ...]

    def fits(self, query: Mapping[str, str]) -> bool:
        """True when the static part of the query is there."""
        return all(query.get(name) == value or (not value and name in query) for name, value in self.static)

    def rank(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, int, int, bool]:
        """Smaller fits better: required members missing, static members, required members there, deprecated."""
        present = sum(name in query for name in self.required_query)
        present += sum(name in headers for name in self.required_headers)
        missing = len(self.required_query) + len(self.required_headers) - present
        return missing, -len(self.static), -present, bool(self.operation.traits.get("deprecated"))


@dataclass(slots=True)
class _Node:
    """A place in the tree of segments."""

    literals: dict[str, _Node] = field(default_factory=dict)
    labels: dict[str, tuple[re.Pattern[str] | None, _Node]] = field(default_factory=dict)
    greedy: dict[str, _Node] = field(default_factory=dict)
    routes: dict[str, list[tuple[Route, tuple[str, ...]]]] = field(default_factory=dict)


class Routes:
    """All routes of a service."""

    def __init__(self, service: ServiceModel) -> None:
        self._root = _Node()
        for operation in service.operations.values():
            self._add(operation)

    def match(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[OperationModel, dict[str, str]] | None:
        """The operation at a raw path and query, with its labels decoded; None when there is none."""
        segments = path.split("/")[1:]
        trailing = len(segments) > 1 and segments[-1] == ""
        if trailing:
            segments.pop()
        found = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
        for node, texts in _walk(self._root, segments, 0, trailing):
            fitting = [entry for entry in node.routes.get(method, ()) if entry[0].fits(found)]
            if fitting:
                route, names = min(fitting, key=lambda entry: entry[0].rank(found, headers))
                return route.operation, {name: unquote(text) for name, text in zip(names, texts, strict=True)}
        return None

    def _add(self, operation: OperationModel) -> None:
        path, _, query = operation.uri.partition("?")
        names: list[str] = []
        node = self._root
        segments = path.split("/")[1:]
        if len(segments) > 1 and segments[-1] == "":
            segments.pop()
        for segment in segments:
            node = _child(node, segment, names)
        node.routes.setdefault(operation.method, []).append((_route(operation, query), tuple(names)))


def _child(node: _Node, segment: str, names: list[str]) -> _Node:
    """The node below for a segment of a requestUri, made when it is not there; its labels are added to `names`."""
    labels = list(_LABEL.finditer(segment))
    if not labels:
        return node.literals.setdefault(segment, _Node())
    names.extend(label[1] for label in labels)
    if len(labels) == 1 and labels[0][0] == segment:
        if labels[0][2]:
            return node.greedy.setdefault("", _Node())
        return node.labels.setdefault("", (None, _Node()))[1]
    shape = _LABEL.sub("{}", segment)
    pattern = re.compile("([^/]+)".join(re.escape(part) for part in shape.split("{}")))
    return node.labels.setdefault(shape, (pattern, _Node()))[1]


def _walk(node: _Node, segments: Sequence[str], at: int, trailing: bool) -> Iterator[tuple[_Node, tuple[str, ...]]]:
    """Every node that the segments lead to, best first, with the raw texts of the labels on the way."""
    if at == len(segments):
        yield node, ()
        return
    segment = segments[at]
    literal = node.literals.get(unquote(segment) if "%" in segment else segment)
    if literal is not None:
        yield from _walk(literal, segments, at + 1, trailing)
    if segment:
        # Segments with a literal part (`{name}.json`) are closer than whole labels.
        for pattern, below in sorted(node.labels.values(), key=lambda entry: entry[0] is None):
            match = pattern.fullmatch(segment) if pattern is not None else None
            texts = match.groups() if match is not None else ((segment,) if pattern is None else None)
            if texts is not None:
                for found, rest in _walk(below, segments, at + 1, trailing):
                    yield found, (*texts, *rest)
    for below in node.greedy.values():
        # Shortest first, so that `{Name+}/policy` comes before `{Name+}`; where nothing follows, all at once.
        leaf = not (below.literals or below.labels or below.greedy)
        for end in (len(segments),) if leaf else range(at + 1, len(segments) + 1):
            text = "/".join(segments[at:end]) + ("/" if trailing and end == len(segments) else "")
            if text:
                for found, rest in _walk(below, segments, end, trailing):
                    yield found, (text, *rest)


def _route(operation: OperationModel, query: str) -> Route:
    static = tuple((k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k not in _OPTIONAL_QUERY)
    shape = operation.input
    members = {} if shape is None else {name: shape.members[name] for name in shape.required if name in shape.members}
    in_query = tuple(m.wire_name or n for n, m in members.items() if m.location == "querystring")
    in_headers = tuple((m.wire_name or n).lower() for n, m in members.items() if m.location == "header")
    return Route(operation, static, in_query, in_headers)


@cache
def routes_of(service: ServiceModel) -> Routes:
    """The routes of `service`, compiled on first use."""
    return Routes(service)
