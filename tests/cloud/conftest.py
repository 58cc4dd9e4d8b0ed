"""A server that answers what a test tells it to, for answers that no CloudStack should give."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from harness.cloud.client import CloudApi

Answer = Callable[[str], Response]


class ScriptedServer:
    """`answer` maps a command to the response; `calls` are the commands in order."""

    def __init__(self) -> None:
        self.answer: Answer = lambda command: json_response(command, {})
        self.calls: list[str] = []
        self.open_port(0)

    def open_port(self, port: int) -> None:
        self._server = make_server("127.0.0.1", port, self._respond, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close_port(self) -> int:
        """Nobody is there from now on; gives the port where somebody was."""
        self.close()
        return self._server.server_port

    @property
    def api(self) -> CloudApi:
        return CloudApi(f"http://127.0.0.1:{self._server.server_port}/client/api", "key", "secret", timeout_s=2)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @Request.application
    def _respond(self, request: Request) -> Response:
        command = request.values["command"]
        self.calls.append(command)
        return self.answer(command)


def json_response(command: str, answer: object, status: int = 200) -> Response:
    body = json.dumps({f"{command.lower()}response": answer})
    return Response(body, status=status, content_type="application/json")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()
