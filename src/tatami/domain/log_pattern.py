"""
Which log events a CloudWatch Logs filter pattern selects.

`compile_pattern` reads a pattern once; the result answers for each message. Three kinds, told apart by the first
character (CloudWatch Logs user guide, "Filter pattern syntax"):

    ERROR "a phrase" -excluded  ?this ?or-that  %regex%     words anywhere in the text
    { $.level = "ERROR" && $.latency > 75 }                 a condition on a JSON message
    [ip, ..., status = 4*, bytes]                           conditions on the words of a line, by position

A condition becomes a closure when it is read, so matching a million events parses nothing. Rules that are easy to get
wrong: a word matches inside longer words; `?` words count only when there is nothing else in the pattern; a selector
that leads nowhere, to an object or to an array satisfies no comparison, not even `!=`; the last field of a line
takes the rest of it.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tatami.domain.log_regex import LogRegex

MOST_REGEXES = 2
MOST_WILDCARD_SELECTORS = 3
Test = Callable[[Any], bool]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_REGEX_CHARACTERS = re.compile(r"[A-Za-z0-9_#=@/;,:\-^$?\[\]{}|\\*+.]*")
_REGEX_ESCAPE = re.compile(r"\\(?:[dDsSwW]|x[0-9A-Fa-f]{2}|[^A-Za-z0-9])|[^\\]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')


class InvalidPattern(ValueError):
    """The text is no filter pattern; the message is for the caller."""


class LogPattern(Protocol):
    """A compiled filter pattern."""

    def matches(self, message: str) -> bool:
        """Whether an event with this text is selected."""
        ...


def compile_pattern(text: str) -> LogPattern:
    """Read a filter pattern; the empty one selects everything. Raises InvalidPattern."""
    text = text.strip()
    if text.startswith("{"):
        return _JsonPattern(_read_json(text))
    if text.startswith("["):
        return _read_line(text)
    return _read_words(text)


@dataclass(frozen=True)
class _WordPattern:
    included: Sequence[str]
    excluded: Sequence[str]
    optional: Sequence[str]
    regexes: Sequence[LogRegex]

    def matches(self, message: str) -> bool:
        if self.optional:
            return any(word in message for word in self.optional)
        return (
            all(word in message for word in self.included)
            and not any(word in message for word in self.excluded)
            and all(regex.search(message) for regex in self.regexes)
        )


@dataclass(frozen=True)
class _JsonPattern:
    test: Test

    def matches(self, message: str) -> bool:
        if not message.lstrip().startswith(("{", "[")):
            return False
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return self.test(document)


@dataclass(frozen=True)
class _LinePattern:
    """Tests for the first words and, behind an ellipsis, for the last ones."""

    first: Sequence[Test]
    last: Sequence[Test] | None

    def matches(self, message: str) -> bool:
        words = [(found.start(), found.group()) for found in _WORD.finditer(message)]
        if len(words) < len(self.first) + len(self.last or ()):
            return False
        if self.last is not None:
            chosen = [word for _, word in words]
            pairs = [*zip(self.first, chosen, strict=False)]
            if self.last:
                pairs += zip(self.last, chosen[-len(self.last) :], strict=True)
        else:
            chosen = [word for _, word in words[: len(self.first)]]
            if len(words) > len(self.first):
                chosen[-1] = message[words[len(self.first) - 1][0] :].rstrip()
            pairs = [*zip(self.first, chosen, strict=True)]
        return all(test(_bare(word)) for test, word in pairs)


def _bare(word: str) -> str:
    """A field without the quotation marks or brackets around it."""
    if len(word) >= 2 and word[0] + word[-1] in ('""', "[]") and word.count(word[0]) == 1 + (word[0] == '"'):
        return word[1:-1]
    return word


# Words


def _read_words(text: str) -> _WordPattern:
    included: list[str] = []
    excluded: list[str] = []
    optional: list[str] = []
    regexes: list[LogRegex] = []
    reader = _Reader(text)
    while not reader.at_end():
        sign = reader.take(r"[?-]")
        target = {"?": optional, "-": excluded}.get(sign, included)
        if reader.peek("%"):
            if sign:
                raise InvalidPattern(f"Invalid character(s) in term '{sign}%'")
            regexes.append(reader.regex())
        elif reader.peek('"'):
            target.append(reader.quoted())
        else:
            target.append(reader.word())
    if included == [" "]:
        included = []
    if included or excluded or regexes:
        optional = []
    return _WordPattern(included, excluded, optional, regexes)


# What the kinds have in common: a reader of tokens, and conditions of comparisons


class _Reader:
    """Takes tokens from a pattern; white space before a token is nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.regexes = 0
        self.wildcards = 0

    def skip(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def at_end(self) -> bool:
        self.skip()
        return self.position == len(self.text)

    def peek(self, text: str) -> bool:
        self.skip()
        return self.text.startswith(text, self.position)

    def take(self, pattern: str) -> str:
        """The token that `pattern` describes, or "" when something else comes."""
        self.skip()
        found = re.compile(pattern).match(self.text, self.position)
        if found is None:
            return ""
        self.position = found.end()
        return found.group()

    def expect(self, token: str) -> None:
        if not self.take(re.escape(token)):
            raise self.unexpected()

    def unexpected(self) -> InvalidPattern:
        self.skip()
        rest = self.text[self.position : self.position + 1]
        if not rest:
            return InvalidPattern("Invalid filter pattern: unexpected end of the pattern")
        return InvalidPattern(f"Invalid character(s) in term '{rest}'")

    def quoted(self) -> str:
        self.skip()
        found = _QUOTED.match(self.text, self.position)
        if found is None:
            raise InvalidPattern("Invalid filter pattern: a quotation mark is not closed")
        self.position = found.end()
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)

    def word(self) -> str:
        """A bare word: letters, digits and underscores, up to white space."""
        term = self.take(r"\S+")
        if wrong := re.sub(r"\w", "", term):
            raise InvalidPattern(f"Invalid character(s) in term '{wrong}'")
        return term

    def regex(self) -> LogRegex:
        self.expect("%")
        end = self.text.find("%", self.position)
        if end < 0:
            raise InvalidPattern("Invalid filter pattern: a regular expression is not closed")
        source = self.text[self.position : end]
        self.position = end + 1
        self.regexes += 1
        if self.regexes > MOST_REGEXES:
            raise InvalidPattern(f"Invalid filter pattern: more than {MOST_REGEXES} regular expressions")
        if not source or not _REGEX_CHARACTERS.fullmatch(source):
            wrong = _REGEX_CHARACTERS.sub("", source) or "%%"
            raise InvalidPattern(f"Invalid character(s) in term '{wrong}'")
        if "".join(_REGEX_ESCAPE.findall(source)) != source:
            raise InvalidPattern(f"Invalid filter pattern: unknown escape in the regular expression {source}")
        try:
            return LogRegex(source)
        except (re.error, OverflowError) as error:
            raise InvalidPattern(f"Invalid filter pattern: {source} is no regular expression: {error}") from error


Comparison = Callable[[_Reader], Test]


def _condition(reader: _Reader, comparison: Comparison) -> Test:
    """comparisons with `( )`, `&&` and `||`, which bind in this order."""
    tests = [_conjunction(reader, comparison)]
    while reader.take(r"\|\|"):
        tests.append(_conjunction(reader, comparison))
    return lambda subject: any(test(subject) for test in tests)


def _conjunction(reader: _Reader, comparison: Comparison) -> Test:
    tests = [_term(reader, comparison)]
    while reader.take("&&"):
        tests.append(_term(reader, comparison))
    return lambda subject: all(test(subject) for test in tests)


def _term(reader: _Reader, comparison: Comparison) -> Test:
    if not reader.take(r"\("):
        return comparison(reader)
    test = _condition(reader, comparison)
    reader.expect(")")
    return test


def _value_test(reader: _Reader, bare: str) -> Test:
    """An operator and what it compares with, as a test of one value. bare: the characters of an unquoted value."""
    sign = reader.take(r"!=|>=|<=|=|>|<")
    if not sign:
        raise reader.unexpected()
    if reader.peek("%"):
        regex = reader.regex()
        test: Test = lambda value: regex.search(_text(value))  # noqa: E731
    elif reader.peek('"'):
        test = _text_test(reader.quoted())
    else:
        word = reader.take(bare)
        if not word:
            raise reader.unexpected()
        if _NUMBER.fullmatch(word):
            return _number_test(sign, float(word), word)
        test = _text_test(word)
    if sign not in ("=", "!="):
        raise InvalidPattern(f"Invalid filter pattern: {sign} compares numbers only")
    return test if sign == "=" else lambda value: not test(value)


def _text_test(wanted: str) -> Test:
    if "*" not in wanted:
        return lambda value: _text(value) == wanted
    regex = re.compile(".*".join(re.escape(piece) for piece in re.split(r"\*+", wanted)), re.DOTALL)
    return lambda value: regex.fullmatch(_text(value)) is not None


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
}  # fmt: skip


def _number_test(sign: str, wanted: float, written: str) -> Test:
    compare = _ORDER[sign]

    def test(value: Any) -> bool:
        number = _number(value)
        if number is not None:
            return compare(number, wanted)
        return sign in ("=", "!=") and compare(_text(value), written)

    return test


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


# JSON

_EVERY = object()
_JSON_BARE = r"[\w.*+:/-]+"
Step = str | int | object


def _read_json(text: str) -> Test:
    reader = _Reader(text)
    reader.expect("{")
    test = _condition(reader, _json_comparison)
    reader.expect("}")
    if not reader.at_end():
        raise reader.unexpected()
    if reader.wildcards > MOST_WILDCARD_SELECTORS:
        raise InvalidPattern(f"Invalid filter pattern: more than {MOST_WILDCARD_SELECTORS} wildcard selectors")
    return test


def _json_comparison(reader: _Reader) -> Test:
    steps = _selector(reader)
    if reader.take(r"IS\b"):
        name = reader.take(r"(?:NULL|TRUE|FALSE)\b")
        if not name:
            raise reader.unexpected()
        constant = {"NULL": None, "TRUE": True, "FALSE": False}[name]
        return lambda document: any(value is constant for value in _select(document, steps))
    if reader.take(r"NOT\s+EXISTS\b"):
        return lambda document: next(_select(document, steps), _EVERY) is _EVERY
    test = _value_test(reader, _JSON_BARE)
    return lambda document: any(
        test(value)
        for value in _select(document, steps)
        if value is not None and not isinstance(value, (dict, list))
    )  # fmt: skip


def _selector(reader: _Reader) -> tuple[Step, ...]:
    """`$.a.b[0]['c.d'][*].*` as its steps; at most one of them is a wildcard."""
    reader.expect("$")
    steps: list[Step] = []
    while True:
        if reader.take(r"\.?\[\s*\*\s*\]|\.\*"):
            steps.append(_EVERY)
        elif index := reader.take(r"\.?\[\s*\d+\s*\]"):
            steps.append(int(index.strip(".[] ")))
        elif name := reader.take(r"\.?\[\s*(?:'[^']*'|\"[^\"]*\")\s*\]"):
            steps.append(name.strip(".[] ")[1:-1])
        elif name := reader.take(r"\.[\w-]+"):
            steps.append(name[1:])
        else:
            break
    if not steps:
        raise reader.unexpected()
    wildcards = sum(step is _EVERY for step in steps)
    if wildcards > 1:
        raise InvalidPattern("Invalid filter pattern: more than one wildcard in a selector")
    reader.wildcards += wildcards
    return tuple(steps)


def _select(document: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """The values that the steps lead to."""
    for position, step in enumerate(steps):
        if step is _EVERY:
            inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
            for value in inner:
                yield from _select(value, steps[position + 1 :])
            return
        if not _leads_on(document, step):
            return
        document = document[step]
    yield document


def _leads_on(document: Any, step: Step) -> bool:
    if isinstance(step, int):
        return isinstance(document, list) and step < len(document)
    return isinstance(document, dict) and step in document


# Lines of words

_LINE_BARE = r"[^\s,\]&|()\"%=<>!]+"


def _read_line(text: str) -> _LinePattern:
    reader = _Reader(text)
    reader.expect("[")
    first: list[Test] = []
    last: list[Test] | None = None
    while not reader.peek("]") or first or last is not None:
        if reader.take(r"\.\.\."):
            if last is not None:
                raise InvalidPattern("Invalid filter pattern: more than one ellipsis")
            last = []
        else:
            (first if last is None else last).append(_field(reader))
        if not reader.take(","):
            break
    reader.expect("]")
    if not reader.at_end():
        raise reader.unexpected()
    return _LinePattern(first, last if first or last is not None else [])


def _field(reader: _Reader) -> Test:
    """One field: nothing, its name, or a condition on it."""
    if reader.peek(",") or reader.peek("]"):
        return _anything
    position = reader.position
    if reader.take(r"[\w$-]+") and (reader.peek(",") or reader.peek("]")):
        return _anything
    reader.position = position
    return _condition(reader, _line_comparison)


def _line_comparison(reader: _Reader) -> Test:
    if not reader.take(r"[\w$-]+"):
        raise reader.unexpected()
    return _value_test(reader, _LINE_BARE)


def _anything(_: Any) -> bool:
    return True
