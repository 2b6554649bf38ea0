"""Bodies as they were meant: gzip where the model allows it (chunks and checksums: test_gateway)."""

from __future__ import annotations

import gzip

import pytest

from tatami.gateway.body import plain
from tatami.wire.http import Request
from tatami.wire.models import load_service
from tatami.wire.protocols import MalformedRequest

METRICS = load_service("cloudwatch").operations["PutMetricData"]
INVOKE = load_service("lambda").operations["Invoke"]


def request(body: bytes, encoding: str) -> Request:
    return Request("POST", "/", "", {"content-encoding": encoding, "content-length": str(len(body))}, body)


def test_a_compressed_body_is_inflated_where_the_model_says_so() -> None:
    inflated = plain(request(gzip.compress(b"data" * 100), "gzip"), METRICS, None, 1000)

    assert inflated.body == b"data" * 100
    assert inflated.headers == {"content-length": "400"}


def test_other_operations_keep_their_bodies() -> None:
    asked = request(gzip.compress(b"{}"), "gzip")

    assert plain(asked, INVOKE, None, 1000) is asked
    assert plain(request(b"x", "br"), METRICS, None, 1000).body == b"x"


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"data" * 100)[:-9], gzip.compress(b"x" * 2000)],
    ids=["no gzip", "cut off", "explodes"],
)
def test_damaged_and_exploding_bodies(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        plain(request(body, "gzip"), METRICS, None, 1000)
