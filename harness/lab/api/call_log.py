"""Writes down each command that changed something, for whoever wants to know what a client changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from harness.lab.faults.wire import parameters_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_QUESTIONS = ("list", "get", "query")
_OK = 200


class CallLog:
    """Stands before the API. A line of JSON has a command, its parameters and its answer; refused ones are left out."""

    def __init__(self, application: WSGIApplication, file: Path) -> None:
        self._application = application
        self._file = file
        self._guard = threading.Lock()
        file.touch(mode=0o600)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = parameters_of(environ)
        command = given.get("command", "")
        if command.startswith(_QUESTIONS):
            return self._application(environ, start_response)
        # In the order in which they are carried out, which begins before an answer is there.
        with self._guard:
            answer = Response.from_app(self._application, environ, buffered=True)
            if answer.status_code == _OK:
                said = json.loads(answer.get_data(as_text=True)) if answer.is_json else None
                line = json.dumps({"command": command, "given": dict(given), "answer": said})
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
        return answer(environ, start_response)
