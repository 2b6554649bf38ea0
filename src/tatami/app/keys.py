"""The access keys that this platform knows: those of the configuration, and those that functions were given."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Mapping

from tatami.domain.invocation import FunctionVersion
from tatami.environments.variables import Credentials
from tatami.gateway.access import KnownKey

_LETTERS = string.ascii_uppercase + string.digits


class KeyRing:
    """Looks access keys up for the gateway and issues session credentials for functions.

    A function acts as its execution role, in the role's account. Every environment has credentials of its own, which
    end with it; they are never stored.
    """

    def __init__(self, configured: Mapping[str, str], account: str) -> None:
        self._keys = {
            key: _root_key(secret, key if _is_account(key) else account) for key, secret in configured.items()
        }
        self._configured = len(self._keys)

    def __repr__(self) -> str:
        return f"<KeyRing {self._configured} configured, {len(self._keys) - self._configured} of environments>"

    async def secret_for(self, access_key: str, token: str) -> KnownKey | None:
        """The key of that id, or None."""
        return self._keys.get(access_key)

    def issue(self, function: FunctionVersion) -> Credentials:
        """New session credentials of the execution role."""
        access_key, known = _key_id(), _known_key(function)
        self._keys[access_key] = known
        return Credentials(access_key, known.secret, known.session_token)

    def revoke(self, credentials: Credentials) -> None:
        """End what `issue` has given."""
        self._keys.pop(credentials.access_key, None)


def _is_account(key: str) -> bool:
    """A key id of twelve digits chooses the account of that number."""
    return len(key) == 12 and key.isascii() and key.isdigit()


def _root_key(secret: str, account: str) -> KnownKey:
    return KnownKey(secret, account, f"arn:aws:iam::{account}:root", account)


def _key_id() -> str:
    """Temporary credentials begin with ASIA (IAM user guide, "IAM identifiers")."""
    return "ASIA" + "".join(secrets.choice(_LETTERS) for _ in range(16))


def _known_key(function: FunctionVersion) -> KnownKey:
    role_account, _, role = function.role.partition(":role/")
    account = role_account.rpartition(":")[2] or function.account
    # A session name has at least two characters, so AWS lengthens that of a function with a one-letter name.
    session = function.name if len(function.name) > 1 else f"{function.name}@lambda_function"
    role_name = role.rpartition("/")[2]
    arn = f"arn:aws:sts::{account}:assumed-role/{role_name}/{session}"
    role_id = "AROA" + hashlib.sha256(function.role.encode()).hexdigest()[:17].upper()
    return KnownKey(secrets.token_urlsafe(30), account, arn, f"{role_id}:{session}", secrets.token_urlsafe(120))
