"""The matcher for recorded answers, held to its own promises."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.recorded.matching import Bindings, differences, match


def known(**more: Any) -> Bindings:
    return Bindings(account="000000000042", region="eu-west-1", partition="aws", **more)


@pytest.mark.parametrize(
    ("recorded", "actual"),
    [
        ({"a": 1, "b": [True, None]}, {"a": 1, "b": [True, None]}),
        ("arn:<partition>:x:<region>:111111111111:<id:1>", "arn:aws:x:eu-west-1:000000000042:seven"),
        (["<uuid:1>", "<uuid:2>", "<uuid:1>"], ["a", "b", "a"]),
        ("<name:1>/<name:1>-<name:2>", "x/x-y"),
        (["<code-size>", "<code-size>"], [1, 2]),
        (["<timestamp:2022-07-13T13:48:01.000Z>", "date"], [datetime.now(UTC), "2026-01-01"]),
        ({"createTime": "create-time", "CertURL": "cert-u-r-l"}, {"createTime": 5, "CertURL": "u"}),
        ("<a:len(5)>:<html>", "aaaaa:anything"),
        ({"Payload": {"a": "<x>"}}, {"Payload": io.BytesIO(b'{"a": 3}')}),
        ({"<key:1>": 1}, {"whatever": 1}),
        ({"ResponseMetadata": {"HTTPHeaders": {"a": "b"}}}, {"ResponseMetadata": {"HTTPHeaders": {}}}),
    ],
)  # fmt: skip
def test_equal_answers_match(recorded: Any, actual: Any) -> None:
    match(recorded, actual, known())


@pytest.mark.parametrize(
    ("recorded", "actual", "path"),
    [
        ({"a": 1}, {"a": 2}, "$.a"),
        ({"a": 1}, {}, "$.a"),
        ({}, {"a": 1}, "$.a"),
        ({"a": [1]}, {"a": [1, 2]}, "$.a"),
        ({"a": True}, {"a": 1}, "$.a"),
        (["<uuid:1>", "<uuid:1>"], ["a", "b"], "$[1]"),
        (["<uuid:1>", "<uuid:2>"], ["a", "a"], "$[1]"),
        ("arn:<region>:x", "arn:us-east-1:x", "$"),
        ("<a:len(5)>", "aaaa", "$"),
        ({"status": "200"}, {"status": 200}, "$.status"),
        ({"ResponseMetadata": {"HTTPStatusCode": 200}}, {"ResponseMetadata": {"HTTPStatusCode": 201}},
         "$.ResponseMetadata.HTTPStatusCode"),
    ],
)  # fmt: skip
def test_a_difference_is_found_where_it_is(recorded: Any, actual: Any, path: str) -> None:
    assert [where for where, _ in differences(recorded, actual, known())] == [path]


def test_bindings_last_over_the_answers_of_a_test() -> None:
    bindings = known(free={"<loose>"})
    match({"id": "f-<uuid:1>", "l": "<loose>"}, {"id": "f-1", "l": 1}, bindings)
    assert bindings["<uuid:1>"] == "1"
    match({"id": "<uuid:1>", "l": "<loose>"}, {"id": "1", "l": 2}, bindings)
    with pytest.raises(AssertionError, match="elsewhere"):
        match("<uuid:1>", "2", bindings)


def test_a_deviation_that_is_not_listed_is_refused() -> None:
    with pytest.raises(AssertionError, match="not listed"):
        match({"a": 1}, {"a": 2}, known(), {"$.a"})
