"""
Who calls, and may they: the steps authenticate and authorize.

In mode `open` any well-formed signature is welcome. A key that was never issued has no secret to verify with, so of
its signature only the time and the hash of the body are checked; an access key of twelve digits chooses the account of
that number, any other key the default account. A key that was issued is verified like at AWS. In mode `enforce` only
issued keys are welcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tatami.frame.operation import Context
from tatami.kit.clock import Clock
from tatami.wire import sigv4, sigv4_errors
from tatami.wire.http import Request
from tatami.wire.sigv4 import Signature, SignedRequest, Style


class Access(Enum):
    """Which keys are welcome."""

    OPEN = "open"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """An access key that was issued, and whose it is.

    account: 12 digits. arn, user_id: of the principal, as GetCallerIdentity names them. session_token: of temporary
    credentials, "" for long-lived ones.
    """

    secret: str
    account: str
    arn: str
    user_id: str
    session_token: str = ""


class Keys(Protocol):
    """The issued keys. Asynchronous, because they live in the store and several heads share them."""

    async def secret_for(self, access_key: str, token: str) -> KnownKey | None:
        """The key with this id, None when it was not issued, was deleted or has expired. token: as presented or ""."""
        ...


class Authorizer(Protocol):
    """Decides whether a caller may call an operation."""

    async def allow(self, context: Context, service: str, operation: str) -> None:
        """Return when the call is allowed. Raises AwsError (`AccessDeniedException` 403) when it is not."""
        ...


class OwnAccount:
    """Every caller may do everything in the account of its key.

    IAM policies are not evaluated yet: a known key has the rights of its account's root user. Since a context's account
    is taken from the key, no caller reaches another account.
    """

    async def allow(self, context: Context, service: str, operation: str) -> None:
        """Allow the call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller. region: as signed, "" when the request was not. signature: None without one.

    arn, user_id: "" when nothing better than the account is known.
    """

    account: str
    region: str = ""
    access_key: str = ""
    arn: str = ""
    user_id: str = ""
    signature: Signature | None = None


class Authenticator:
    """The step authenticate."""

    def __init__(self, keys: Keys, access: Access, default_account: str, clock: Clock) -> None:
        self._keys = keys
        self._access = access
        self._default_account = default_account
        self._clock = clock

    async def authenticate(self, request: Request, style: Style, *, unsigned: bool = False) -> Caller:
        """The caller of a request. Raises sigv4.SignatureError in the codes of `style`.

        unsigned: whether the operation may be called without a signature.
        """
        signed = sigv4.parse(request, style)
        if signed is None:
            if unsigned:
                return Caller(self._default_account)
            raise sigv4_errors.missing(style)
        sigv4.check_time(signed, self._clock.now())
        known = await self._keys.secret_for(signed.access_key, signed.token)
        if known is None:
            return self._stranger(signed, request)
        if known.session_token != signed.token:
            raise sigv4_errors.wrong_token(signed.style)
        signature = sigv4.check_signature(signed, request, known.secret)
        sigv4.check_body(signed, request)
        return Caller(known.account, signed.region, signed.access_key, known.arn, known.user_id, signature)

    def _stranger(self, signed: SignedRequest, request: Request) -> Caller:
        key = signed.access_key
        if self._access is Access.ENFORCE:
            raise sigv4_errors.unknown_key(signed.style, key)
        sigv4.check_body(signed, request)
        account = key if len(key) == 12 and key.isascii() and key.isdigit() else self._default_account
        return Caller(account, signed.region, key, signature=sigv4.unverified(signed))


def style_of(service: str, protocol: str) -> Style:
    """Which family of signature errors a service answers with. protocol: as botocore names it."""
    if service == "s3":
        return Style.S3
    return _STYLES.get(protocol, Style.REST)


_STYLES = {
    "json": Style.JSON,
    "smithy-rpc-v2-cbor": Style.JSON,
    "query": Style.QUERY,
    "ec2": Style.QUERY,
}
