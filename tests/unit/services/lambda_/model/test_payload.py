"""The payload scanner says what Jackson says, and agrees with the JSON of everybody else on what is valid."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.services.lambda_.model.payload import _Scanner, payload_problem

VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def source(line: int, column: int) -> str:
    return (
        f"[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )


PROBLEMS: list[tuple[bytes, str, tuple[int, int]]] = [
    # These two are recorded.
    (b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt", "Invalid UTF-8 start byte 0x87", (1, 3)),
    (
        b"\x99\xeb,j\x07\xa1zYh",
        f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value {VALUES}",
        (1, 1),
    ),
    (b"hello", f"Unrecognized token 'hello': was expecting {VALUES}", (1, 6)),
    (b"nul", f"Unrecognized token 'nul': was expecting {VALUES}", (1, 4)),
    (b"truest", f"Unrecognized token 'truest': was expecting {VALUES}", (1, 7)),
    (b"x" * 300, f"Unrecognized token '{'x' * 256}...': was expecting {VALUES}", (1, 257)),
    (b"'a'", f"Unexpected character (''' (code 39)): expected a valid value {VALUES}", (1, 1)),
    (b"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", (1, 4)),
    (b"  ", "No content to map due to end-of-input", (1, 3)),
    (
        b'{"a":1,}',
        "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
        (1, 8),
    ),
    (b"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", (1, 2)),
    (
        b'{"a" 1}',
        "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
        (1, 6),
    ),
    (
        b'{"a":\n 1 2}',
        "Unexpected character ('2' (code 50)): was expecting comma to separate Object entries",
        (2, 4),
    ),
    (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", (1, 4)),
    (b"[1,]", "Unexpected character (']' (code 93)): expected a value", (1, 4)),
    (
        b"[1,2",
        f"Unexpected end-of-input: expected close marker for Array (start marker at {source(1, 1)})",
        (1, 5),
    ),
    (
        b'{"a":{"b":1}',
        f"Unexpected end-of-input: expected close marker for Object (start marker at {source(1, 1)})",
        (1, 13),
    ),
    (b'{"a":1]', f"Unexpected close marker ']': expected '}}' (for Object starting at {source(1, 1)})", (1, 8)),
    (b'"abc', "Unexpected end-of-input: was expecting closing quote for a string value", (1, 5)),
    (
        b'"a\nb"',
        "Illegal unquoted character ((CTRL-CHAR, code 10)): "
        "has to be escaped using backslash to be included in string value",
        (1, 4),
    ),
    (b'"\\x"', "Unrecognized character escape 'x' (code 120)", (1, 4)),
    (
        b'"\\u12g4"',
        "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence",
        (1, 6),
    ),
    (b'"\xc3("', "Invalid UTF-8 middle byte 0x28", (1, 4)),
    (b"01", "Invalid numeric value: Leading zeroes not allowed", (1, 2)),
    (
        b"-a",
        "Unexpected character ('a' (code 97)) in numeric value: "
        "expected digit (0-9) to follow minus sign, for valid numeric value",
        (1, 2),
    ),
    (b"1.x", "Unexpected character ('x' (code 120)) in numeric value: Decimal point not followed by a digit", (1, 3)),
    (b"1a", "Unexpected character ('a' (code 97)): Expected space separating root-level values", (1, 2)),
    (b"\x01", "Illegal character ((CTRL-CHAR, code 1)): only regular white space (\\r, \\n, \\t) is allowed between "
     "tokens", (1, 2)),
    (
        b"[" * 1001,
        "Document nesting depth (1001) exceeds the maximum allowed "
        "(1000, from `StreamReadConstraints.getMaxNestingDepth()`)",
        (1, 1002),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "text", "place"), PROBLEMS)
def test_the_words_and_the_place(payload: bytes, text: str, place: tuple[int, int]) -> None:
    assert payload_problem(payload) == f"{text}\n at {source(*place)}"


@pytest.mark.parametrize(
    "payload", [b"{}", b" [1, 2.5e-3, -0, null]\r\n", b'"\xc3\xa9\\u00e9"', b"[" * 999 + b"]" * 999]
)
def test_valid_payloads_have_no_problem(payload: bytes) -> None:
    assert payload_problem(payload) is None
    assert _Scanner(payload).problem() is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def loads(payload: bytes) -> bool:
    """Whether Python's parser, told to be strict, takes it."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(payload.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


@settings(deadline=None)
@given(JSON, st.booleans())
def test_what_json_writes_is_valid(value: object, ascii_only: bool) -> None:
    try:
        payload = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    if "\\ud" not in payload.decode():
        assert payload_problem(payload) is None
    assert _Scanner(payload).problem() is None


@settings(deadline=None)
@given(JSON, st.integers(0, 1000), st.binary(max_size=3), st.integers(0, 3))
def test_damaged_json_is_judged_as_by_everybody(value: object, place: int, new: bytes, gone: int) -> None:
    payload = json.dumps(value).encode()
    place %= len(payload)
    damaged = payload[:place] + new + payload[place + gone :]
    problem = payload_problem(damaged)
    if problem is None:
        assert loads(damaged)
    elif loads(damaged):
        assert "\\ud" in damaged.decode().lower()


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_random_bytes_are_judged_and_never_break_the_scanner(payload: bytes) -> None:
    assert (payload_problem(payload) is None) == loads(payload)
