"""
The regular expressions of CloudWatch Logs filter patterns, in a time that no pattern can stretch.

Python's engine backtracks: `%a*a*a*b%` on 800 times `a` takes it half a minute. So where repetitions and length could
add up, the expression is followed state by state instead, in a time that grows with the message only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

_ATOM = re.compile(r"\\x[0-9A-Fa-f]{2}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.")
_REPETITION = re.compile(r"(?:([*+?])|\{(?=[\d,])(\d*)(,?)(\d*)\})\??")
_MOST_STATES = 500
_MOST_BACKTRACKING = 1_000_000
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class _Step:
    """One place in an expression: an anchor, or a character that may be left out or come again; "" is the end."""

    atom: str
    character: re.Pattern[str]
    optional: bool = False
    repeated: bool = False


class LogRegex:
    """An expression without groups: alternatives of characters with repetitions."""

    def __init__(self, source: str) -> None:
        self._backtracking = re.compile(source, re.ASCII)
        self._variable = 0
        self._steps: list[_Step] = []
        self._starts = [0]
        self._read(source)
        self._after = lru_cache(_MOST_REMEMBERED)(self._follow)

    def search(self, text: str) -> bool:
        """Whether the expression matches anywhere in the text."""
        if not self._variable or len(text) ** (self._variable + 1) <= _MOST_BACKTRACKING:
            return self._backtracking.search(text) is not None
        states = self._closure(self._starts, "^")
        for position, character in enumerate(text):
            if self._is_end(states, last=position == len(text) - 1 and character == "\n"):
                return True
            states = self._after(states, character)
        return self._is_end(states, last=True)

    def _read(self, source: str) -> None:
        end = _Step("", self._backtracking)
        position = 0
        while position < len(source):
            atom = _ATOM.match(source, position)
            assert atom is not None
            found = _REPETITION.match(source, atom.end())
            position = atom.end() if found is None else found.end()
            if atom.group() == "|":
                self._steps.append(end)
                self._starts.append(len(self._steps))
                continue
            low, high = (1, 1) if found is None else _bounds(found)
            if (found is not None and source.startswith("+", position)) or max(low, high or 0) > _MOST_STATES:
                raise re.error("a possessive or very long repetition")
            self._variable += low != high
            step = _Step(atom.group(), re.compile(atom.group(), re.ASCII))
            self._steps += [step] * low + [replace(step, optional=True)] * ((high or low) - low)
            if high is None:
                self._steps.append(replace(step, optional=True, repeated=True))
        self._steps.append(end)
        if len(self._steps) > _MOST_STATES:
            raise re.error("too long")

    def _closure(self, places: Iterable[int], anchor: str = "") -> frozenset[int]:
        """The places and those reached from them without a character; anchor: the one that holds here."""
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                if self._steps[place].optional or (anchor and self._steps[place].atom == anchor):
                    waiting.append(place + 1)
        return frozenset(found)

    def _follow(self, states: frozenset[int], character: str) -> frozenset[int]:
        """Where the character leads, and the starts again: a match may begin anywhere."""
        places = list(self._starts)
        for place in states:
            step = self._steps[place]
            if step.atom not in ("", "^", "$") and step.character.fullmatch(character):
                places += (place, place + 1) if step.repeated else (place + 1,)
        return self._closure(places)

    def _is_end(self, states: frozenset[int], *, last: bool) -> bool:
        return any(self._steps[place].atom == "" for place in (self._closure(states, "$") if last else states))


def _bounds(repetition: re.Match[str]) -> tuple[int, int | None]:
    """How often at least and at most; None for any number."""
    sign, low, comma, high = repetition.groups()
    if sign:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
    return int(low or 0), (int(high) if high else None) if comma else int(low)
