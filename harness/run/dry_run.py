"""Tells what a run would change and changes nothing: questions reach the cloud, commands that change it do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.cloud.client import CloudApi, is_question
from harness.cloud.redaction import Redactor
from harness.errors import HarnessError
from harness.run.api_access import api_of
from harness.run.environment import Environment

_SCOPES = ("zoneid", "clusterid")


class ChangesEnd(HarnessError):
    """From here on a case goes by what the cloud makes of a command; what it would do then is not known."""

    def __init__(self, command: str) -> None:
        super().__init__(f"what follows depends on the outcome of {command}, and is not told")


class DryApi:
    """Stands before the API. `tell` hears of each change; settings read as if those had been made."""

    def __init__(self, api: CloudApi, tell: Callable[[str], object]) -> None:
        self._ask = api.call
        self._tell = tell
        self._redactor = Redactor()
        self._set: dict[tuple[str, ...], str] = {}
        self._made = 0

    def call(self, command: str, **parameters: object) -> dict[str, Any]:
        """As CloudApi.call for a question. Raises ChangesEnd where nobody can know what would be answered."""
        given = {name: str(value) for name, value in parameters.items() if value is not None}
        if is_question(command):
            answer = self._ask(command, **parameters)
            return self._as_set(answer, given) if command == "listConfigurations" else answer
        shown = self._redactor.tree(given)
        self._tell(" ".join([command, *(f"{name}={value}" for name, value in shown.items())]))
        if command == "updateConfiguration":
            self._set[_key(given["name"], given)] = given["value"]
        elif command == "resetConfiguration":
            self._set.pop(_key(given["name"], given), None)
        elif command == "createServiceOffering":
            self._made += 1
            return {"serviceoffering": {**given, "id": f"not-made-{self._made}"}}
        elif command not in ("updateHost", "updateServiceOffering", "updateTemplate"):
            raise ChangesEnd(command)
        return {}

    def _as_set(self, answer: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
        listed = [
            {**item, "value": self._set.get(_key(str(item.get("name")), given), item.get("value"))}
            for item in answer.get("configuration", [])
        ]
        return {**answer, "configuration": listed}


def dry_api_of(environment: Environment, tell: Callable[[str], object]) -> CloudApi:
    """An API for a session that only looks. Raises EnvironmentFileError."""
    api = api_of(environment)
    # An attribute of the one connection, so that every command goes through it, lists page by page too.
    api.call = DryApi(api, tell).call  # type: ignore[method-assign]
    return api


def _key(name: str, given: dict[str, str]) -> tuple[str, ...]:
    return (name, *(given.get(scope, "") for scope in _SCOPES))
