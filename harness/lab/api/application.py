"""The WSGI application: a request becomes a verified, typed call, its answer an envelope."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from harness.lab.api import envelope, paging, parameters, sessions
from harness.lab.api.command import Answer, Begun, Call, Command, Listing, Shown
from harness.lab.api.commands import COMMANDS
from harness.lab.api.entities import SINGLE_KINDS, can_be_listed, exists
from harness.lab.api.envelope import Form
from harness.lab.api.ignored import Arguments, IgnoredParameters
from harness.lab.api.signature import UnauthorizedError, signer
from harness.lab.api.views.hosts import version
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import FAULT, ApiError, OperationFailedError
from harness.lab.management.model import User
from harness.lab.management.power import PowerWatch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

PATH = "/client/api"
# Commands before which hosts are asked what runs on them.
_LOOKS = frozenset({"listVirtualMachines", "listHosts"})
UNKNOWN_ROOT = "errorresponse"


class _Request(Request):
    """Takes values of a MiB, which are three when every byte is encoded."""

    max_content_length = max_form_memory_size = 4 * 1024 * 1024


class ApiApplication:
    """Serves one cloud. Besides sessions it keeps no state of its own; it may be called from any thread."""

    def __init__(self, cloud: Cloud, power: PowerWatch) -> None:
        self.ignored = IgnoredParameters()
        self._cloud = cloud
        self._power = power
        self._sessions = sessions.Sessions(cloud)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self._response(_Request(environ))
        except HTTPException as refusal:
            # A body too large, or of a form that it does not have.
            response = Response(status=refusal.code)
        return response(environ, start_response)

    def _response(self, request: Request) -> Response:
        if request.path.rstrip("/") != PATH:
            return Response(status=404)
        if request.method not in ("GET", "POST"):
            return Response(status=405)
        given = first_values(request.args, request.form)
        form = Form(given.get("response", "").lower() == "json", version(self._cloud))
        name = given.get("command")
        if name == sessions.LOGIN:
            return self._sessions.login(request, given, form)
        if name == sessions.LOGOUT:
            return self._sessions.logout(request, form)
        command = COMMANDS.get(name or "")
        if command is None:
            return envelope.error(form, _root_of_nothing(given), self._unknown(request, given))
        return self.answer(form, command, lambda: self._caller(request, given), given)

    def answer(self, form: Form, command: Command, caller: Callable[[], User], given: Mapping[str, str]) -> Response:
        """The answer to a command that exists; `caller` tells whose it is, or raises ApiError."""
        root = command.response_name
        try:
            user = caller()
            if not self._may_call(user, command):
                root = UNKNOWN_ROOT
                text = (
                    f"The API [{command.name}] does not exist or is not available "
                    f"for the account for user id [{user.id}]."
                )
                return envelope.error(form, root, ApiError(432, text))
            return envelope.success(form, root, self._answer(command, user, given))
        except ApiError as refusal:
            _log.debug("%s refused: %s", command.name, refusal)
            return envelope.error(form, root, refusal)
        except Exception:  # noqa: BLE001 - last resort: the client gets an answer, the log the traceback
            _log.exception("%s met a fault of the lab", command.name)
            return envelope.error(form, root, OperationFailedError(FAULT))

    def _caller(self, request: Request, given: Mapping[str, str]) -> User:
        """Whose session the request is in, or else who signed it. Raises UnauthorizedError."""
        return self._sessions.user(request, given) or signer(self._cloud.state, given)

    def _unknown(self, request: Request, given: Mapping[str, str]) -> ApiError:
        """Someone in a session hears more of a command that does not exist."""
        try:
            user = self._sessions.user(request, given)
        except ApiError as refusal:
            return refusal
        return UnauthorizedError() if user is None or "command" not in given else unknown(given["command"])

    def _may_call(self, user: User, command: Command) -> bool:
        return command.is_open_to(self._cloud.state.role_record_of(user))

    def _answer(self, command: Command, user: User, given: Mapping[str, str]) -> Shown:
        known = partial(can_be_listed if command.name.startswith("list") else exists, self._cloud)
        arguments = Arguments(parameters.read(command.name, command.parameters, given, known))
        call = Call(self._cloud, user, arguments, COMMANDS)
        paging.check(call)
        if command.name in _LOOKS:
            self._power.look()
        answer = self._cloud.seams.answer(command.name, call, command.answer)
        # That an id is there was seen to; where there is but one that may be, no more is to be done with it.
        settled = {each.name for each in command.parameters if each.kind in SINGLE_KINDS}
        self.ignored.note(command.name, given, arguments.read | settled)
        return self._body(command, call, answer)

    def _body(self, command: Command, call: Call, answer: Answer) -> Shown:
        if isinstance(answer, Listing):
            return paging.paged(call, answer)
        if isinstance(answer, Begun):
            java = command.java(self._cloud.state.role_of(call.user))
            job = self._cloud.jobs.submit(java, call.user, answer.work)
            begun: Shown = {} if answer.created_id is None else {"id": answer.created_id}
            return begun | {"jobid": job.id}
        return answer.body


def first_values(*sources: MultiDict[str, str]) -> dict[str, str]:
    """Parameters of address and form by name; of a name given twice the first value counts."""
    given: dict[str, str] = {}
    for source in sources:
        for name, value in source.items():
            given.setdefault(name, value)
    return given


def unknown(name: str) -> ApiError:
    """What someone hears who need not be verified any more."""
    return ApiError(432, f"Unknown API command: {name}")


def _root_of_nothing(given: Mapping[str, str]) -> str:
    """Root of the answer where no known command was named: Java's null shows through (seen)."""
    return "null" if given and "command" not in given else UNKNOWN_ROOT
