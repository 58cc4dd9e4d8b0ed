"""Resource tags, by which a run marks what is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Listing, command
from harness.lab.api.scope import scope
from harness.lab.api.views.instances import tag
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError, OperationFailedError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import User
from harness.lab.management.records import Network, Template, Volume

# Kinds of resources as requests name them, and as lists show them; instances keep their tags in their records.
_KINDS = {
    "uservm": "UserVm",
    "virtualmachine": "UserVm",
    "volume": "Volume",
    "template": "Template",
    "iso": "ISO",
    "network": "Network",
    "user": "User",
}


@dataclass(frozen=True)
class _Tagged:
    """A resource that has tags, or may have."""

    kind: str
    id: str
    name: str
    account_id: str
    tags: Mapping[str, str]


def _all(call: Call, kind: str) -> list[_Tagged]:
    """All resources of a kind. The lock of the state is held."""
    state = call.cloud.state
    if kind == "UserVm":
        return [_Tagged(kind, each.id, each.name, each.account_id, each.tags) for each in state.instances.values()]
    records: dict[str, Iterable[Volume | Template | Network | User]] = {
        "Volume": state.volumes.values(),
        "Template": [each for each in state.templates.values() if not each.is_iso and not each.removed],
        "ISO": [each for each in state.templates.values() if each.is_iso and not each.removed],
        "Network": state.networks.values(),
        "User": state.users.values(),
    }
    return [_Tagged(kind, each.id, each.name, each.account_id, state.tags.get(each.id, {})) for each in records[kind]]


def _meant(call: Call) -> list[_Tagged]:
    """What the request names. Raises InvalidValueError, PermissionDeniedError."""
    asked = call.must("resourcetype")
    kind = _KINDS.get(asked.lower())
    if kind is None:
        raise InvalidValueError(f"Invalid resource type: {asked}")
    with call.cloud.state.lock:
        known = {each.id: each for each in _all(call, kind)}
    found = []
    for each in call.texts("resourceids") or []:
        if each not in known:
            raise InvalidValueError(f"Unable to find resource by id {each} and type {asked}")
        check_owner(call.cloud.state, call.user, known[each].account_id)
        found.append(known[each])
    return found


def _begun(call: Call, change: Callable[[_Tagged, Mapping[str, str]], dict[str, str]]) -> Begun:
    meant, state = _meant(call), call.cloud.state

    def run() -> Result:
        with state.lock:
            for each in meant:
                if each.kind != "UserVm":
                    state.tags[each.id] = change(each, state.tags.get(each.id, {}))
                elif each.id in state.instances:
                    # One that was expunged in the meantime needs no tags.
                    state.change(each.id, tags=change(each, state.instance(each.id).tags))
        return {"success": True}

    return Begun(Work(meant[0].id if meant else "tags", run, "None", None))


def _create(call: Call) -> Answer:
    """A key that is there already is found out when the row is written, as by the database's unique index.

    Source: TaggedResourceManagerImpl.createTags, i_tags__resource_id__resource_type__key.
    """
    added = call.pairs("tags")

    def with_them(each: _Tagged, tags: Mapping[str, str]) -> dict[str, str]:
        for key in added:
            if key in tags:
                raise OperationFailedError(f"tag {key} already on {each.kind} with id {each.id}")
        return {**tags, **added}

    return _begun(call, with_them)


def _delete(call: Call) -> Answer:
    entries = [(entry["key"], entry.get("value")) for entry in call.entries("tags") if "key" in entry]

    def without(_: _Tagged, tags: Mapping[str, str]) -> dict[str, str]:
        if not entries:
            return {}
        gone = {key for key, value in entries if value is None or tags.get(key) == value}
        return {key: value for key, value in tags.items() if key not in gone}

    return _begun(call, without)


def _list(call: Call) -> Answer:
    shows, asked = scope(call), call.text("resourcetype")
    kinds = sorted(set(_KINDS.values())) if asked is None else [_KINDS.get(asked.lower(), "")]
    with call.cloud.state.lock:
        tagged = [each for kind in kinds if kind for each in _all(call, kind) if shows(each.account_id)]
    shown = [
        tag(call.cloud, each.kind, each.id, each.account_id, key, value)
        for each in tagged
        for key, value in each.tags.items()
    ]
    found = selection.by_fields(call, shown, key="key", value="value", resourceid="resourceid")
    return Listing("tag", selection.by_keyword(call, found, "key", "value"))


COMMANDS = (
    command("createTags", _create),
    command("deleteTags", _delete),
    command("listTags", _list),
)
