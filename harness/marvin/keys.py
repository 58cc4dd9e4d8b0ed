"""Gets an admin's API keys from what a Marvin configuration says: keys, the integration port, or user and password."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from harness.cloud.accounts import register_keys
from harness.cloud.bounded_http import bounded_session
from harness.marvin.config import API_PORT, NOT_GIVEN, ManagementServer, MarvinConfig, MarvinConfigError

# Whom Marvin looks up at the integration port, where nobody says who they are.
ADMIN = "admin"
# For the head of an answer, and once more for all of it.
_SECONDS = 15.0
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Access:
    """Where the API is, whose keys are used, and what vouches for its certificate (True, False or a CA file)."""

    endpoint: str
    api_key: str
    secret_key: str
    verify: bool | str


def access(config: MarvinConfig) -> Access:
    """How to speak to the cloud as its admin.

    A user without keys gets some, as with Marvin.

    Raises:
        MarvinConfigError: no server answers there, or it lets nobody in.
    """
    server = config.management_server
    verify: bool | str = server.ca_file if server.ca_file != NOT_GIVEN else True
    port = server.port
    if server.is_integration_port:
        port = server.api_port or API_PORT
    endpoint = server.url(port)
    if server.api_key is not None and server.secret_key is not None:
        return Access(endpoint, server.api_key, server.secret_key, verify)
    with bounded_session(_SECONDS, _MOST_BYTES) as session:
        session.verify = verify
        if server.client_certificate != NOT_GIVEN:
            session.cert = server.client_certificate
        asker = _Asker(config, server, session)
        if server.is_integration_port:
            api_key, secret_key = _keys_of(asker, asker.admin_id())
        else:
            api_key, secret_key = _keys_of(asker, asker.log_in())
    return Access(endpoint, api_key, secret_key, verify)


def _keys_of(asker: _Asker, user_id: str) -> tuple[str, str]:
    known = asker.call("getUserKeys", id=user_id).get("userkeys", {})
    if "apikey" not in known or "secretkey" not in known:
        return register_keys(asker, _SECONDS, user_id)
    return str(known["apikey"]), str(known["secretkey"])


class _Asker:
    """Requests without a signature: at the integration port, or in a session."""

    def __init__(self, config: MarvinConfig, server: ManagementServer, session: requests.Session) -> None:
        self._config = config
        self._server = server
        self._session = session
        self._always: dict[str, str] = {}
        self.job_ids: deque[str] = deque()

    def log_in(self) -> str:
        """Begin a session; the id of the user who is in it."""
        login = {"username": self._server.user, "password": self._server.password, "domain": "/"}
        answer = self._answer("login", "POST", login, "mgtSvr[0].user, passwd", "give an admin's")
        self._always = {"sessionkey": str(answer["sessionkey"])}
        return str(answer["userid"])

    def admin_id(self) -> str:
        users = self.call("listUsers", account=ADMIN, listall="true").get("user", [])
        if not users:
            raise self._error("mgtSvr[0]", f"the cloud has no user in the account {ADMIN!r}; give apiKey, securityKey")
        return str(users[0]["id"])

    def call(self, command: str, **parameters: object) -> dict[str, Any]:
        return self._answer(command, "GET", parameters, "mgtSvr[0]", "give apiKey and securityKey")

    def _answer(
        self, command: str, method: str, parameters: Mapping[str, object], key: str, mend: str
    ) -> dict[str, Any]:
        url = self._server.url(self._server.port)
        sent = {"command": command, "response": "json", **{n: str(v) for n, v in parameters.items()}, **self._always}
        try:
            answered = self._session.request(
                method,
                url,
                params=sent if method == "GET" else None,
                data=sent if method == "POST" else None,
                timeout=_SECONDS,
            )
            answer = answered.json()
        except (requests.exceptions.JSONDecodeError, RecursionError):
            raise self._error("mgtSvr[0].mgtSvrIp, port", f"{url} answered no CloudStack JSON to {command}") from None
        except requests.exceptions.RequestException as failure:
            reason = str(failure).rsplit(": ", 1)[-1].rstrip("')")
            raise self._error("mgtSvr[0].mgtSvrIp, port", f"no CloudStack answers at {url}: {reason}") from None
        parts = answer.values() if isinstance(answer, dict) else []
        body: dict[str, Any] | None = next((part for part in parts if isinstance(part, dict)), None)
        if body is None:
            raise self._error("mgtSvr[0].mgtSvrIp, port", f"{url} answered no CloudStack JSON to {command}")
        if not answered.ok or "errorcode" in body:
            raise self._error(key, f"{command} was refused: {body.get('errortext', answered.reason)}; {mend}")
        return dict(body)

    def _error(self, key: str, text: str) -> MarvinConfigError:
        return MarvinConfigError(f"{self._config.file}: {key}: {text}")
