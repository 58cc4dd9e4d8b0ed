"""Reads what a cloud is made of: version, zones, clusters, hosts, templates, networks."""

from __future__ import annotations

from typing import TypeVar

from harness.cloud.answers import require_same, text
from harness.cloud.client import ApiAnswerError, CloudApi
from harness.cloud.entities import Cluster, HostRecord, NetworkRecord, TemplateRecord, Zone, read
from harness.errors import HarnessError
from harness.reference.settings import tags_in


class NoSuchEntityError(HarnessError):
    """The cloud has nothing of that kind and name; the text lists what it has, where that was asked (not None)."""

    def __init__(self, kind: str, name: str, there: list[str] | None) -> None:
        self.kind = kind
        self.name = name
        self.there = there
        others = "" if there is None else f"; it has {', '.join(sorted(there)) or 'none'}"
        super().__init__(f"the cloud has no {kind} {name!r}{others}")


def version(api: CloudApi) -> str:
    """`cloudstackversion` of listCapabilities."""
    return text(api.call("listCapabilities"), "capability", "cloudstackversion")


def zone(api: CloudApi, name: str) -> Zone:
    """Raises NoSuchEntityError."""
    return _named("zone", name, [read(Zone, part) for part in api.list("listZones", "zone")])


def clusters(api: CloudApi, zone_id: str) -> list[Cluster]:
    """All KVM clusters of a zone."""
    found = [read(Cluster, part) for part in api.list("listClusters", "cluster", zoneid=zone_id)]
    return [cluster for cluster in found if cluster.hypervisor == "KVM"]


def hosts(api: CloudApi, zone_id: str) -> list[HostRecord]:
    """All KVM hosts of a zone, with what is allocated on them now."""
    answer = api.list("listHosts", "host", type="Routing", zoneid=zone_id)
    return [read(HostRecord, part) for part in answer if part.get("hypervisor") == "KVM"]


def host_tags(api: CloudApi, host_id: str) -> str:
    """A host's tags, comma separated, or "". Raises NoSuchEntityError."""
    found = api.list("listHosts", "host", id=host_id)
    if not found:
        raise NoSuchEntityError("host", host_id, None)
    return str(found[0].get("hosttags", ""))


def set_host_tags(api: CloudApi, host_id: str, tags: str) -> None:
    """Give a host these tags, comma separated, and no others.

    Raises:
        ApiError, ApiAnswerError: refused, or the answer is not of that change.
    """
    answer = api.call("updateHost", id=host_id, hosttags=tags)
    now = answer.get("host")
    if isinstance(now, dict) and tags_in(str(now.get("hosttags", tags))) != tags_in(tags):
        raise ApiAnswerError(f"updateHost was asked to set the tags {tags or 'none'}, answers {now['hosttags']}")


def template(api: CloudApi, zone_id: str, name: str) -> TemplateRecord:
    """Raises NoSuchEntityError."""
    answer = api.list("listTemplates", "template", templatefilter="all", zoneid=zone_id)
    return _named("template", name, [read(TemplateRecord, part) for part in answer])


def set_template_flag(api: CloudApi, template_id: str, on: bool) -> None:
    """Whether instances of a template can be scalable; those that are there keep their own flag.

    Raises:
        ApiError, ApiAnswerError: refused, or the answer is not of that change.
    """
    answer = api.call("updateTemplate", id=template_id, isdynamicallyscalable=on)
    require_same("updateTemplate", answer.get("template"), {"isdynamicallyscalable": on})


def network(api: CloudApi, zone_id: str, name: str) -> NetworkRecord:
    """Raises NoSuchEntityError."""
    answer = api.list("listNetworks", "network", zoneid=zone_id)
    return _named("network", name, [read(NetworkRecord, part) for part in answer])


Named = TypeVar("Named", Zone, TemplateRecord, NetworkRecord)


def _named(kind: str, name: str, there: list[Named]) -> Named:
    for entity in there:
        if entity.name == name:
            return entity
    raise NoSuchEntityError(kind, name, [entity.name for entity in there])
