"""Reads and changes CloudStack's settings in their scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.cloud.answers import require_same
from harness.cloud.client import PAGE_SIZE, ApiAnswerError, CloudApi
from harness.reference.settings import CPU_CEILING, SETTINGS, Scope, Settings, is_same_value


@dataclass(frozen=True)
class Place:
    """Where a setting is set: globally (no id), in a zone or in a cluster."""

    zone_id: str | None = None
    cluster_id: str | None = None

    def parameters(self) -> dict[str, str | None]:
        return {"zoneid": self.zone_id, "clusterid": self.cluster_id}


def has_new_settings(api: CloudApi) -> bool:
    """Whether this server has the pull request's settings."""
    found = api.list("listConfigurations", "configuration", name=CPU_CEILING)
    return any(item.get("name") == CPU_CEILING for item in found)


def value(api: CloudApi, name: str, place: Place) -> str:
    """The value in force there, whether set there or inherited: the API shows both alike.

    A text that was set to nothing is shown without a value.

    Raises:
        ApiAnswerError: the server has no such setting in that scope.
    """
    for item in api.list("listConfigurations", "configuration", name=name, **place.parameters()):
        if item.get("name") == name:
            return str(item.get("value", ""))
    raise ApiAnswerError(f"listConfigurations tells no value of {name}")


def update(api: CloudApi, name: str, new_value: str, place: Place) -> None:
    """Raises ApiError, and ApiAnswerError where the answer is of another change or the setting is not changed."""
    told = api.call("updateConfiguration", name=name, value=new_value, **place.parameters()).get("configuration")
    require_same("updateConfiguration", told, {"name": name})
    if not isinstance(told, dict) or is_same_value(name, str(told.get("value", new_value)), new_value):
        return
    # In a zone or a cluster 4.23's development tree sets the value and answers with the global one.
    in_force = str(told["value"]) if place == Place() else value(api, name, place)
    if not is_same_value(name, in_force, new_value):
        raise ApiAnswerError(f"updateConfiguration was asked to set {name} to {new_value}, it is {in_force}")


def reset(api: CloudApi, name: str, place: Place) -> None:
    """Take an override away. Typed settings refuse an empty value, so this is the only way.

    Raises ApiError, and ApiAnswerError where the answer is of another setting.
    """
    told = api.call("resetConfiguration", name=name, **place.parameters()).get("configuration")
    require_same("resetConfiguration", told, {"name": name})


def are_many(api: CloudApi) -> bool:
    """Whether the server has more settings than go on a page.

    A real one takes seconds to list all of its thousand and more, and 25 ms for one by its name.
    """
    in_all = api.call("listConfigurations", page=1, pagesize=1).get("count")
    return isinstance(in_all, int) and in_all > PAGE_SIZE


def snapshot(api: CloudApi, zone_id: str, cluster_ids: list[str], *, by_name: bool) -> Settings:
    """All settings that take part in live scaling, as in force now: global, in the zone, in each cluster.

    `by_name` is for a server that has many, see `are_many`.
    """
    return Settings(
        global_values=_global_values(api, by_name=by_name),
        zone=_narrow_values(api, Place(zone_id=zone_id), Scope.ZONE),
        clusters={cluster: _narrow_values(api, Place(cluster_id=cluster), Scope.CLUSTER) for cluster in cluster_ids},
    )


def _global_values(api: CloudApi, *, by_name: bool) -> dict[str, str]:
    if not by_name:
        return _values(api.list("listConfigurations", "configuration"))
    return _values([item for name in SETTINGS for item in api.list("listConfigurations", "configuration", name=name)])


def _narrow_values(api: CloudApi, place: Place, scope: Scope) -> dict[str, str]:
    values = _values(api.list("listConfigurations", "configuration", **place.parameters()))
    return {name: value for name, value in values.items() if SETTINGS[name].scope is scope}


def _values(found: list[dict[str, Any]]) -> dict[str, str]:
    return {item["name"]: str(item.get("value", "")) for item in found if str(item.get("name")) in SETTINGS}
