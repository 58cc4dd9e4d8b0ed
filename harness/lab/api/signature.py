"""Who signed a request: CloudStack's HMAC-SHA1 over the sorted parameters."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha1
from urllib.parse import quote

from harness.lab.management.errors import BareError
from harness.lab.management.model import User
from harness.lab.management.state import CloudState

_UNVERIFIED = "unable to verify user credentials and/or request signature"


class UnauthorizedError(BareError):
    """Key, signature or expiry is wrong; the answer does not say which."""

    def __init__(self, text: str = _UNVERIFIED) -> None:
        super().__init__(401, text)


def string_to_sign(parameters: Mapping[str, str]) -> str:
    """Names as they are and sorted with their case; values as Java's URLEncoder has them, but for the blank."""
    pairs = (f"{name}={_encoded(parameters[name])}" for name in sorted(parameters) if name != "signature")
    return "&".join(pairs).lower()


def _encoded(value: str) -> str:
    # Python never quotes "~", Java always does; both leave "*" where told to.
    return quote(value, safe="*").replace("~", "%7E")


def signature(parameters: Mapping[str, str], secret_key: str) -> str:
    digest = hmac.new(secret_key.encode(), string_to_sign(parameters).encode(), sha1).digest()
    return b64encode(digest).decode()


def signer(state: CloudState, parameters: Mapping[str, str]) -> User:
    """The user who signed. Raises UnauthorizedError."""
    user = state.user_by_key(parameters.get("apiKey", ""))
    given = parameters.get("signature")
    if user is None or given is None or not state.is_enabled(user):
        raise UnauthorizedError
    if parameters.get("signatureVersion") == "3" and not _still_valid(parameters.get("expires")):
        raise UnauthorizedError
    if not hmac.compare_digest(signature(parameters, user.secret_key).encode(), given.encode()):
        raise UnauthorizedError
    return user


def _still_valid(expires: str | None) -> bool:
    try:
        moment = datetime.strptime(expires or "", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return False
    return moment > datetime.now(UTC)
