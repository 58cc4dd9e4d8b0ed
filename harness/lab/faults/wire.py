"""What becomes of API calls that a fault strikes: a WSGI layer in front of the application."""

from __future__ import annotations

import errno
import io
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from harness.lab.faults.armed import ArmedFault
from harness.lab.faults.catalogue import Fault, Point
from harness.lab.faults.registry import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from cheroot.server import HTTPConnection

_PAGE = "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
# Parameters that say which instance a call is about.
_INSTANCE_PARAMETERS = frozenset({"id", "ids", "virtualmachineid", "virtualmachineids", "name", "displayname"})
_LONGEST_BODY = 4 * 1024 * 1024
# Under this name the WSGI environment has the connection that a call came by.
CONNECTION = "lab.connection"


class FaultyWire:
    """Passes calls on, as they are, except those that are struck.

    `close_port` closes the port that they come by, for some seconds; its server puts it here.
    """

    close_port: Callable[[float], None]

    def __init__(self, application: WSGIApplication, faults: Faults) -> None:
        self._application = application
        self._faults = faults
        # For replays: the last answer to each command since something was armed.
        self._answers: dict[str, Response] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._faults.may_strike(Point.CALL):
            self._answers.clear()
            return self._application(environ, start_response)
        given = parameters_of(environ)
        command = given.get("command", "")
        struck = self._faults.strike(
            Point.CALL,
            command=command,
            instances=[
                part for name in given if name.lower() in _INSTANCE_PARAMETERS for part in given[name].split(",")
            ],
            unable=frozenset() if command in self._answers else frozenset({Fault.REPLAYED_ANSWER}),
        )
        if struck is not None:
            return self._struck(struck, command, environ)(environ, start_response)
        answer = self._answers[command] = self._answer(environ)
        return answer(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        return Response.from_app(self._application, environ, buffered=True)

    def _struck(self, struck: ArmedFault, command: str, environ: WSGIEnvironment) -> WSGIApplication:
        match struck.kind:
            case Fault.REPLAYED_ANSWER:
                return self._answers[command]
            case Fault.SERVER_ERROR:
                return _page(int(struck.order.option("status")), "The server cannot be asked now")
            case Fault.HTML_BODY:
                return _page(200, "Please log in")
        answer = self._answer(environ)
        match struck.kind:
            case Fault.CONNECTION_REFUSED:
                return self._closing(answer, struck.order.option("seconds"))
            case Fault.CONNECTION_RESET:
                return _reset(answer)
            case Fault.SLOW_ANSWER:
                struck.over.wait(struck.order.option("seconds"))
            case Fault.GARBAGE_BODY:
                answer.set_data(struck.random.randbytes(int(struck.order.option("size"))))
            case Fault.DUPLICATED_ANSWER:
                answer.set_data(answer.get_data() * 2)
        return answer

    def _closing(self, answer: Response, seconds: float) -> WSGIApplication:
        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return ClosingIterator(answer(environ, start_response), lambda: self.close_port(seconds))

        return application


def parameters_of(environ: WSGIEnvironment) -> Mapping[str, str]:
    """Those of address and form; the body can be read once more afterwards."""
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and 0 < int(length) <= _LONGEST_BODY:
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = io.BytesIO(body)
        pairs += parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True)
    given: dict[str, str] = {}
    for name, value in pairs:
        given.setdefault(name, value)
    return given


def _page(status: int, title: str) -> Response:
    return Response(_PAGE.format(title=title), status=status, content_type="text/html; charset=utf-8")


def _reset(answer: Response) -> WSGIApplication:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(answer.status, answer.headers.to_wsgi_list())
        return _half(answer.get_data(), environ[CONNECTION])

    return application


def _half(body: bytes, connection: HTTPConnection) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    # Closed with nothing to linger for, a connection is reset; the server would shut it down in order before.
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.linger = True
    connection.socket.close()
    raise ConnectionResetError(errno.ECONNRESET, "struck by the fault connection-reset")
