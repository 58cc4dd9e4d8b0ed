"""CloudStack's signature of a request, also where a value has a tilde."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cs import CloudStack


def signature(parameters: Mapping[str, object], secret_key: str) -> str:
    """The server quotes with Java's URLEncoder, which quotes "~"; Python, and so cs and Marvin, leave it as it is.

    Source: ApiServer.verifyRequest. The lab reckons it by code of its own: what judges a request must not have made it.
    """
    pairs = (f"{name}={quote(str(value), safe='*').replace('~', '%7E')}" for name, value in sorted(parameters.items()))
    digest = hmac.new(secret_key.encode(), "&".join(pairs).lower().encode(), hashlib.sha1).digest()
    return b64encode(digest).decode()


class SignedCloudStack(CloudStack):
    """cs with that signature."""

    def _sign(self, data: dict[str, Any]) -> None:
        # Without a secret nothing is signed: that is what the integration port takes.
        if self.secret:
            data["signature"] = signature(data, self.secret)
