"""Compares an answer of ours with one recorded from AWS whose changing parts are placeholders.

Usage, one `Bindings` for all answers of one test (equal placeholders mean equal values across its calls):

    bindings = Bindings(account="000000000000", region="us-east-1", partition="aws")
    match(recorded["create"], answer_of_create, bindings)
    match(recorded["get"], answer_of_get, bindings)
    bindings["<uuid:1>"]                    # what a placeholder stood for
    bindings["<function-name:1>"] = "mine"  # or say it beforehand

An answer is what botocore returns. A call that failed is `ClientError.response`; `answer(...)` and
`failure(...)` build the same shapes for rooms that are called without HTTP. `match` compares the whole answer,
members that are too many included, except `ResponseMetadata`, of which the status alone counts. It raises
AssertionError with every difference and its path (`$.logGroups[0].arn`).

What a recording may hold:

* `<name:7>` — a value; the same placeholder is the same value everywhere, another number another value. It may
  stand inside a text (`arn:<partition>:logs:<region>:...`) and for a number.
* `<name>` — likewise, but names in `FREE` (dates, sizes, durations) match any value each time; a test may add to
  them: `Bindings(..., free={"<payload>"})`.
* `111111111111` — the account.
* `date`, `datetime`, `timestamp`, and a member whose value is its own name (`"createTime": "create-time"`):
  any value.
* `<a:len(129)>` — the letter 129 times.
* a structure where the answer has JSON text, bytes or a stream: the JSON inside is compared.

Where we differ on purpose, give `deviations={"$.path[*].member"}`: the path is left out of the comparison, and it
must be listed with its reason in `DEVIATIONS.md`, or `match` refuses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tatami.frame.errors import AwsError

HERE = Path(__file__).parent
RECORDED_ACCOUNT = "111111111111"
ANYTHING = frozenset({"date", "datetime", "timestamp"})
FREE = frozenset(
    {
        "<date>", "<datetime>", "<time>", "<timestamp>", "<code-size>", "<duration>", "<memory>", "<location>",
        "<remaining-time-in-millis>", "<expiration>", "<approximate-arrival-timestamp>",
        "<approximate-creation-datetime>", "<approximate-first-receive-timestamp>", "<md5-hash>", "<next-token>",
    }
)  # fmt: skip
PLACEHOLDER = re.compile(r"<([^<>]+)>|" + RECORDED_ACCOUNT)
REPEATED = re.compile(r"<(.):len\((\d+)\)>")
TIME = re.compile(r"<(?:timestamp|datetime):[^<>]*>")
Scalar = str | int | float | bool | datetime


class Bindings(MutableMapping[str, Scalar]):
    """What the placeholders of one test stand for, by placeholder with its brackets."""

    def __init__(
        self,
        known: Mapping[str, Scalar] | None = None,
        *,
        account: str = "",
        free: Collection[str] = (),
        **named: str,
    ) -> None:
        self._values: dict[str, Scalar] = {f"<{name.replace('_', '-')}>": value for name, value in named.items()}
        self._values.update(known or {})
        self.free = FREE | set(free)
        if account:
            self._values[RECORDED_ACCOUNT] = account

    def __getitem__(self, placeholder: str) -> Scalar:
        return self._values[placeholder]

    def __setitem__(self, placeholder: str, value: Scalar) -> None:
        self._values[placeholder] = value

    def __delitem__(self, placeholder: str) -> None:
        del self._values[placeholder]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Bindings({self._values!r})"

    def is_free(self, placeholder: str) -> bool:
        """Whether it matches another value each time."""
        return placeholder in self.free or TIME.fullmatch(placeholder) is not None

    def bind(self, placeholder: str, value: Scalar) -> str:
        """Let `placeholder` stand for `value`; returns what speaks against it, or ""."""
        if self.is_free(placeholder):
            return ""
        if placeholder in self._values:
            known = self._values[placeholder]
            return "" if known == value else f"{placeholder} is {known!r} elsewhere, here {value!r}"
        name, _, number = placeholder.rpartition(":")
        if number.rstrip(">").isdigit():
            for other, known in self._values.items():
                if known == value and other.rpartition(":")[0] == name:
                    return f"{other} and {placeholder} are both {value!r}"
        self._values[placeholder] = value
        return ""


def load(service: str, name: str) -> dict[str, Any]:
    """The recordings of `data/<service>/<name>.json` by test name, each as label to answer."""
    entries = json.loads((HERE / "data" / service / f"{name}.json").read_text())
    return {test: entry["recorded-content"] for test, entry in entries.items()}


def answer(values: Mapping[str, Any], status: int = 200) -> dict[str, Any]:
    """A successful answer as botocore would return it."""
    return {**values, "ResponseMetadata": {"HTTPStatusCode": status}}


def failure(error: AwsError) -> dict[str, Any]:
    """A failed answer as botocore would put it into `ClientError.response`."""
    return {
        "Error": {"Code": error.code, "Message": error.message},
        **error.fields,
        "ResponseMetadata": {"HTTPStatusCode": error.status},
    }


def match(recorded: Any, actual: Any, bindings: Bindings, deviations: Collection[str] = ()) -> None:
    """Assert that `actual` is what was recorded. See the head of this module."""
    reasons = (HERE / "DEVIATIONS.md").read_text() if deviations else ""
    unlisted = [path for path in deviations if f"`{path}`" not in reasons]
    assert not unlisted, f"not listed in DEVIATIONS.md: {unlisted}"
    found = [line for path, line in differences(recorded, actual, bindings) if not _deviates(path, deviations)]
    assert not found, "the answer differs from AWS's:\n  " + "\n  ".join(found)


def differences(recorded: Any, actual: Any, bindings: Bindings, path: str = "$") -> Iterator[tuple[str, str]]:
    """Each difference as (path, sentence); bindings learn from what matches."""
    actual = _plain_value(recorded, actual)
    if isinstance(recorded, dict) and isinstance(actual, Mapping):
        yield from _structures(recorded, actual, bindings, path)
    elif isinstance(recorded, list) and isinstance(actual, (list, tuple)):
        if len(recorded) != len(actual):
            yield path, f"{path}: {len(recorded)} items were recorded, here are {len(actual)}: {actual!r}"
        for index, (left, right) in enumerate(zip(recorded, actual, strict=False)):
            yield from differences(left, right, bindings, f"{path}[{index}]")
    elif isinstance(recorded, str) and isinstance(actual, (str, int, float, datetime)):
        if not _names_itself(path, recorded) and (complaint := _texts(recorded, actual, bindings)):
            yield path, f"{path}: {complaint}"
    elif recorded != actual or isinstance(recorded, bool) != isinstance(actual, bool):
        yield path, f"{path}: recorded {recorded!r}, here {actual!r}"


def _structures(
    recorded: dict[str, Any], actual: Mapping[str, Any], bindings: Bindings, path: str
) -> Iterator[tuple[str, str]]:
    if path == "$.ResponseMetadata":
        recorded = {"HTTPStatusCode": recorded.get("HTTPStatusCode")}
        actual = {"HTTPStatusCode": actual.get("HTTPStatusCode")}
    found = _member_names(recorded, actual, bindings)
    for name, value in recorded.items():
        if name not in found:
            yield f"{path}.{name}", f"{path}.{name}: recorded {value!r}, missing here"
        else:
            yield from differences(value, actual[found[name]], bindings, f"{path}.{name}")
    for name in actual.keys() - set(found.values()):
        yield f"{path}.{name}", f"{path}.{name}: not recorded, here {actual[name]!r}"


def _member_names(recorded: Mapping[str, Any], actual: Mapping[str, Any], bindings: Bindings) -> dict[str, str]:
    """Recorded member name to ours; names may be placeholders themselves."""
    found = {name: name for name in recorded if name in actual}
    left = [name for name in actual if name not in found]
    for name in recorded:
        if name not in found and PLACEHOLDER.search(name):
            ours = next((other for other in left if not _texts(name, other, bindings)), None)
            if ours is not None:
                found[name] = ours
                left.remove(ours)
    return found


def _plain_value(recorded: Any, actual: Any) -> Any:
    """Streams and bytes as text; text as JSON where a structure was recorded."""
    if hasattr(actual, "read"):
        actual = actual.read()
    if isinstance(actual, (bytes, bytearray)):
        actual = bytes(actual).decode("utf-8", "replace")
    if isinstance(actual, str) and isinstance(recorded, (dict, list)):
        try:
            return json.loads(actual)
        except ValueError:
            return actual
    return actual


def _names_itself(path: str, recorded: str) -> bool:
    """Whether the recording only says that the member is there."""
    if recorded in ANYTHING:
        return True
    if recorded.startswith("<"):
        return False
    member = path.rpartition(".")[2].partition("[")[0]
    return _letters(member) == _letters(recorded)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _texts(recorded: str, actual: Scalar, bindings: Bindings) -> str:
    """What speaks against `actual` being `recorded`, or ""."""
    recorded = REPEATED.sub(lambda found: found[1] * int(found[2]), recorded)
    if PLACEHOLDER.fullmatch(recorded) and not _is_literal(recorded, actual):
        return bindings.bind(recorded, actual)
    if not isinstance(actual, str):
        return f"recorded {recorded!r}, here {actual!r}"
    found = re.fullmatch(_pattern(recorded, bindings), actual, re.DOTALL)
    if found is None:
        return f"recorded {recorded!r}, here {actual!r}"
    new = dict.fromkeys(PLACEHOLDER.finditer(recorded))
    names = [one.group() for one in new if one.group() not in bindings and not bindings.is_free(one.group())]
    complaints = (bindings.bind(name, found[f"g{i}"]) for i, name in enumerate(dict.fromkeys(names)))
    return "; ".join(filter(None, complaints))


def _is_literal(recorded: str, actual: Scalar) -> bool:
    """`<html>` in a recorded page is the page's own."""
    return recorded == actual and recorded != RECORDED_ACCOUNT


def _pattern(recorded: str, bindings: Bindings) -> str:
    """The recorded text as a regular expression; unknown placeholders are groups g0, g1, ..."""
    pieces: list[str] = []
    groups: dict[str, int] = {}
    end = 0
    for found in PLACEHOLDER.finditer(recorded):
        placeholder = found.group()
        pieces.append(re.escape(recorded[end : found.start()]))
        end = found.end()
        if bindings.is_free(placeholder):
            pieces.append(".+?")
        elif placeholder in bindings:
            pieces.append(re.escape(str(bindings[placeholder])))
        elif placeholder in groups:
            pieces.append(f"(?P=g{groups[placeholder]})")
        else:
            groups[placeholder] = len(groups)
            pieces.append(f"(?P<g{groups[placeholder]}>.+?)")
    pieces.append(re.escape(recorded[end:]))
    return "".join(pieces)


def _deviates(path: str, deviations: Collection[str]) -> bool:
    """Whether the path, or what holds it, is one of `deviations`, whose indexes are `[*]`."""
    path = re.sub(r"\[\d+\]", "[*]", path)
    return any(path == known or path.startswith((f"{known}.", f"{known}[")) for known in deviations)
