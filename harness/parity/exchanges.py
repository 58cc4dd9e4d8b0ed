"""The corpus of API exchanges, and how one of them is asked of a cloud."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests
from cs import CloudStack, CloudStackException
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from harness.cloud import accounts
from harness.cloud.client import CloudApi
from harness.errors import HarnessError

SINCE_SETTING = "kvm.cpu.dynamic.scaling.capacity"
TIMEOUT_S = 60

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")


class CorpusError(HarnessError):
    """A corpus cannot be read; the text names the file and what is wrong in it."""


class ParityError(HarnessError):
    """A cloud could not be asked at all."""


class Exchange(BaseModel):
    """One request and the answer that a real server gave: in `request`, `<zone>`, `<cluster-a>` and `<cluster-b>` stand
    for ids. `description` is the header X-Description. `release` is 4.22 or 4.23, whichever the server behaved like."""

    model_config = ConfigDict(extra="forbid")

    name: str
    release: str
    user: Literal["admin", "user"]
    request: dict[str, str]
    status: int = 0
    body: Any = None
    description: str | None = None


@dataclass(frozen=True)
class Difference:
    """Where the two answers to one request part. `path` leads into the answer, as in `body.errortext`."""

    exchange: str
    path: str
    real: str
    ours: str


def load(file: Path) -> list[Exchange]:
    """Raises CorpusError."""
    try:
        return TypeAdapter(list[Exchange]).validate_json(file.read_bytes())
    except OSError as failure:
        raise CorpusError(f"--corpus {file}: cannot be read: {failure.strerror}") from None
    except ValidationError as failure:
        first = failure.errors()[0]
        raise CorpusError(f"--corpus {file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def comparable(body: Any) -> Any:
    """An answer without what differs from cloud to cloud: ids, times, and how a setting is described."""
    if isinstance(body, dict):
        skipped = ("description",) if "component" in body else ()
        return {name: comparable(value) for name, value in body.items() if name not in skipped}
    if isinstance(body, list):
        return [comparable(item) for item in body]
    return _TIME.sub("<time>", _UUID.sub("<uuid>", body)) if isinstance(body, str) else body


def differences(real: Exchange, ours: Exchange) -> Iterator[Difference]:
    """All that differs between two answers to one request, leaf by leaf."""
    for part in ("status", "body", "description"):
        yield from leaf_differences(real.name, part, comparable(getattr(real, part)), comparable(getattr(ours, part)))


def leaf_differences(name: str, path: str, real: Any, ours: Any) -> Iterator[Difference]:
    """Where two trees of JSON part; `name` and `path` are of what they answer."""
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in sorted(real.keys() | ours.keys()):
            yield from leaf_differences(name, f"{path}.{key}", real.get(key, _ABSENT), ours.get(key, _ABSENT))
    elif isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        for index, (one, other) in enumerate(zip(real, ours, strict=True)):
            yield from leaf_differences(name, f"{path}.{index}", one, other)
    elif real != ours:
        yield Difference(name, path, _shown(real), _shown(ours))


class _Absent:
    """Another thing than null."""


_ABSENT = _Absent()


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False)


class Asked:
    """One cloud, to which the exchanges of a corpus are put one after the other, in their order."""

    def __init__(self, endpoint: str, api_key: str, secret_key: str) -> None:
        self._admin = _Client(endpoint, api_key, secret_key)
        self._places = self._find_places()
        self._api = CloudApi(endpoint, api_key, secret_key, timeout_s=TIMEOUT_S)
        name = f"parity-{secrets.token_hex(4)}"
        self._account = accounts.create(self._api, TIMEOUT_S, name, accounts.AccountType.USER)
        self._user = _Client(endpoint, self._account.api_key, self._account.secret_key)

    def release(self) -> str:
        """Which of the two behaviours it has, told by the presence of the new settings."""
        found = self._admin.told("listConfigurations", name=SINCE_SETTING)
        return "4.23" if found.get("configuration") else "4.22"

    def version(self) -> str:
        return str(self._admin.told("listCapabilities")["capability"]["cloudstackversion"])

    def answer(self, exchange: Exchange) -> Exchange:
        """The same exchange with this cloud's answer."""
        client = self._admin if exchange.user == "admin" else self._user
        request = {name: self._places.get(value, value) for name, value in exchange.request.items()}
        response = client.asked(request)
        try:
            body = response.json()
        except ValueError:
            body = response.text
        return exchange.model_copy(
            update={
                "status": response.status_code,
                "body": body,
                "description": response.headers.get("X-Description"),
            }
        )

    def close(self) -> None:
        """Take the account of the plain user away again."""
        accounts.delete(self._api, TIMEOUT_S, self._account.id)

    def _find_places(self) -> dict[str, str]:
        zone = self._admin.told("listZones")["zone"][0]["id"]
        clusters = {each["name"]: each["id"] for each in self._admin.told("listClusters")["cluster"]}
        return {"<zone>": zone, **{f"<{name}>": cluster for name, cluster in clusters.items()}}


class _Client:
    """`cs` signs and sends; what it makes of an answer is not wanted, so the answer itself is kept."""

    def __init__(self, endpoint: str, api_key: str, secret_key: str) -> None:
        self._session = _Keeping()
        # Without an expiry a request is signed as the recorded ones were.
        self._cs = CloudStack(
            endpoint=endpoint, key=api_key, secret=secret_key, timeout=TIMEOUT_S, expiration=-1, session=self._session
        )

    def asked(self, request: dict[str, str]) -> requests.Response:
        given = dict(request)
        command = given.pop("command")
        # cs adds a page's size where there is a `page`; the server takes the name in any case.
        if "page" in given:
            given["Page"] = given.pop("page")
        self._session.kept = None
        try:
            getattr(self._cs, command)(**given)
        except CloudStackException:
            # What went wrong is in the answer; without one nobody knows, and that is told below.
            pass
        except requests.RequestException as failure:
            raise ParityError(f"{command} got no answer: {failure}") from failure
        if self._session.kept is None:
            raise ParityError(f"{command} was not sent")
        return self._session.kept

    def told(self, command: str, **parameters: object) -> dict[str, Any]:
        """For what has to succeed; jobs are waited for."""
        try:
            return dict(getattr(self._cs, command)(fetch_result=True, **parameters))
        except (CloudStackException, requests.RequestException) as failure:
            raise ParityError(f"{command} failed: {failure}") from failure


class _Keeping(requests.Session):
    kept: requests.Response | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self.kept = super().send(request, **kwargs)
        return self.kept
