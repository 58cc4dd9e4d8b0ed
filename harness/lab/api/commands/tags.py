"""Resource tags of instances, by which a run marks what is its own."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Listing, command
from harness.lab.api.scope import scope
from harness.lab.api.views.instances import tag
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import InstanceRecord

_TYPES = frozenset({"uservm", "virtualmachine"})


def _instances(call: Call) -> list[InstanceRecord]:
    kind = call.must("resourcetype")
    if kind.lower() not in _TYPES:
        raise InvalidValueError(f"Invalid resource type: {kind}")
    state = call.cloud.state
    found = []
    with state.lock:
        for each in call.texts("resourceids") or []:
            if each not in state.instances:
                raise InvalidValueError(f"Unable to find resource by id {each} and type {kind}")
            found.append(state.instances[each])
    return found


def _begun(call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> Begun:
    instances = _instances(call)

    def run() -> Result:
        with call.cloud.state.lock:
            # One that was expunged in the meantime needs no tags.
            for instance in (each for each in instances if each.id in call.cloud.state.instances):
                tags = dict(call.cloud.state.instance(instance.id).tags)
                call.cloud.state.change(instance.id, tags=change(tags))
        return {"success": True}

    return Begun(Work(instances[0].id if instances else "tags", run, "None", None))


def _create(call: Call) -> Answer:
    added = call.pairs("tags")
    with call.cloud.state.lock:
        for instance in _instances(call):
            for key in added:
                if key in instance.tags:
                    raise InvalidValueError(f"Tag {key} already on {instance.name}")
    return _begun(call, lambda tags: {**tags, **added})


def _delete(call: Call) -> Answer:
    entries = [(entry["key"], entry.get("value")) for entry in call.entries("tags") if "key" in entry]

    def without(tags: dict[str, str]) -> dict[str, str]:
        if not entries:
            return {}
        gone = {key for key, value in entries if value is None or tags.get(key) == value}
        return {key: value for key, value in tags.items() if key not in gone}

    return _begun(call, without)


def _list(call: Call) -> Answer:
    shows, state = scope(call), call.cloud.state
    with state.lock:
        records = [record for record in state.instances.values() if shows(record.account_id)]
    shown = [tag(call.cloud, record, key) for record in records for key in record.tags]
    found = selection.by_fields(call, shown, key="key", value="value", resourceid="resourceid")
    kind = call.text("resourcetype")
    if kind is not None and kind.lower() not in _TYPES:
        found = []
    return Listing("tag", selection.by_keyword(call, found, "key", "value"))


COMMANDS = (
    command("createTags", _create),
    command("deleteTags", _delete),
    command("listTags", _list),
)
