"""
Form fields (`Tags.member.1.Key=a`) to values of the model, for the query and ec2 protocols.

The dotted names are first made a tree; the empty name holds a node's own text. Lists and maps number their
elements from 1, and gaps close up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from tatami.wire.http import Request
from tatami.wire.models import Shape
from tatami.wire.protocols import scalars
from tatami.wire.protocols.scalars import NotConvertible

Node = dict[str, Any]
Read = Callable[[Node], Any]

_DEEPEST = 64


def fields_of(request: Request) -> dict[str, str]:
    """The fields of the query string and of the form body; the body wins. Raises NotConvertible."""
    try:
        fields = dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {}
        fields.update(parse_qsl(request.body.decode(), keep_blank_values=True))
    except (UnicodeDecodeError, ValueError) as error:
        raise NotConvertible("The body is not a form") from error
    return fields


def tree(fields: dict[str, str]) -> Node:
    """The fields as a tree by the dots of their names."""
    root: Node = {}
    for name, text in fields.items():
        node = root
        parts = name.split(".")
        if len(parts) > _DEEPEST:
            raise NotConvertible("A field is nested too deeply")
        if "" in parts:
            continue  # no member has an empty name, and the tree keeps it for texts
        for part in parts:
            node = node.setdefault(part, {})
        node[""] = text
    return root


class FormReaders:
    """The readers of one dialect. ec2: names begin with a capital and lists have no element between."""

    def __init__(self, *, ec2: bool) -> None:
        self._ec2 = ec2
        self._structures: dict[tuple[str, str], Read] = {}

    def structure(self, shape: Shape) -> Read:
        """The reader of a structure. It raises NotConvertible."""
        key = (shape.service, shape.name)
        if key not in self._structures:
            self._compile(shape, key)
        return self._structures[key]

    def _compile(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, tuple[str, Read]] = {}

        def read(node: Node) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for wire, child in node.items():
                if wire and (entry := table.get(wire)) is not None:
                    found[entry[0]] = entry[1](child)
            return found

        self._structures[key] = read
        for name, member in shape.members.items():
            table[self._wire_name(name, member)] = (name, self.reader(member))

    def _wire_name(self, name: str, shape: Shape) -> str:
        if self._ec2:
            if "queryName" in shape.traits:
                return str(shape.traits["queryName"])
            return shape.wire_name[0].upper() + shape.wire_name[1:] if shape.wire_name else name
        if shape.type == "list" and shape.flattened and shape.member.wire_name:
            return shape.member.wire_name
        return shape.wire_name or name

    def reader(self, shape: Shape) -> Read:
        """The reader of a member of `shape`."""
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            return self._list(shape)
        if shape.type == "map":
            return self._map(shape)
        parse = scalars.text_parser(shape)

        def read(node: Node) -> Any:
            if "" not in node:
                raise NotConvertible("Start of structure or map found where not expected.")
            return parse(node[""])

        return read

    def _list(self, shape: Shape) -> Read:
        wrapper = None if self._ec2 or shape.flattened else shape.member.wire_name or "member"
        read: list[Read] = []

        def read_list(node: Node) -> list[Any]:
            if not read:
                read.append(self.reader(shape.member))
            inside = node if wrapper is None else node.get(wrapper, {})
            return [read[0](item) for item in _numbered(inside)]

        return read_list

    def _map(self, shape: Shape) -> Read:
        key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"
        read: list[Read] = []

        def read_map(node: Node) -> dict[str, Any]:
            if not read:
                read.append(self.reader(shape.value))
            found: dict[str, Any] = {}
            for entry in _numbered(node if shape.flattened else node.get("entry", {})):
                if "" not in entry.get(key_name, {}) or value_name not in entry:
                    raise NotConvertible("A map's entry lacks its key or value")
                found[entry[key_name][""]] = read[0](entry[value_name])
            return found

        return read_map


def _numbered(node: Node) -> list[Node]:
    """The children with numbers for names, in the order of these."""
    names = [name for name in node if name]
    if not all(name.isdecimal() and len(name) < 10 for name in names):
        raise NotConvertible("A list's element has no number")
    return [node[name] for name in (sorted(names, key=int) if len(names) > 1 else names)]
