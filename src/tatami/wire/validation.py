"""
The constraints of the service models, and AWS's text for what breaks them.

The text is that of AWS's shared server framework: `1 validation error detected: Value 'x' at 'tags.1.member.key'
failed to satisfy constraint: Member must have length less than or equal to 128`. Its rules, learned from
recorded answers (for maps and sensitive values from public reports):

* a path has each member's name with a small first letter; elements are `.<n>.member` counted from 1, values of a
  map `.<key>.member`;
* what breaks in a list's or map's scalar is reported once, for the whole list or map, with all the constraints
  of the element (`Member must satisfy constraint: [...]`, `Map keys ...`, `Map value ...`);
* lists print as `[a, b]`, maps as `{a=b}`, structures as `Name(member=value, other=null)`;
* the value of a sensitive shape is not repeated (`Value at 'path'`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tatami.wire.enum_texts import ENUM_ORDERS, ENUM_TEXTS
from tatami.wire.java_patterns import compile_java
from tatami.wire.models import Shape

Check = tuple[Callable[[Any], bool], str]
"""Whether a value keeps a constraint, and the text when it does not."""

_NUMBERS = ("integer", "long", "float", "double")
_SIZED = ("string", "character", "blob", "list", "map")
_MARKED = "Member must satisfy regular expression pattern: "
_ALTERNATIVES_IN_A_GROUP = re.compile(r"\((\(.*\)\|\(.*\))\)")

_PRINTED_ORDER = {
    "MetricTransformation": ("metricName", "metricNamespace", "metricValue", "defaultValue", "unit", "dimensions"),
}
"""Structures whose recorded print has another order than the model."""

_REPORTED_FIRST = {"PublishLayerVersionRequest": ("CompatibleRuntimes",)}
"""Members whose violations a recorded answer puts before those of the members that the model has before them."""

_checks: dict[Shape, tuple[Check, ...]] = {}


def violations(shape: Shape, values: Mapping[str, Any]) -> list[str]:
    """
    What breaks the model's constraints in `values` of the structure `shape`, in the model's order.

    Each text is `Value ... at '...' failed to satisfy constraint: ...`; none means that all is well.
    """
    return list(_structure(shape, values, ""))


def message_for(found: Sequence[str]) -> str:
    """The message of a ValidationException: `2 validation errors detected: ...; ...`."""
    return f"{len(found)} validation error{'s' if len(found) != 1 else ''} detected: {'; '.join(found)}"


def checks_of(shape: Shape) -> tuple[Check, ...]:
    """The constraints of a value of `shape` itself, in the order in which AWS reports them."""
    found = _checks.get(shape)
    if found is None:
        found = _checks[shape] = tuple(_compile(shape))
    return found


def _compile(shape: Shape) -> Iterator[Check]:
    traits = shape.traits
    pattern = traits.get("pattern") if shape.type == "string" else None
    compiled = compile_java(pattern) if pattern else None
    if pattern and compiled is not None:
        match = compiled.fullmatch
        yield lambda value: match(value) is not None, _MARKED + _pattern_text(shape, pattern)
    low, high = traits.get("min"), traits.get("max")
    if shape.type in _SIZED:
        if high is not None:
            yield lambda value: len(value) <= high, f"Member must have length less than or equal to {high}"
        if low is not None:
            yield lambda value: len(value) >= low, f"Member must have length greater than or equal to {low}"
    elif shape.type in _NUMBERS:
        if high is not None:
            yield lambda value: value <= high, f"Member must have value less than or equal to {high}"
        if low is not None:
            yield lambda value: value >= low, f"Member must have value greater than or equal to {low}"
    if shape.enum:
        allowed = frozenset(shape.enum)
        text = ENUM_ORDERS.get(allowed) or ", ".join(shape.enum)
        yield allowed.__contains__, f"Member must satisfy enum value set: [{text}]"


def _pattern_text(shape: Shape, pattern: str) -> str:
    # The published model wraps this one pattern in a group that the service's own model does not have.
    match = _ALTERNATIVES_IN_A_GROUP.fullmatch(pattern) if shape.name == "LayerVersionArn" else None
    return match[1] if match is not None else pattern


def _structure(shape: Shape, values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    first = _REPORTED_FIRST.get(shape.name)
    for name in shape.members if first is None else dict.fromkeys((*first, *shape.members)):
        member, value = shape.members[name], values.get(name)
        path = f"{prefix}{name[:1].lower()}{name[1:]}"
        if value is not None:
            yield from _value(member, value, path)
        elif name in shape.required:
            yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _value(shape: Shape, value: Any, path: str) -> Iterator[str]:
    for keeps, text in checks_of(shape):
        if not keeps(value):
            yield _report(shape, value, path, _recorded(shape, path) or text)
    if shape.type == "structure" and not shape.is_document:
        yield from _structure(shape, value, f"{path}.")
    elif shape.type == "list":
        yield from _list(shape, value, path)
    elif shape.type == "map":
        yield from _map(shape, value, path)


def _recorded(shape: Shape, path: str) -> str | None:
    text = ENUM_TEXTS.get((shape.service, path)) if shape.enum else None
    return f"Member must satisfy enum value set: [{text}]" if text else None


def _list(shape: Shape, items: Sequence[Any], path: str) -> Iterator[str]:
    item = shape.member
    if item.type in ("structure", "list", "map"):
        for number, element in enumerate(items, 1):
            if element is not None:
                yield from _value(item, element, f"{path}.{number}.member")
        return
    checks = checks_of(item)
    if any(element is None or not all(keeps(element) for keeps, _ in checks) for element in items):
        special = ENUM_TEXTS.get((shape.service, path)) if item.enum else None
        if special:
            yield _report(shape, items, path, f"Member must satisfy enum value set: [{special}]")
        else:
            yield _report(shape, items, path, f"Member must satisfy constraint: [{_texts(item)}]")


def _map(shape: Shape, entries: Mapping[str, Any], path: str) -> Iterator[str]:
    if not all(keeps(key) for key in entries for keeps, _ in checks_of(shape.key)):
        yield _report(shape, entries, path, f"Map keys must satisfy constraint: [{_texts(shape.key)}]")
    value = shape.value
    checks = checks_of(value)
    if any(item is None or not all(keeps(item) for keeps, _ in checks) for item in entries.values()):
        yield _report(shape, entries, path, f"Map value must satisfy constraint: [{_texts(value)}]")
    if value.type == "structure":
        for key, item in entries.items():
            if item is not None:
                yield from _structure(value, item, f"{path}.{key}.member.")
    elif value.type in ("list", "map"):
        inner = _list if value.type == "list" else _map
        for key, item in entries.items():
            if item is not None:
                yield from inner(value, item, f"{path}.{key}.member")


def _texts(shape: Shape) -> str:
    """The constraints of an element: lengths first, then pattern, enum and (where its framework has it) not null."""
    texts = sorted((text for _, text in checks_of(shape)), key=lambda text: text.startswith(_MARKED))
    if not texts or (shape.service == "lambda" and not (shape.type == "string" and shape.traits.get("min") == 0)):
        # Inferred from four recorded answers of Lambda: all but security group ids, whose model says `min: 0`, have it.
        texts.append("Member must not be null")
    return ", ".join(texts)


def _report(shape: Shape, value: Any, path: str, text: str) -> str:
    shown = "Value" if _hides(shape) else f"Value '{render(shape, value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {text}"


def _hides(shape: Shape) -> bool:
    if shape.sensitive:
        return True
    if shape.type == "list":
        return shape.member.sensitive
    return shape.type == "map" and (shape.key.sensitive or shape.value.sensitive)


def render(shape: Shape, value: Any) -> str:
    """A value as AWS prints it in messages."""
    if value is None:
        return "null"
    if shape.sensitive:
        return "*** Sensitive Data Redacted ***"
    match shape.type:
        case "structure" if not shape.is_document:
            names = _PRINTED_ORDER.get(shape.name, shape.members)
            members = (f"{n[:1].lower()}{n[1:]}={render(shape.members[n], value.get(n))}" for n in names)
            return f"{shape.name}({', '.join(members)})"
        case "list":
            return f"[{', '.join(render(shape.member, item) for item in value)}]"
        case "map":
            return f"{{{', '.join(f'{key}={render(shape.value, item)}' for key, item in value.items())}}}"
        case "boolean":
            return "true" if value else "false"
        case "blob":
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)
