"""
Values of the model as XML: what rest-xml, query and ec2 answers share, and rest-xml requests.

Writing is by hand into a list of pieces: tags are known when the model is compiled, only texts are escaped.
Reading ignores namespaces, as AWS does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tatami.wire.models import Shape
from tatami.wire.protocols import scalars
from tatami.wire.protocols.codec import UnknownMember
from tatami.wire.protocols.scalars import NotConvertible

Write = Callable[[Any, list[str]], None]
Read = Callable[[list[Element]], Any]

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SCALARS = {"string", "character", "integer", "long", "float", "double", "boolean", "timestamp", "blob"}


def escape(text: str) -> str:
    """`text` for an element or attribute; control characters as references, so that none is changed on the way."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0]) or f"&#x{ord(match[0]):X};", text)


def loads(body: bytes) -> Element:
    """The root element of an XML body; no entities, no DTD. Raises NotConvertible."""
    try:
        return fromstring(body, forbid_dtd=True)  # type: ignore[no-any-return]
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise NotConvertible("Could not parse the body as XML") from error


def namespace_attribute(shape: Shape) -> str:
    """` xmlns="..."` (or with a prefix) where the model gives `shape` a namespace, else nothing."""
    namespace = shape.traits.get("xmlNamespace")
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{namespace}"'
    prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
    return f' xmlns{prefix}="{namespace["uri"]}"'


class XmlWriters:
    """Model values to XML. always_millis: timestamps always show milliseconds, as in S3."""

    def __init__(self, *, always_millis: bool = False) -> None:
        self._always_millis = always_millis
        self._contents: dict[tuple[str, str], Write] = {}
        self._attributes: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def member(self, name: str, shape: Shape) -> Write:
        """The writer of a structure's member: one element, or several where it is flattened."""
        if shape.flattened and shape.type == "list":
            write = self.element(shape.member.wire_name or shape.wire_name or name, shape.member)

            def write_items(value: Any, out: list[str]) -> None:
                for item in value:
                    write(item, out)

            return write_items
        tag = shape.wire_name or name
        if shape.flattened and shape.type == "map":
            return self._entries(shape, tag)
        return self.element(tag, shape)

    def element(self, tag: str, shape: Shape) -> Write:
        """The writer of one element `tag` that holds a value of `shape`."""
        opening, closing = f"<{tag}{namespace_attribute(shape)}>", f"</{tag}>"
        if shape.type in _SCALARS:
            text = scalars.text_writer(shape, scalars.ISO8601, always_millis=self._always_millis)
            return lambda value, out: out.append(f"{opening}{escape(text(value))}{closing}")
        content = self.content(shape)
        attributes = self._attributes.get((shape.service, shape.name)) if shape.type == "structure" else None
        if attributes:
            opening = opening[:-1]

        def write(value: Any, out: list[str]) -> None:
            out.append(opening)
            if attributes:
                present = (
                    f' {wire}="{escape(value[name])}"' for name, wire in attributes if value.get(name) is not None
                )
                out.append("".join(present) + ">")
            content(value, out)
            out.append(closing)

        return write

    def content(self, shape: Shape) -> Write:
        """The writer of what is inside the element of a structure, list or map."""
        if shape.type == "list":
            return self._items(shape)
        if shape.type == "map":
            return self._entries(shape, "entry")
        key = (shape.service, shape.name)
        if key not in self._contents:
            self._structure(shape, key)
        return self._contents[key]

    def _structure(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, Write] = {}
        owner = shape.name

        def write(value: dict[str, Any], out: list[str]) -> None:
            for name, item in value.items():
                if item is None:
                    continue
                inner = table.get(name)
                if inner is None:
                    raise UnknownMember(owner, name)
                inner(item, out)

        self._contents[key] = write
        attributes = self._attributes[key] = []
        for name, member in shape.members.items():
            if member.traits.get("xmlAttribute"):
                attributes.append((name, member.wire_name or name))
        for name, member in shape.members.items():
            table[name] = _skip if member.traits.get("xmlAttribute") else self.member(name, member)

    def _items(self, shape: Shape) -> Write:
        write = self._late(shape.member.wire_name or "member", shape.member)

        def write_items(value: Any, out: list[str]) -> None:
            for item in value:
                write(item, out)

        return write_items

    def _entries(self, shape: Shape, tag: str) -> Write:
        write_key = self.element(shape.key.wire_name or "key", shape.key)
        write_value = self._late(shape.value.wire_name or "value", shape.value)

        def write_entries(value: dict[str, Any], out: list[str]) -> None:
            for key, item in value.items():
                out.append(f"<{tag}>")
                write_key(key, out)
                write_value(item, out)
                out.append(f"</{tag}>")

        return write_entries

    def _late(self, tag: str, shape: Shape) -> Write:
        """As `element`, but compiled at first use: lists and maps that hold themselves through each other end here."""
        if shape.type in _SCALARS or shape.type == "structure":
            return self.element(tag, shape)
        compiled: list[Write] = []

        def write(value: Any, out: list[str]) -> None:
            if not compiled:
                compiled.append(self.element(tag, shape))
            compiled[0](value, out)

        return write


def _skip(value: Any, out: list[str]) -> None:
    """The content of an attribute member: it is written with its element's opening tag."""


def local_name(tag: str) -> str:
    """A tag or attribute name without its namespace."""
    return tag.rpartition("}")[2]


class XmlReaders:
    """XML to model values. A reader takes all elements of one name, in order (flattened lists have several)."""

    def __init__(self) -> None:
        self._structures: dict[tuple[str, str], Callable[[Element], dict[str, Any]]] = {}

    def reader(self, shape: Shape) -> Read:
        """The reader of a member of `shape`. It raises NotConvertible."""
        if shape.type == "structure":
            read = self.structure(shape)
            return lambda nodes: read(nodes[-1])
        if shape.type == "list":
            return self._list(shape)
        if shape.type == "map":
            return self._map(shape)
        parse = scalars.text_parser(shape)
        if shape.type in ("string", "character"):
            return lambda nodes: nodes[-1].text or ""
        return lambda nodes: parse((nodes[-1].text or "").strip())

    def structure(self, shape: Shape) -> Callable[[Element], dict[str, Any]]:
        """The reader of a structure's element."""
        key = (shape.service, shape.name)
        if key not in self._structures:
            self._compile(shape, key)
        return self._structures[key]

    def _compile(self, shape: Shape, key: tuple[str, str]) -> None:
        table: dict[str, tuple[str, Read]] = {}
        attributes: dict[str, str] = {}

        def read(node: Element) -> dict[str, Any]:
            found = {attributes[wire]: text for tag, text in node.items() if (wire := local_name(tag)) in attributes}
            groups: dict[str, list[Element]] = {}
            for child in node:
                groups.setdefault(local_name(child.tag), []).append(child)
            for tag, nodes in groups.items():
                if (entry := table.get(tag)) is not None:
                    found[entry[0]] = entry[1](nodes)
            return found

        self._structures[key] = read
        for name, member in shape.members.items():
            if member.traits.get("xmlAttribute"):
                attributes[(member.wire_name or name).rpartition(":")[2]] = name
            elif member.location is None:
                entry = (name, self.reader(member))
                table[member.wire_name or name] = entry
                if member.flattened and member.type == "list" and member.member.wire_name:
                    table.setdefault(member.member.wire_name, entry)

    def _list(self, shape: Shape) -> Read:
        read: list[Read] = []

        def read_list(nodes: list[Element]) -> list[Any]:
            if not read:
                read.append(self.reader(shape.member))
            items = nodes if shape.flattened else list(nodes[-1])
            return [read[0]([item]) for item in items]

        return read_list

    def _map(self, shape: Shape) -> Read:
        key_tag, value_tag = shape.key.wire_name or "key", shape.value.wire_name or "value"
        read: list[Read] = []

        def read_map(nodes: list[Element]) -> dict[str, Any]:
            if not read:
                read.append(self.reader(shape.value))
            found: dict[str, Any] = {}
            for entry in nodes if shape.flattened else list(nodes[-1]):
                parts = {local_name(part.tag): part for part in entry}
                if key_tag not in parts or value_tag not in parts:
                    raise NotConvertible("A map's entry lacks its key or value")
                found[parts[key_tag].text or ""] = read[0]([parts[value_tag]])
            return found

        return read_map


plain_writers = XmlWriters()
millisecond_writers = XmlWriters(always_millis=True)
readers = XmlReaders()
