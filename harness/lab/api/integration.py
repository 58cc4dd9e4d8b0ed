"""The integration port: whoever reaches it is the user `system`, without key or signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from harness.lab.api import envelope, sessions
from harness.lab.api.application import UNKNOWN_ROOT, ApiApplication, first_values, unknown
from harness.lab.api.commands import COMMANDS
from harness.lab.api.envelope import Form
from harness.lab.api.views.hosts import version
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import ApiError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class IntegrationApplication:
    """Answers as ApiApplication does, at every path, from the parameters of the address alone.

    Source: ApiServer.handle.
    """

    def __init__(self, cloud: Cloud, api: ApiApplication) -> None:
        self._cloud = cloud
        self._api = api

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._response(Request(environ))(environ, start_response)

    def _response(self, request: Request) -> Response:
        given = first_values(request.args)
        form = Form(given.pop("response", "") == "json", version(self._cloud), integration=True)
        name = given.get("command")
        if name is None:
            return envelope.error(form, UNKNOWN_ROOT, ApiError(432, "Invalid request, no command sent"))
        if name in (sessions.LOGIN, sessions.LOGOUT):
            return envelope.text(form, 200, "")
        command = COMMANDS.get(name)
        if command is None:
            return envelope.error(form, UNKNOWN_ROOT, unknown(name))
        return self._api.answer(form, command, lambda: self._cloud.state.system, given)
