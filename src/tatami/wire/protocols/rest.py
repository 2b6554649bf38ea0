"""
What the two REST protocols share: members bound to labels, query string, headers and status, and the payload.

The subclass knows how a structure is written as a body (JSON or XML); everything around it is here.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from tatami.wire.eventstream import CONTENT_TYPE as EVENT_STREAM
from tatami.wire.http import Request, Response
from tatami.wire.models import OperationModel, Shape
from tatami.wire.protocols import events, json_values, scalars
from tatami.wire.protocols.codec import Codec, Decoder, Encoder, MalformedRequest, UnknownMember, Values, answer_headers
from tatami.wire.protocols.scalars import NotConvertible

Query = Mapping[str, list[str]]
Bind = Callable[[Request, Mapping[str, str], Query, Values], None]
WriteHeader = Callable[[Any, dict[str, str]], None]

_LIST_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')
_DATES_WITH_COMMA = re.compile(r"[^,]+,[^,]+")


class RestCodec(Codec):
    """A REST protocol, but for the language of its bodies."""

    body_type = "application/octet-stream"

    @abstractmethod
    def _body_reader(self, operation: OperationModel, shape: Shape) -> Callable[[bytes], Any]:
        """From the body's bytes to the members of `shape` that it holds."""

    @abstractmethod
    def _body_writer(self, operation: OperationModel, shape: Shape, payload: str | None) -> Callable[[Values], bytes]:
        """From the members of `shape` that travel in the body to its bytes; payload: the member that `shape` is."""

    @abstractmethod
    def _write_event(self, shape: Shape, name: str, value: Any) -> bytes: ...

    def _blob_type(self, operation: OperationModel) -> str:
        """The content type of a raw payload when no member sets it."""
        return "application/octet-stream"

    def _compile_decoder(self, operation: OperationModel) -> Decoder:
        shape = operation.input
        if shape is None:
            return lambda request, path_values: {}
        static = {name for name, _ in parse_qsl(operation.uri.partition("?")[2], keep_blank_values=True)}
        taken = static | {m.wire_name or name for name, m in shape.members.items() if m.location == "querystring"}
        binds = [bind for name, member in shape.members.items() if (bind := _binding(name, member, taken)) is not None]
        read_body = self._input_body(operation, shape)
        wants_query = any(member.location == "querystring" for member in shape.members.values())

        def decode(request: Request, path_values: Mapping[str, str]) -> Values:
            values: Values = {}
            query = parse_qs(request.query, keep_blank_values=True) if wants_query and request.query else {}
            for bind in binds:
                bind(request, path_values, query, values)
            if request.body and read_body is not None:
                read_body(request.body, values)
            return values

        return decode

    def _input_body(self, operation: OperationModel, shape: Shape) -> Callable[[bytes, Values], None] | None:
        payload = shape.payload
        if payload is not None:
            member = shape.members[payload]
            if member.type == "blob":
                return lambda body, values: values.__setitem__(payload, body)
            if member.type == "string":
                return lambda body, values: values.__setitem__(payload, _utf8(body))
            if member.is_event_stream:
                raise MalformedRequest("NotImplemented", f"Event stream input of {operation.name} is not read.", 501)
            read = self._body_reader(operation, member)
            return lambda body, values: values.__setitem__(payload, read(body))
        if all(member.location is not None for member in shape.members.values()):
            return None
        read_members = self._body_reader(operation, shape)
        return lambda body, values: values.update(read_members(body))

    def _compile_encoder(self, operation: OperationModel) -> Encoder:
        service, shape = operation.service, operation.output
        if shape is None:
            return lambda values, request_id: Response(operation.status, answer_headers(service, request_id))
        writers = {name: writer for name, member in shape.members.items() if (writer := _header_writer(name, member))}
        status_member = next((name for name, member in shape.members.items() if member.location == "statusCode"), None)
        write_body = self._output_body(operation, shape)

        def encode(values: Values, request_id: str) -> Response:
            headers = answer_headers(service, request_id)
            rest: Values = {}
            status = operation.status
            for name, value in values.items():
                if value is None:
                    continue
                if (writer := writers.get(name)) is not None:
                    writer(value, headers)
                elif name == status_member:
                    status = int(value)
                elif name in shape.members:
                    rest[name] = value
                else:
                    raise UnknownMember(shape.name, name)
            body, content_type = write_body(rest) if status != 204 else (b"", "")
            if content_type and "Content-Type" not in headers:
                headers["Content-Type"] = content_type
            return Response(status, headers, body)

        return encode

    def _output_body(self, operation: OperationModel, shape: Shape) -> Callable[[Values], tuple[Any, str]]:
        payload = shape.payload
        if payload is None:
            if shape.members and all(member.location is not None for member in shape.members.values()):
                return lambda values: (b"", "")
            write = self._body_writer(operation, shape, None)
            return lambda values: (write(values), self.body_type)
        member = shape.members[payload]
        if member.is_event_stream:
            return lambda values: (
                events.frames(member, values[payload], self._write_event, self.body_type),
                EVENT_STREAM,
            )
        if member.type in ("blob", "string"):
            bound = any((m.wire_name or "").lower() == "content-type" for m in shape.members.values())
            blob_type = "" if bound else self._blob_type(operation)
            return lambda values: (_raw(values.get(payload, b"")), blob_type)
        write_payload = self._body_writer(operation, member, payload)
        return lambda values: (write_payload(values[payload]), self.body_type) if payload in values else (b"", "")


def _raw(value: Any) -> Any:
    """A raw payload: text as UTF-8, an async iterator as it is (streaming)."""
    return value.encode() if isinstance(value, str) else value


def _utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise NotConvertible("The body is not UTF-8") from error


def _binding(name: str, member: Shape, taken: set[str]) -> Bind | None:
    """The function that reads one member from where the model puts it; None for members of the body."""
    wire = member.wire_name or name
    match member.location:
        case "uri":
            return _from_label(name, wire, scalars.text_parser(member))
        case "querystring":
            return _from_query(name, wire, member, taken)
        case "header":
            return _from_header(name, wire.lower(), _header_parser(member))
        case "headers":
            return _from_headers(name, member.wire_name or "")
    return None


def _from_label(name: str, wire: str, parse: Callable[[str], Any]) -> Bind:
    def bind(request: Request, path_values: Mapping[str, str], query: Query, values: Values) -> None:
        text = path_values.get(wire)
        if text is not None:
            values[name] = parse(text)

    return bind


def _from_query(name: str, wire: str, member: Shape, taken: set[str]) -> Bind:
    if member.type == "map":
        return _from_whole_query(name, member, taken)
    is_list = member.type == "list"
    parse = scalars.text_parser(member.member if is_list else member)

    def bind(request: Request, path_values: Mapping[str, str], query: Query, values: Values) -> None:
        texts = query.get(wire)
        if texts is not None:
            values[name] = [parse(text) for text in texts] if is_list else parse(texts[0])

    return bind


def _from_whole_query(name: str, member: Shape, taken: set[str]) -> Bind:
    """A map in the query string: every member of it that is neither static nor bound otherwise."""
    taken = taken - {member.wire_name or name}
    wants_lists = member.value.type == "list"

    def bind(request: Request, path_values: Mapping[str, str], query: Query, values: Values) -> None:
        found = {key: texts if wants_lists else texts[0] for key, texts in query.items() if key not in taken}
        if found:
            values[name] = found

    return bind


def _from_header(name: str, header: str, parse: Callable[[str], Any]) -> Bind:
    def bind(request: Request, path_values: Mapping[str, str], query: Query, values: Values) -> None:
        text = request.headers.get(header)
        if text is not None:
            values[name] = parse(text)

    return bind


def _from_headers(name: str, prefix: str) -> Bind:
    lowered = prefix.lower()

    def bind(request: Request, path_values: Mapping[str, str], query: Query, values: Values) -> None:
        found = {key[len(lowered) :]: text for key, text in request.headers.items() if key.startswith(lowered)}
        if found:
            values[name] = found

    return bind


def _header_parser(member: Shape) -> Callable[[str], Any]:
    if member.traits.get("jsonvalue"):
        return _json_header
    if member.type == "list":
        parse = scalars.text_parser(member.member)
        if member.member.type == "timestamp" and (member.member.timestamp_format or scalars.RFC822) == scalars.RFC822:
            return lambda text: [parse(item) for item in _DATES_WITH_COMMA.findall(text)]
        return lambda text: [parse(item) for item in split_list(text)]
    return scalars.text_parser(member)


def split_list(text: str) -> list[str]:
    """The items of a header list; an item with commas or quotes is in double quotes, with `\\"` for a quote."""
    if '"' not in text:
        return [item.strip() for item in text.split(",")]
    items: list[str] = []
    position = 0
    while position < len(text):
        match = _LIST_ITEM.match(text, position)
        if match is None:
            raise NotConvertible("Malformed list in a header")
        quoted = match.group(1)
        items.append(quoted.replace('\\"', '"') if quoted is not None else match.group(2).strip())
        position = match.end()
    return items


def _json_header(text: str) -> Any:
    try:
        return json_values.loads(b64decode(text, validate=True))
    except ValueError as error:
        raise NotConvertible("Malformed JSON value in a header") from error


def _header_writer(name: str, member: Shape) -> WriteHeader | None:
    wire = member.wire_name or name
    if member.location == "headers":
        prefix = member.wire_name or ""
        return lambda value, headers: headers.update({prefix + key: _one_line(text) for key, text in value.items()})
    if member.location != "header":
        return None
    write = _header_text(member)
    return lambda value, headers: headers.__setitem__(wire, _one_line(write(value)))


def _header_text(member: Shape) -> Callable[[Any], str]:
    if member.traits.get("jsonvalue"):
        return lambda value: b64encode(json_values.dumps(value)).decode("ascii")
    if member.type == "list":
        write = scalars.text_writer(member.member, scalars.RFC822)
        return lambda value: ",".join(_quoted(write(item)) for item in value)
    return scalars.text_writer(member, scalars.RFC822)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"' if '"' in text else text


def _one_line(text: str) -> str:
    # A line break would begin a new header of the caller's choosing.
    return text if "\n" not in text and "\r" not in text else text.replace("\r", " ").replace("\n", " ")


def header_fields(shape: Shape | None, fields: Mapping[str, Any]) -> dict[str, str]:
    """The members of an error that travel as headers (`Retry-After`)."""
    headers: dict[str, str] = {}
    for name, member in shape.members.items() if shape is not None else ():
        writer = _header_writer(name, member)
        if writer is not None and fields.get(name) is not None:
            writer(fields[name], headers)
    return headers
