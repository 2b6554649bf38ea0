"""Signed addresses of packages."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from tatami.frame.operation import Context
from tatami.kit.clock import VirtualClock
from tatami.services.lambda_.locations import SignedCodeLocations

DIGEST = "ab" * 32
CONTEXT = Context("000000000000", "us-east-1", "r", endpoint="http://127.0.0.1:4566")


def split(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    return parts.path, dict(parse_qsl(parts.query))


def test_an_address_is_good_for_ten_minutes() -> None:
    clock = VirtualClock()
    locations = SignedCodeLocations(b"s" * 32, clock)
    url = locations.url(CONTEXT, DIGEST, "greet")
    assert url.startswith(f"http://127.0.0.1:4566/_tatami/code/000000000000/us-east-1/greet/{DIGEST}?expires=")
    path, query = split(url)
    assert locations.digest(path, query) == DIGEST
    later = VirtualClock(clock.now() + 601)
    assert SignedCodeLocations(b"s" * 32, later).digest(path, query) is None


@pytest.mark.parametrize("change", ["digest", "expires", "signature", "no signature", "no expiry", "secret", "prefix"])
def test_what_was_not_signed_is_refused(change: str) -> None:
    clock = VirtualClock()
    secret = b"s" * 32
    path, query = split(SignedCodeLocations(secret, clock).url(CONTEXT, DIGEST, "greet"))
    if change == "digest":
        path = path.replace(DIGEST, "cd" * 32)
    elif change == "expires":
        query["expires"] = str(int(query["expires"]) + 1)
    elif change == "signature":
        query["signature"] = "é\ud800"
    elif change == "no signature":
        del query["signature"]
    elif change == "no expiry":
        query["expires"] = "²"
    elif change == "secret":
        secret = b"t" * 32
    else:
        path = path.replace("/_tatami/code/", "/_tatami/other/")
    assert SignedCodeLocations(secret, clock).digest(path, query) is None


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(SignedCodeLocations(b"hush", VirtualClock()))
