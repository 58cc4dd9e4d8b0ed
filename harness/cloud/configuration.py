"""Reads and changes CloudStack's settings in their scopes."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cloud.client import ApiAnswerError, CloudApi
from harness.reference.settings import CPU_CEILING, SETTINGS, Scope, Settings


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

    Raises:
        ApiAnswerError: the server has no such setting in that scope.
    """
    for item in api.list("listConfigurations", "configuration", name=name, **place.parameters()):
        if item.get("name") == name and "value" in item:
            return str(item["value"])
    raise ApiAnswerError(f"listConfigurations tells no value of {name}")


def update(api: CloudApi, name: str, new_value: str, place: Place) -> None:
    """Raises ApiError."""
    api.call("updateConfiguration", name=name, value=new_value, **place.parameters())


def reset(api: CloudApi, name: str, place: Place) -> None:
    """Take an override away. Typed settings refuse an empty value, so this is the only way. Raises ApiError."""
    api.call("resetConfiguration", name=name, **place.parameters())


def snapshot(api: CloudApi, zone_id: str, cluster_ids: list[str]) -> Settings:
    """All settings that take part in live scaling, as in force now: global, in the zone, in each cluster."""
    return Settings(
        global_values=_values(api, Place()),
        zone=_values(api, Place(zone_id=zone_id), Scope.ZONE),
        clusters={cluster: _values(api, Place(cluster_id=cluster), Scope.CLUSTER) for cluster in cluster_ids},
    )


def _values(api: CloudApi, place: Place, scope: Scope | None = None) -> dict[str, str]:
    found = api.list("listConfigurations", "configuration", **place.parameters())
    return {
        item["name"]: str(item["value"])
        for item in found
        if str(item.get("name")) in SETTINGS
        and "value" in item
        and (scope is None or SETTINGS[str(item["name"])].scope is scope)
    }
