"""Sessions of users who logged in with a password, and the two commands that begin and end one."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from werkzeug.wrappers import Request, Response

from harness.lab.api import envelope
from harness.lab.api.command import Shown
from harness.lab.api.entities import SERVER_ID
from harness.lab.api.envelope import Form
from harness.lab.api.signature import UnauthorizedError
from harness.lab.management.access import rendered_domain
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import ACCOUNT, ApiError, BadParameterError, BareError
from harness.lab.management.model import AccountDomain, Role, User

LOGIN, LOGOUT = "login", "logout"
_SESSION_COOKIE, _KEY = "JSESSIONID", "sessionkey"
_IDLE_SECONDS = 1800
# How ROOT may be named: its path with slashes around it, or the number that it has in the database.


class _LoginFailedError(BareError):
    def __init__(self, text: str, code: int = ACCOUNT) -> None:
        super().__init__(code, text)


@dataclass(frozen=True)
class _Session:
    id: str
    key: str
    user_id: str
    used: float


class Sessions:
    """All sessions of one server. Its lock guards them; safe to call from any thread.

    Source: ApiServlet.processRequestInContext, DefaultLoginAPIAuthenticatorCmd, HttpUtils.validateSessionKey.
    """

    def __init__(self, cloud: Cloud, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._cloud = cloud
        self._monotonic = monotonic
        self._lock = Lock()
        self._sessions: dict[str, _Session] = {}

    def login(self, request: Request, given: Mapping[str, str], form: Form) -> Response:
        """An answer with the session's cookie and key, or why not."""
        self._forget(request.cookies.get(_SESSION_COOKIE, ""))
        if request.method != "POST":
            return envelope.text(form, 405, "Please use HTTP POST to authenticate using this API")
        root = f"{LOGIN}response"
        if "username" not in given:
            return envelope.text(form, ACCOUNT, "")
        try:
            user = self._authenticated(given)
        except ApiError as refusal:
            return envelope.error(form, root, refusal)
        session = _Session(secrets.token_hex(16), secrets.token_urlsafe(20), user.id, self._monotonic())
        with self._lock:
            self._sessions[session.id] = session
        response = envelope.success(form, root, self._shown(user, session))
        response.headers.add("Set-Cookie", f"{_SESSION_COOKIE}={session.id};Path=/client;HttpOnly")
        response.headers.add("Set-Cookie", f"{_KEY}={session.key};HttpOnly;SameSite=Lax")
        return response

    def logout(self, request: Request, form: Form) -> Response:
        root = f"{LOGOUT}response"
        if not self._forget(request.cookies.get(_SESSION_COOKIE, "")):
            return envelope.error(form, root, BadParameterError("Session not found for the logout process."))
        response = envelope.success(form, root, {"description": "success"})
        for name in request.cookies:
            response.headers.add("Set-Cookie", f'{name}="";Max-Age=0')
        return response

    def user(self, request: Request, given: Mapping[str, str]) -> User | None:
        """Whose session the request is in; None where it is in none. Raises UnauthorizedError, which ends the session.

        Beside the session's cookie the key is wanted twice: as a cookie and as a parameter.
        """
        session = self._find(request.cookies.get(_SESSION_COOKIE, ""))
        if session is None:
            return None
        keys = (request.cookies.get(_KEY, ""), given.get(_KEY, ""))
        with self._cloud.state.lock:
            user = self._cloud.state.users.get(session.user_id)
        trusted = user is not None and self._cloud.state.is_enabled(user)
        if (
            user is None
            or not trusted
            or not all(hmac.compare_digest(key.encode(), session.key.encode()) for key in keys)
        ):
            self._forget(session.id)
            raise UnauthorizedError("unable to verify user credentials")
        return user

    def _authenticated(self, given: Mapping[str, str]) -> User:
        state = self._cloud.state
        domain = self._domain(given.get("domainId", given.get("domainid")), given.get("domain"))
        name, password = given["username"], given.get("password", "")
        user = state.user_in_domain(name, domain.id)
        if user is None or not password or not hmac.compare_digest(user.person.password.encode(), password.encode()):
            number = domain.database_id
            raise _LoginFailedError(
                f"Failed to authenticate user {name} in domain {number}; please provide valid credentials"
            )
        if not state.is_enabled(user):
            raise _LoginFailedError(
                f"User {name} (or their account) in domain {rendered_domain(domain)} is disabled/locked. "
                "Please contact the administrator."
            )
        return user

    def _domain(self, domain_id: str | None, path: str | None) -> AccountDomain:
        """By number, id or path; ROOT where nothing is said. Source: ApiServer.loginUser."""
        state = self._cloud.state
        with state.lock:
            domains = list(state.domains.values())
        if domain_id is not None:
            found = [each for each in domains if domain_id in (str(each.database_id), each.id)]
            if not found and not domain_id.isdecimal():
                raise _LoginFailedError("Invalid domain id entered, please enter a valid one", 401)
        else:
            wanted = _slashed(path) if path and path.strip("/") else "/"
            found = [each for each in domains if wanted in (each.path, f"/{each.shown_path}/")]
        if not found:
            raise _LoginFailedError(f"Unable to find the domain from the path {_slashed(path)}")
        return found[0]

    def _shown(self, user: User, session: _Session) -> Shown:
        state, person = self._cloud.state, user.person
        account = state.account(user.account_id)
        shown: Shown = {
            "username": user.name,
            "userid": user.id,
            "domainid": account.domain_id,
            "timeout": _IDLE_SECONDS,
            "account": account.name,
            "firstname": person.first_name or user.name.capitalize(),
            "lastname": person.last_name,
            "type": str(account.role.account_type),
            "timezone": person.timezone or "UTC",
            "timezoneoffset": "0.0",
            "registered": "false",
            "sessionkey": session.key,
            "is2faenabled": "false",
            "is2faverified": "true",
            "issuerfor2fa": "CloudStack",
        }
        return shown | {"managementserverid": SERVER_ID} if account.role is Role.ADMIN else shown

    def _find(self, session_id: str) -> _Session | None:
        """A session that is not over; it counts as used now."""
        now = self._monotonic()
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return None
            if now - session.used > _IDLE_SECONDS:
                del self._sessions[session_id]
                return None
            self._sessions[session_id] = replace(session, used=now)
            return session

    def _forget(self, session_id: str) -> bool:
        with self._lock:
            return self._sessions.pop(session_id, None) is not None


def _slashed(path: str | None) -> str:
    return "null" if path is None else f"/{path.strip('/')}/"
