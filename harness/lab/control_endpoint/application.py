"""The control endpoint's WSGI application: who may ask what, and the answers."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from harness.errors import HarnessError
from harness.lab.api.lab_cloud import LabCloud
from harness.lab.control_endpoint import state
from harness.lab.control_endpoint.page import POLICY, page
from harness.lab.defects.catalogue import UnknownDefectError
from harness.lab.faults.order import FaultOrder, FaultRefusedError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_CHANGING = frozenset({"POST", "DELETE"})
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}


class _Request(Request):
    max_content_length = 64 * 1024


class _Refused(Exception):
    """Becomes an answer with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class ControlApplication:
    """Serves one lab. Whoever reads needs nothing; what changes something needs the token.

    A page from elsewhere can neither change nor read: it does not know the token, its browser tells its origin, and a
    name of its own that it lets point here is not one of ours.
    """

    def __init__(self, lab: LabCloud, token: str) -> None:
        self._lab = lab
        self._token = token
        self._resetting = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self._response(_Request(environ))
        except _Refused as refused:
            response = _json({"error": str(refused)}, refused.status)
        except HarnessError as failure:
            response = _json({"error": str(failure)}, 500)
        except HTTPException as refused:
            response = _json({"error": refused.name}, refused.code or 400)
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _response(self, request: Request) -> Response:
        self._guard(request)
        parts = [part for part in request.path.split("/") if part]
        match request.method, parts:
            case "GET", []:
                return Response(page(state.lab_state(self._lab)), content_type="text/html; charset=utf-8")
            case "GET", ["state"]:
                return _json(state.lab_state(self._lab))
            case "GET", ["ignored-parameters"]:
                return _json(state.ignored_parameters(self._lab))
            case "GET", ["fault-kinds"]:
                return _json(state.kinds())
            case "GET", ["faults"]:
                return _json(state.armed_faults(self._lab))
            case "POST", ["faults"]:
                return _json(self._armed(_order(request)), 201)
            case "POST", ["reset"]:
                with self._resetting:
                    self._lab.reset()
                return _json(state.lab_state(self._lab))
            case "POST", ["defect", name]:
                return self._spoilt(name)
            case "DELETE", ["defect"]:
                return self._spoilt(None)
            case "DELETE", ["faults"]:
                self._lab.faults.clear()
                return _json([])
            case "DELETE", ["faults", number] if number.isascii() and number.isdigit():
                if not self._lab.faults.disarm(int(number)):
                    raise _Refused(404, f"no fault with number {number} is armed")
                return _json(state.armed_faults(self._lab))
        raise _Refused(404, f"there is no {request.method} {request.path} here")

    def _spoilt(self, defect_id: str | None) -> Response:
        try:
            self._lab.set_defect(defect_id)
        except UnknownDefectError as unknown:
            raise _Refused(404, str(unknown)) from None
        return _json({"defect": defect_id or ""})

    def _armed(self, order: FaultOrder) -> state.FaultState:
        try:
            return state.fault_state(self._lab.faults.arm(order))
        except FaultRefusedError as refusal:
            raise _Refused(422, str(refusal)) from None

    def _guard(self, request: Request) -> None:
        port = request.environ["SERVER_PORT"]
        ours = {f"127.0.0.1:{port}", f"localhost:{port}"}
        if request.headers.get("Host") not in ours:
            raise _Refused(403, "ask by the address 127.0.0.1")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{each}" for each in ours}:
            raise _Refused(403, "pages from elsewhere may not ask")
        if request.method not in _CHANGING:
            return
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise _Refused(401, "what changes something needs the token of the lab's folder")


def _order(request: Request) -> FaultOrder:
    if request.mimetype != "application/json":
        raise _Refused(415, "send JSON")
    try:
        return FaultOrder.model_validate_json(request.get_data())
    except RequestEntityTooLarge:
        raise
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the order"
        raise _Refused(422, f"{where}: {first['msg']}") from None


def _json(body: BaseModel | Sequence[BaseModel] | dict[str, str], status: int = 200) -> Response:
    if isinstance(body, BaseModel):
        text = body.model_dump_json()
    elif isinstance(body, dict):
        text = json.dumps(body)
    else:
        text = f"[{','.join(each.model_dump_json() for each in body)}]"
    return Response(text, status=status, content_type="application/json")
