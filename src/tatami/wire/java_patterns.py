"""
The models' regular expressions, written for Java, made Python's.

`\\p{...}` becomes the ranges of the Basic Multilingual Plane with that category, all characters above it being
taken as letters or symbols; `\\d`, `\\w` and `\\s` are ASCII's, as in Java. A pattern that cannot be had in Python
(class intersections) is None: what it forbids is then not checked.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import lru_cache

_PROPERTY = re.compile(r"\\([pP])(?:\{(?:Is)?\^?([A-Za-z_]+)\}|([A-Z]))")
_ASTRAL = "\U00010000-\U0010ffff"
_POSIX = {
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Space": r" \t\n\x0b\f\r",
    "Blank": r" \t",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "ASCII": r"\x00-\x7f",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
}
_LONG_NAMES = {"Letter": "L", "Alphabetic": "L", "Number": "N", "Punctuation": "P", "Symbol": "S", "Latin": "L"}


@lru_cache(maxsize=64)
def _category(name: str, inverted: bool) -> str:
    """The inside of a character class for a Unicode category such as `L` or `Zs`."""
    ranges: list[str] = []
    start: int | None = None
    for code in range(0x10001):
        inside = code < 0x10000 and unicodedata.category(chr(code)).startswith(name) is not inverted
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\u{start:04x}" if start == code - 1 else f"\\u{start:04x}-\\u{code - 1:04x}")
            start = None
    return "".join(ranges) + (_ASTRAL if (name[0] in "LS") is not inverted else "")


def _inside_class(pattern: str, position: int) -> bool:
    """True when `position` is between square brackets."""
    inside = escaped = False
    for character in pattern[:position]:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character in "[]":
            inside = character == "["
    return inside


def to_python(pattern: str) -> str:
    """The Python spelling of a Java pattern. Raises re.error where there is none."""
    if "&&" in pattern:
        raise re.error("character class intersection")

    def replace(match: re.Match[str]) -> str:
        name = match[2] or match[3]
        inverted = match[1] == "P"
        if name in _POSIX and not inverted:
            inner = _POSIX[name]
        else:
            short = _LONG_NAMES.get(name, name)
            if len(short) > 2:
                raise re.error(f"unknown property {name}")
            inner = _category(short, inverted)
        return inner if _inside_class(pattern, match.start()) else f"[{inner}]"

    found = _PROPERTY.sub(replace, pattern)
    return re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", found).replace("\\z", "\\Z")


@lru_cache(maxsize=4096)
def compile_java(pattern: str) -> re.Pattern[str] | None:
    """The compiled pattern, for `fullmatch`; None when Python cannot express it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(to_python(pattern), re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None
