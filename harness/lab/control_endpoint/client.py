"""A typed client of a lab's control endpoint, for tests and for the console."""

from __future__ import annotations

from pathlib import Path

import requests
from pydantic import TypeAdapter

from harness.errors import HarnessError
from harness.lab.control_endpoint.state import FaultState, IgnoredParameter, KindState, LabState
from harness.lab.control_endpoint.token import read_token
from harness.lab.faults.order import FaultOrder

_SECONDS = 60.0
_FAULTS = TypeAdapter(list[FaultState])
_KINDS = TypeAdapter(list[KindState])
_IGNORED = TypeAdapter(list[IgnoredParameter])


class ControlFailedError(HarnessError):
    """The control endpoint refused, or could not be asked; the text says why."""


class LabControl:
    """Talks to the control endpoint at `address`; `token` is what stands in a file of the lab's folder.

    Every method raises ControlFailedError.
    """

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._session = requests.Session()
        # No proxy, no .netrc: it is on this machine.
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def of_folder(cls, address: str, folder: Path) -> LabControl:
        """With the token that the lab has put into its folder."""
        try:
            return cls(address, read_token(folder))
        except OSError as failure:
            raise ControlFailedError(f"{failure.filename}: {failure.strerror}; is the lab another user's?") from failure

    def state(self) -> LabState:
        return LabState.model_validate_json(self._ask("GET", "state"))

    def ignored_parameters(self) -> list[IgnoredParameter]:
        return _IGNORED.validate_json(self._ask("GET", "ignored-parameters"))

    def kinds(self) -> list[KindState]:
        return _KINDS.validate_json(self._ask("GET", "fault-kinds"))

    def faults(self) -> list[FaultState]:
        return _FAULTS.validate_json(self._ask("GET", "faults"))

    def arm(self, order: FaultOrder) -> FaultState:
        return FaultState.model_validate_json(self._ask("POST", "faults", order.model_dump_json()))

    def disarm(self, number: int) -> None:
        self._ask("DELETE", f"faults/{number}")

    def clear(self) -> None:
        """Clear all faults."""
        self._ask("DELETE", "faults")

    def set_defect(self, defect_id: str | None) -> None:
        """Have this defect of the catalogue from now on, or none."""
        self._ask(*(("DELETE", "defect") if defect_id is None else ("POST", f"defect/{defect_id}")))

    def reset(self) -> LabState:
        """Put a fresh cloud behind the same address; no faults either."""
        return LabState.model_validate_json(self._ask("POST", "reset"))

    def close(self) -> None:
        self._session.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = self._session.request(
                method, f"{self._address}/{path}", data=body, headers=headers, timeout=_SECONDS
            )
            if answer.ok:
                return answer.content
            error = answer.json()["error"]
        except requests.RequestException as failure:
            raise ControlFailedError(f"the lab's control endpoint {self._address}: {failure}") from failure
        raise ControlFailedError(str(error))
