"""What listApis of the cloud under test tells of its commands, kept between runs for each cloud and version."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cloud import infrastructure
from harness.cloud.client import CloudApi

_LISTS = frozenset({"list", "map"})


@dataclass(frozen=True)
class ApiCommand:
    """One command. `parameters` and `response` are types by name; `lists` are parameters that take several values."""

    asynchronous: bool
    parameters: dict[str, str]
    required: tuple[str, ...]
    response: dict[str, str]

    @property
    def lists(self) -> frozenset[str]:
        return frozenset(name for name, kind in self.parameters.items() if kind in _LISTS)


class Catalogue:
    """The cloud's commands. It is asked when the first one is wanted, so that collecting tests needs no cloud.

    `cache` is where they are kept, for each address and version; None where they are not.
    """

    def __init__(self, connect: Callable[[], CloudApi], cache: Path | None) -> None:
        self._connect = connect
        self._cache = cache
        self._commands: dict[str, ApiCommand] | None = None
        self._from_cache = False

    def command(self, name: str) -> ApiCommand | None:
        """None for a command that the cloud does not have (or not for the one who asks)."""
        if self._commands is None or (self._from_cache and name not in self._commands):
            # A plug-in brings commands without a new version, so what is missing in the cache is asked for.
            entries = self._entries(asking_again=self._commands is not None)
            self._commands = {str(each["name"]): _command(each) for each in entries if each.get("name")}
        return self._commands.get(name)

    def _entries(self, *, asking_again: bool) -> list[dict[str, Any]]:
        api = self._connect()
        file = self._file(api)
        self._from_cache = file is not None and file.exists() and not asking_again
        if file is not None and self._from_cache:
            kept: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
            return kept
        entries: list[dict[str, Any]] = api.call("listApis").get("api", [])
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            # Several workers may write it at once; each sees a whole file.
            part = file.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(entries), encoding="utf-8")
            part.replace(file)
        return entries

    def _file(self, api: CloudApi) -> Path | None:
        if self._cache is None:
            return None
        # Clouds of one version differ by their plug-ins, and by what a role may call.
        address = hashlib.sha256(api.endpoint.encode()).hexdigest()[:12]
        return self._cache / f"{infrastructure.version(api)}-{address}.json"


def _command(entry: dict[str, Any]) -> ApiCommand:
    """Entries without a name, which a real server has among the fields of some responses, are left out."""
    parameters = [each for each in entry.get("params", []) if each.get("name")]
    response = [each for each in entry.get("response", []) if each.get("name")]
    return ApiCommand(
        asynchronous=bool(entry.get("isasync")),
        parameters={str(each["name"]): str(each.get("type", "")) for each in parameters},
        required=tuple(str(each["name"]) for each in parameters if each.get("required")),
        response={str(each["name"]): str(each.get("type", "")) for each in response},
    )
