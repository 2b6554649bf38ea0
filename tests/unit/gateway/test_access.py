"""Authentication: which keys are welcome in which mode, which account they open, and what is verified of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tatami.gateway.access import Access, Authenticator, Caller, KnownKey, style_of
from tatami.kit.clock import VirtualClock
from tatami.wire import sigv4
from tatami.wire.http import Request
from tatami.wire.sigv4 import Credentials, SignatureError, Style

NOW = 1_800_000_000.0
DEFAULT = "000000000000"
BARE = Request("POST", "/", "", {"host": "h"}, b"body")
LONG_LIVED = KnownKey("secret", "111122223333", "arn:aws:iam::111122223333:user/ada", "AIDAADA")
TEMPORARY = KnownKey("hidden", "444455556666", "arn:aws:sts::444455556666:assumed-role/r/s", "AROAR:s", "token")


class Issued:
    """Two issued keys."""

    async def secret_for(self, access_key: str, token: str) -> KnownKey | None:
        return {"AKIAADA": LONG_LIVED, "ASIAROLE": TEMPORARY}.get(access_key)


def authenticate(
    request: Request,
    access: Access = Access.OPEN,
    *,
    now: float = NOW,
    style: Style = Style.REST,
    unsigned: bool = False,
) -> Caller:
    step = Authenticator(Issued(), access, DEFAULT, VirtualClock(now))
    return asyncio.run(step.authenticate(request, style, unsigned=unsigned))


def refusal(request: Request, access: Access = Access.OPEN, now: float = NOW) -> SignatureError:
    with pytest.raises(SignatureError) as caught:
        authenticate(request, access, now=now)
    return caught.value


def signed(key: str, secret: str, token: str = "", service: str = "lambda") -> Request:
    return sigv4.sign(BARE, Credentials(key, secret, token), "eu-west-1", service, NOW)


@pytest.mark.parametrize("access", Access)
def test_an_issued_key_opens_its_account(access: Access) -> None:
    caller = authenticate(signed("AKIAADA", "secret"), access)

    assert (caller.account, caller.region, caller.access_key) == ("111122223333", "eu-west-1", "AKIAADA")
    assert (caller.arn, caller.user_id) == (LONG_LIVED.arn, LONG_LIVED.user_id)
    assert caller.signature is not None
    assert caller.signature.key


@pytest.mark.parametrize("access", Access)
def test_an_issued_key_is_verified(access: Access) -> None:
    assert refusal(signed("AKIAADA", "wrong"), access).code == "InvalidSignatureException"


@pytest.mark.parametrize("access", Access)
def test_the_session_token_belongs_to_the_key(access: Access) -> None:
    assert authenticate(signed("ASIAROLE", "hidden", "token"), access).account == "444455556666"

    for request in (signed("ASIAROLE", "hidden"), signed("ASIAROLE", "hidden", "x"), signed("AKIAADA", "secret", "x")):
        error = refusal(request, access)
        assert (error.code, error.message) == (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("123456789012", "123456789012"),
        ("test", DEFAULT),
        ("1234567890123", DEFAULT),
        ("１２３４５６７８９０１２", DEFAULT),
    ],
)
def test_open_welcomes_strangers(key: str, account: str) -> None:
    caller = authenticate(signed(key, "anything"))

    assert (caller.account, caller.region, caller.arn) == (account, "eu-west-1", "")
    assert caller.signature is not None
    assert caller.signature.key == b""


def test_enforce_does_not() -> None:
    assert refusal(signed("123456789012", "anything"), Access.ENFORCE).code == "UnrecognizedClientException"


def test_a_stranger_needs_a_right_clock_and_a_whole_body() -> None:
    assert "Signature expired" in refusal(signed("test", "x"), now=NOW + 20 * 60).message
    assert "not yet current" in refusal(signed("test", "x"), now=NOW - 20 * 60).message
    broken = replace(signed("test", "x", service="s3"), body=b"other")
    assert refusal(broken).code == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize("access", Access)
def test_no_signature(access: Access) -> None:
    assert authenticate(BARE, access, unsigned=True) == Caller(DEFAULT)
    assert refusal(BARE, access).code == "MissingAuthenticationTokenException"


def test_a_wrong_signature_is_refused_even_where_none_is_needed() -> None:
    with pytest.raises(SignatureError):
        authenticate(signed("AKIAADA", "wrong"), unsigned=True)


@pytest.mark.parametrize(
    ("service", "protocol", "style"),
    [
        ("s3", "rest-xml", Style.S3),
        ("lambda", "rest-json", Style.REST),
        ("sqs", "json", Style.JSON),
        ("sqs", "query", Style.QUERY),
        ("cloudwatch", "smithy-rpc-v2-cbor", Style.JSON),
        ("cloudfront", "rest-xml", Style.REST),
    ],
)
def test_style_of(service: str, protocol: str, style: Style) -> None:
    assert style_of(service, protocol) is style
