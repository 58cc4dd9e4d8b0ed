"""Settings: list, change, put back."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.views.catalogue import configuration as shown
from harness.lab.management.configuration import Place, Value
from harness.lab.management.errors import ApiError, InvalidValueError
from harness.reference.settings import Scope

_SCOPES = {"zoneid": Scope.ZONE, "clusterid": Scope.CLUSTER}
# Scopes that CloudStack has and no setting of the lab is for.
_FOREIGN_SCOPES = ("accountid", "domainid", "storageid", "imagestoreuuid", "imagestoreid")


def _place(call: Call) -> Place:
    given = [name for name in (*_SCOPES, *_FOREIGN_SCOPES) if name in call.arguments]
    if len(given) > 1:
        raise InvalidValueError("cannot handle multiple IDs, provide only one ID corresponding to the scope")
    if not given:
        return Place()
    if given[0] in _FOREIGN_SCOPES:
        raise InvalidValueError(f"Invalid scope id provided for the parameter {call.text('name') or ''}".rstrip())
    return Place(_SCOPES[given[0]], call.must(given[0]))


def _list(call: Call) -> Answer:
    store, place, name = call.cloud.state.configuration, _place(call), call.text("name")
    entries = store.entries(place)
    if name is not None:
        names = store.companions(name, place)
        entries = [entry for entry in entries if entry.name in names]
    items = [shown(store.value(entry, place)) for entry in entries]
    found = selection.by_fields(call, items, category="category", group="group", subgroup="subgroup", parent="parent")
    return Listing("configuration", selection.by_keyword(call, found, "name", "description"))


def _update(call: Call) -> Answer:
    name, text, place = call.must("name"), call.text("value"), _place(call)
    events = call.cloud.state.events
    try:
        value = call.cloud.state.configuration.set(name, text, place)
    except ApiError:
        failed = f"Error while updating configuration.  Name: {name} New Value: {text}"
        events.add("CONFIGURATION.VALUE.EDIT", failed, call.user, level="ERROR")
        raise
    scope = "" if place.scope is Scope.GLOBAL else f", Scope: {place.scope.value}"
    events.add(
        "CONFIGURATION.VALUE.EDIT",
        f"Successfully completed updating configuration.  Name: {name}, New Value: {text}{scope}",
        call.user,
        resource=_resource(call, place),
    )
    return _single(value)


def _resource(call: Call, place: Place) -> tuple[str, str, str] | None:
    """What a setting is for, as its events tell it."""
    state = call.cloud.state
    if place.scope is Scope.CLUSTER and place.id in state.clusters:
        return ("Cluster", place.id, state.clusters[place.id].name)
    if place.scope is Scope.ZONE:
        return ("Zone", state.zone.id, state.zone.name)
    return None


def _reset(call: Call) -> Answer:
    value = call.cloud.state.configuration.reset(call.must("name"), _place(call))
    return Single({"configuration": shown(value, scope_of_reset=True)})


def _single(value: Value) -> Single:
    return Single({"configuration": shown(value)})


def _groups(call: Call) -> list[Shown]:
    """Groups of the settings that the lab has, with their subgroups."""
    groups: dict[str, list[str]] = {}
    for entry in call.cloud.state.configuration.entries(Place()):
        subgroups = groups.setdefault(entry.group, [])
        if entry.subgroup not in subgroups:
            subgroups.append(entry.subgroup)
    return [
        {
            "name": group,
            "precedence": number,
            "subgroup": [{"name": each, "precedence": at} for at, each in enumerate(subgroups, start=1)],
        }
        for number, (group, subgroups) in enumerate(sorted(groups.items()), start=1)
    ]


COMMANDS = (
    command("listConfigurationGroups", selection.listing("configurationgroup", _groups, "group=name")),
    command("listConfigurations", _list),
    command("updateConfiguration", _update),
    command("resetConfiguration", _reset),
)
