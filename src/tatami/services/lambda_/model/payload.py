"""
Why a payload is no JSON, in the words of the parser that AWS uses.

Lambda answers a payload that is not JSON with the message of Jackson, the Java library (recorded:
TestLambdaErrors::test_lambda_invoke_payload_encoding_error). SDK users search for these texts, so we say the same.
Valid payloads never come here: the fast parser takes them. What it refuses is read once more by this small
scanner, which stops where Jackson stops.

Two habits of Jackson explain the columns. Columns count bytes from 1. An "Unexpected character" names the
column of that byte; every other message names the column behind the last byte that was read.
"""

from __future__ import annotations

import re
import string

import msgspec

_SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_TOKENS = {ord("n"): b"null", ord("t"): b"true", ord("f"): b"false"}
_NOT_STANDARD = {ord("N"): b"NaN", ord("I"): b"Infinity"}
_ESCAPES = b'"\\/bfnrt'
_DIGITS = string.digits.encode()
_HEX_DIGITS = string.hexdigits.encode()
_MAX_DEPTH = 1000
_MAX_TOKEN = 256
_PLAIN_ASCII = re.compile(rb'[^"\\\x00-\x1f\x80-\xff]*')
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_CLOSING = {"Object": "}", "Array": "]", "root": "]"}


def payload_problem(payload: bytes) -> str | None:
    """None when `payload` is one JSON text in UTF-8, otherwise Jackson's message with line and column."""
    try:
        if not payload.isascii():
            payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return _Scanner(payload).problem()
    return None


class _Stop(Exception):
    """Carries the finished message out of the scanner."""


class _Scanner:
    """Reads one JSON text byte by byte, with the open containers on a stack of its own."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.row = 1
        self.row_start = 0
        self.open: list[tuple[str, str]] = []  # kind, and where it started
        self.previous = 0  # where the token before began; tells whether a container was just opened
        self.plain = _PLAIN if _is_utf8(data) else _PLAIN_ASCII

    def problem(self) -> str | None:
        try:
            self._document()
        except _Stop as stop:
            return str(stop)
        try:
            self.data.decode()
        except UnicodeDecodeError as error:
            # Jackson lets a few ill-formed sequences (overlong forms, surrogates) pass; no runtime would.
            self.at = error.start + 1
            return self._message(f"Invalid UTF-8 middle byte 0x{self.data[min(self.at, len(self.data) - 1)]:x}")
        return None

    # -- how messages look -------------------------------------------------------------------------------------

    def _place(self, at: int) -> str:
        return _SOURCE.format(self.row, at - self.row_start + 1)

    def _message(self, text: str, at: int | None = None) -> str:
        return f"{text}\n at {self._place(self.at if at is None else at)}"

    def _fail(self, text: str) -> _Stop:
        return _Stop(self._message(text))

    def _unexpected(self, character: int, comment: str, where: str = "") -> _Stop:
        text = f"Unexpected character ({_describe(character)}){where}: {comment}"
        return _Stop(self._message(text, self.at - 1))

    def _ended(self, text: str) -> _Stop:
        return self._fail(f"Unexpected end-of-input{text}")

    # -- the grammar -------------------------------------------------------------------------------------------

    def _document(self) -> None:
        first = self._next()
        if first is None:
            raise self._fail("No content to map due to end-of-input")
        self._value(first)
        while self.open:
            self._entry()
        rest = self._next()
        if rest is not None:
            self._value(rest)
            raise self._fail("Trailing token found after value")

    def _entry(self) -> None:
        """The next piece of the innermost container: its end, or one more value (with its name in an object)."""
        kind, start = self.open[-1]
        byte = self._inside(kind, start)
        if byte in b"]}":
            self._close(byte, kind, start)
            return
        if self.data[self.previous] not in b"[{":
            if byte != ord(","):
                raise self._unexpected(byte, f"was expecting comma to separate {kind} entries")
            byte = self._inside(kind, start)
        if kind == "Object":
            self._name(byte)
            if (colon := self._inside(kind, start)) != ord(":"):
                raise self._unexpected(colon, "was expecting a colon to separate field name and value")
            byte = self._inside(kind, start)
        self._value(byte)

    def _inside(self, kind: str, start: str) -> int:
        byte = self._next()
        if byte is None:
            raise self._ended(f": expected close marker for {kind} (start marker at {start})")
        return byte

    def _close(self, byte: int, kind: str, start: str) -> None:
        if chr(byte) != _CLOSING[kind]:
            raise self._fail(
                f"Unexpected close marker '{chr(byte)}': expected '{_CLOSING[kind]}' (for {kind} starting at {start})"
            )
        self.open.pop()
        self.previous = self.at - 1

    def _next(self) -> int | None:
        """The next byte that is not white space, now read; None at the end."""
        while self.at < len(self.data):
            byte = self.data[self.at]
            self.at += 1
            if byte == ord("\n") or (byte == ord("\r") and self.data[self.at : self.at + 1] != b"\n"):
                self.row += 1
                self.row_start = self.at
            elif byte in b" \t\r":
                continue
            elif byte < 32:
                raise self._fail(
                    f"Illegal character ({_describe(byte)}): "
                    "only regular white space (\\r, \\n, \\t) is allowed between tokens"
                )
            elif byte == ord("/"):
                raise self._unexpected(
                    byte,
                    "maybe a (non-standard) comment? "
                    "(not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)",
                )
            else:
                return byte
        return None

    def _value(self, byte: int) -> None:
        begin = self.at - 1
        if byte in b"{[":
            if len(self.open) >= _MAX_DEPTH:
                raise self._fail(
                    f"Document nesting depth ({_MAX_DEPTH + 1}) exceeds the maximum allowed "
                    f"({_MAX_DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)"
                )
            self.open.append(("Object" if byte == ord("{") else "Array", self._place(begin)))
            self.previous = begin
            return
        if byte == ord('"'):
            self._string("string value", ": was expecting closing quote for a string value")
        elif byte in b"-0123456789":
            self._number(byte)
        elif byte in _TOKENS:
            self._token(_TOKENS[byte])
        else:
            raise self._no_value(byte)
        self.previous = begin

    def _no_value(self, byte: int) -> _Stop:
        if byte in b"]}" and not self.open:
            return self._fail(
                f"Unexpected close marker '{chr(byte)}': expected '{'}' if byte == ord(']') else ']'}' "
                f"(for root starting at {_SOURCE.format(1, 0)})"
            )
        if byte in b",]}":
            return self._unexpected(byte, "expected a value")
        if byte in _NOT_STANDARD:
            self._token(_NOT_STANDARD[byte])
            return self._fail(
                f"Non-standard token '{_NOT_STANDARD[byte].decode()}': "
                "enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
            )
        if _starts_identifier(byte):
            return self._invalid_token(chr(byte))
        return self._unexpected(byte, f"expected a valid value {_VALUES}")

    def _name(self, byte: int) -> None:
        if byte != ord('"'):
            character = self._decoded(byte)
            raise self._unexpected(character, "was expecting double-quote to start field name")
        self._string("name", " in field name")

    def _token(self, token: bytes) -> None:
        for length in range(1, len(token)):
            if self.data[self.at : self.at + 1] != token[length : length + 1]:
                raise self._invalid_token(token[:length].decode())
            self.at += 1
        if self.at < len(self.data) and _in_identifier(self.data[self.at]):
            raise self._invalid_token(token.decode())

    def _invalid_token(self, begun: str) -> _Stop:
        while self.at < len(self.data):
            byte = self.data[self.at]
            self.at += 1
            character = self._decoded(byte)
            if not _in_identifier(character):
                break
            begun += chr(character)
            if len(begun) >= _MAX_TOKEN:
                begun += "..."
                break
        return self._fail(f"Unrecognized token '{begun}': was expecting {_VALUES}")

    # -- strings and numbers -----------------------------------------------------------------------------------

    def _string(self, where: str, at_end: str) -> None:
        while self.at < len(self.data):
            # Strings are most of a large payload; the pattern leaps over what cannot be wrong.
            self.at = self.plain.match(self.data, self.at).end()  # type: ignore[union-attr]
            if self.at == len(self.data):
                break
            byte = self.data[self.at]
            self.at += 1
            if byte == ord('"'):
                return
            if byte == ord("\\"):
                self._escape(at_end)
            elif byte < 32:
                raise self._fail(
                    f"Illegal unquoted character ({_describe(byte)}): "
                    f"has to be escaped using backslash to be included in {where}"
                )
            elif byte >= 128:
                self._decoded(byte)
        raise self._ended(at_end)

    def _escape(self, at_end: str) -> None:
        byte = self._one(at_end)
        if byte == ord("u"):
            for _ in range(4):
                digit = self._one(at_end)
                if digit not in _HEX_DIGITS:
                    raise self._unexpected(digit, "expected a hex-digit for character escape sequence")
        elif byte not in _ESCAPES:
            raise self._fail(f"Unrecognized character escape {_describe(self._decoded(byte))}")

    def _one(self, at_end: str) -> int:
        if self.at >= len(self.data):
            raise self._ended(at_end)
        self.at += 1
        return self.data[self.at - 1]

    def _decoded(self, first: int) -> int:
        """The character that starts with the byte just read; complains about bytes that are not UTF-8."""
        if first < 0x80:
            return first
        if first & 0xE0 == 0xC0:
            needed, character = 1, first & 0x1F
        elif first & 0xF0 == 0xE0:
            needed, character = 2, first & 0x0F
        elif first & 0xF8 == 0xF0:
            needed, character = 3, first & 0x07
        else:
            raise self._fail(f"Invalid UTF-8 start byte 0x{first:x}")
        for _ in range(needed):
            following = self._one(" in VALUE_STRING")
            if following & 0xC0 != 0x80:
                raise self._fail(f"Invalid UTF-8 middle byte 0x{following:x}")
            character = character << 6 | following & 0x3F
        return min(character, 0x10FFFF)

    def _number(self, byte: int) -> None:
        if byte == ord("-"):
            byte = self._digit("expected digit (0-9) to follow minus sign, for valid numeric value")
        if byte == ord("0") and self.data[self.at : self.at + 1].isdigit():
            raise self._fail("Invalid numeric value: Leading zeroes not allowed")
        self._digits()
        if self.data[self.at : self.at + 1] == b".":
            self.at += 1
            self._digit("Decimal point not followed by a digit")
            self._digits()
        if self.data[self.at : self.at + 1] in (b"e", b"E"):
            self.at += 1
            if self.data[self.at : self.at + 1] in (b"+", b"-"):
                self.at += 1
            self._digit("Exponent indicator not followed by a digit")
            self._digits()
        if not self.open and self.at < len(self.data) and self.data[self.at] not in b" \t\r\n":
            self.at += 1
            raise self._unexpected(self.data[self.at - 1], "Expected space separating root-level values")

    def _digit(self, comment: str) -> int:
        byte = self._one(" in a number")
        if byte not in _DIGITS:
            raise self._unexpected(byte, comment, " in numeric value")
        return byte

    def _digits(self) -> None:
        while self.at < len(self.data) and self.data[self.at] in _DIGITS:
            self.at += 1


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _describe(character: int) -> str:
    if character < 32 or 127 <= character < 160:
        return f"(CTRL-CHAR, code {character})"
    if character > 255:
        return f"'{chr(character)}' (code {character} / 0x{character:x})"
    return f"'{chr(character)}' (code {character})"


def _starts_identifier(character: int) -> bool:
    """As Java's `Character.isJavaIdentifierStart` on a Latin-1 code."""
    return chr(character).isalpha() or chr(character) in "$_¢£¤¥"


def _in_identifier(character: int) -> bool:
    """As Java's `Character.isJavaIdentifierPart`, which also takes digits and ignorable control characters."""
    text = chr(character)
    return text.isalnum() or text in "$_¢£¤¥\xad" or character <= 8 or 14 <= character <= 27 or 127 <= character < 160
