"""A client that signs by its own hand, so that every byte of a request can be chosen."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit


@dataclass(frozen=True)
class RawAnswer:
    status: int
    reason: str
    headers: dict[str, str]
    text: str
    cookies: str = ""

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.text))

    @property
    def body(self) -> dict[str, Any]:
        """What is under the one root key."""
        (body,) = self.json.values()
        return dict(body)

    @property
    def root(self) -> str:
        (root,) = self.json
        return str(root)


def java_encoded(value: str) -> str:
    """java.net.URLEncoder, with %20 for the blank."""
    return quote_plus(value, safe="*").replace("+", "%20").replace("~", "%7E")


@dataclass(frozen=True)
class RawClient:
    endpoint: str
    api_key: str
    secret_key: str

    def signed(self, parameters: dict[str, str]) -> dict[str, str]:
        text = "&".join(f"{name}={java_encoded(parameters[name])}" for name in sorted(parameters)).lower()
        digest = hmac.new(self.secret_key.encode(), text.encode(), hashlib.sha1).digest()
        return {**parameters, "signature": b64encode(digest).decode()}

    def call(self, command: str, **given: object) -> RawAnswer:
        """A signed GET in JSON; names with dots and brackets go in as `**{...}`."""
        parameters = {name: str(value) for name, value in given.items()}
        return self.get(self.signed({"command": command, "response": "json", "apiKey": self.api_key, **parameters}))

    def get(self, parameters: dict[str, str]) -> RawAnswer:
        return self.send("GET", f"?{urlencode(parameters)}")

    def post(self, parameters: dict[str, str]) -> RawAnswer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", "", urlencode(parameters), headers)

    def send(
        self, method: str, query: str = "", body: str | None = None, headers: dict[str, str] | None = None
    ) -> RawAnswer:
        parts = urlsplit(self.endpoint)
        connection = HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
        try:
            connection.request(method, parts.path + query, body, headers or {})
            response = connection.getresponse()
            cookies = "; ".join(response.headers.get_all("Set-Cookie") or [])
            text = response.read().decode()
            return RawAnswer(response.status, response.reason, dict(response.getheaders()), text, cookies)
        finally:
            connection.close()
