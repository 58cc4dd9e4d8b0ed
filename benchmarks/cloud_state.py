"""What a run could have left on a cloud, told so that two moments can be compared; and labs to look at."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from harness.cloud import configuration, infrastructure
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.hosts.pool import Hosts
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_OVERCOMMIT, SETTINGS, Kind, Scope
from harness.run.environment import Environment, load
from harness.run.host_logins import host_access
from harness.run.session import api_of

CLI = [sys.executable, "-c", "from harness.cli import main; main()"]
_NAMED = (
    ("listVirtualMachines", "virtualmachine"),
    ("listServiceOfferings", "serviceoffering"),
    ("listAccounts", "account"),
    ("listNetworks", "network"),
    ("listTemplates", "template"),
)
# A cluster has values of its own for these after resetConfiguration too, which writes the global ones.
_ALWAYS_ITS_OWN = (CPU_OVERCOMMIT, MEMORY_OVERCOMMIT)
# Any two values that a setting may have, by its kind.
_TWO_VALUES = {
    Kind.BOOLEAN: ("true", "false"),
    Kind.INTEGER: ("3", "5"),
    Kind.FLOAT: ("0.61", "0.62"),
}


@contextmanager
def lab_up(kind: str, *options: str) -> Iterator[Path]:
    """A lab of its own; gives its environment file, in the lab's folder."""
    with tempfile.TemporaryDirectory(prefix="csh-") as state:
        command = [*CLI, "lab", "up", f"--hosts={kind}", f"--state={state}", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        try:
            yield Path(state, "lab", "cloud.toml")
        finally:
            subprocess.run([*CLI, "lab", "down", f"--state={state}"], check=True, stdout=subprocess.DEVNULL)


def cloud_state(file: Path) -> set[str]:
    """A line for each thing: settings and whether a place has a value of its own, resources, tags, hosts, domains.

    What hosts count as allocated is left out: CloudStack itself miscounts after some scales until it counts anew.
    """
    environment = load(file)
    api = api_of(environment)
    # A port that a fault has closed opens again.
    api.has_answered = True
    lines = {f"{command} {part['name']}" for command, key in _NAMED for part in _all(api, command, key)}
    users = _all(api, "listUsers", "user")
    tags = [tag for user in users for tag in _all(api, "listTags", "tag", resourcetype="User", resourceid=user["id"])]
    lines |= {f"tag {tag['key']}={tag['value']}" for tag in tags}
    zone = infrastructure.zone(api, environment.cloud.zone)
    clusters = infrastructure.clusters(api, zone.id)
    places = [Place(), Place(zone_id=zone.id), *(Place(cluster_id=cluster.id) for cluster in clusters)]
    for place in places:
        there = _all(api, "listConfigurations", "configuration", **place.parameters())
        lines |= {f"{place} {each['name']}={each.get('value')}" for each in there}
    lines |= set(_own_values(api, places))
    lines |= set(_on_hosts(api, environment, zone.id))
    return lines


def differences(before: set[str], after: set[str]) -> list[str]:
    return [f"gone: {line}" for line in sorted(before - after)] + [f"new: {line}" for line in sorted(after - before)]


def _all(api: CloudApi, command: str, key: str, **parameters: object) -> list[dict[str, object]]:
    if command == "listTemplates":
        parameters["templatefilter"] = "all"
    return api.list(command, key, listall=True, **parameters)


def _own_values(api: CloudApi, places: list[Place]) -> Iterator[str]:
    """Where a setting has a value of its own: it does not follow the global one, which is changed to see that."""
    known = {str(each["name"]) for each in _all(api, "listConfigurations", "configuration")}
    for name, setting in SETTINGS.items():
        scoped = [place for place in places if _fits(place, setting.scope)]
        if not scoped or name not in known or name in _ALWAYS_ITS_OWN:
            continue
        former = configuration.value(api, name, Place())
        seen: list[list[str]] = []
        try:
            for probe in _TWO_VALUES[setting.kind]:
                configuration.update(api, name, probe, Place())
                seen.append([configuration.value(api, name, place) for place in scoped])
        finally:
            configuration.update(api, name, former, Place())
        for place, one, other in zip(scoped, *seen, strict=True):
            yield f"{name} at {place} is {'its own' if one == other else 'inherited'}"


def _fits(place: Place, scope: Scope) -> bool:
    if scope is Scope.ZONE:
        return place.zone_id is not None
    return scope is Scope.CLUSTER and place.cluster_id is not None


def _on_hosts(api: CloudApi, environment: Environment, zone_id: str) -> Iterator[str]:
    hosts = infrastructure.hosts(api, zone_id)
    with closing(Hosts([host_access(environment, host) for host in hosts], "ssh")) as pool:
        for host in hosts:
            yield f"host {host.name}: {host.state} {host.resource_state} tags={host.tags}"
            yield f"host {host.name}: domains {pool.on(host.name).domain_names()}"
