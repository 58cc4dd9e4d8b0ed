"""What a run would change on a cloud: its cases run on a simulated twin of the cloud, and each change there is told."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from harness.cloud import configuration, infrastructure, instances, offerings
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.cloud.entities import HostRecord
from harness.cloud.redaction import Redactor
from harness.lab.control import embedded_lab
from harness.lab.options import DEFAULT_RELEASE, LabOptions
from harness.lab.topology import HostSpec, LabSpec
from harness.reference.offering import NO_PARAMETERS, Offering
from harness.reference.settings import SETTINGS, Scope
from harness.run.environment import Allowed, Environment, load
from harness.run.home import is_usable
from harness.run.ledger import LEDGER_FILE, Ledger
from harness.run.permits import permits_of
from harness.run.session import Session
from harness.run.zone_lock import oldest_root_admin

Tell = Callable[[str], object]

_CALLS = "calls.jsonl"
# Parameters that say how a command is sent and not what it changes.
_HOW_SENT = frozenset({"apikey", "command", "expires", "response", "signature", "signatureversion"})
_MIB = 1 << 20


class Twin:
    """A lab that is like a cloud. `file` is its environment file; `told` gives what was changed since it was asked."""

    def __init__(self, file: Path, calls: Path, names: Mapping[str, str]) -> None:
        self.file = file
        self._calls = calls
        self._names = dict(names)
        self._redactor = Redactor()
        self._read = 0
        self.told()

    def told(self) -> list[str]:
        """A line for each change, with the ids of the real cloud, and names in place of those of what would be new."""
        with self._calls.open(encoding="utf-8") as file:
            file.seek(self._read)
            lines = file.readlines()
            self._read = file.tell()
        return [self._line(json.loads(line)) for line in lines]

    def _line(self, call: dict[str, Any]) -> str:
        given = {name: value for name, value in call["given"].items() if name.lower() not in _HOW_SENT}
        made = given.get("name") or given.get("username")
        for found in _ids(call["answer"]) if made else ():
            self._names.setdefault(found, f"<id of {made}>")
        shown = self._redactor.tree({name: self._named(str(value)) for name, value in given.items()})
        return " ".join([call["command"], *(f"{name}={value}" for name, value in shown.items())])

    def _named(self, value: str) -> str:
        for there, name in self._names.items():
            value = value.replace(there, name)
        return value


@contextmanager
def twin_of(
    environment: Environment | None, scratch: Path, release: str | None, *, leave_settings: bool
) -> Iterator[Twin]:
    """A lab like this cloud: hosts and what is allocated on them, their tags, settings, flags of templates.

    Nothing is changed on the cloud. Without one it is the usual lab. `scratch` is a folder for it.

    Raises:
        HarnessError: the cloud cannot be looked at, or the lab does not come up.
    """
    state = scratch / "state"
    if environment is None:
        with embedded_lab(state, "simulated", release or DEFAULT_RELEASE, LabOptions(calls=scratch / _CALLS)) as lab:
            yield Twin(lab, scratch / _CALLS, {})
        return
    session = Session(environment, Ledger(scratch / LEDGER_FILE))
    with ExitStack() as ends:
        ends.callback(session.close)
        inventory = session.open(release)
        hosts = [host for host in session.hosts() if is_usable(host) and host.name in inventory.facts]
        topology = scratch / "topology.json"
        topology.write_text(_spec(session, hosts).as_json(), encoding="utf-8")
        options = LabOptions(topology=topology, calls=scratch / _CALLS)
        lab = ends.enter_context(embedded_lab(state, "simulated", inventory.release.name, options))
        file = lab.with_name("twin.toml")
        file.touch(mode=0o600)
        allowed = permits_of(environment, leave_settings=leave_settings).allowed
        file.write_text(_environment_text(lab, environment, allowed), encoding="utf-8")
        there = Session(load(file), Ledger(scratch / f"twin-{LEDGER_FILE}"))
        ends.callback(there.close)
        there.open()
        _liken(there, session, hosts)
        names = _names(there, session)
        yield Twin(file, scratch / _CALLS, names)


def _spec(session: Session, hosts: Iterable[HostRecord]) -> LabSpec:
    world = session.world()
    return LabSpec(
        hosts=tuple(
            HostSpec(
                host.name,
                host.cluster_name or host.cluster_id,
                host.cpus,
                host.speed_mhz,
                world.host(host.id).memory_bytes // _MIB,
            )
            for host in hosts
        ),
        zone=session.inventory.zone.name,
    )


def _environment_text(lab: Path, environment: Environment, allowed: frozenset[Allowed]) -> str:
    """The lab's own file, with what may be done on the cloud, and as of a cloud that is no lab."""
    lines = []
    in_lab = False
    for line in lab.read_text(encoding="utf-8").splitlines():
        in_lab = line == "[lab]" if line.startswith("[") else in_lab
        lacking = (line.startswith("unscalable_template = ") and environment.cloud.unscalable_template is None) or (
            line.startswith("network = ") and environment.cloud.network is None
        )
        if not in_lab and not lacking and not line.startswith("allow = "):
            lines.append(line)
        if line == "[cloud]":
            lines.append(f'account = "{environment.cloud.account}"')
    return "\n".join([f"allow = {json.dumps(sorted(allowed))}", *lines, ""])


def _liken(there: Session, here: Session, hosts: Iterable[HostRecord]) -> None:
    by_name = {host.name: host for host in there.hosts()}
    clusters = {cluster.name: cluster.id for cluster in there.inventory.clusters}
    places: list[tuple[Place, Place, Scope | None]] = [(Place(), Place(), None)]
    places.append((Place(zone_id=here.inventory.zone.id), Place(zone_id=there.inventory.zone.id), Scope.ZONE))
    places += [
        (Place(cluster_id=each.id), Place(cluster_id=clusters[each.name]), Scope.CLUSTER)
        for each in here.inventory.clusters
        if each.name in clusters
    ]
    for real, own, scope in places:
        _same_settings(here.api, real, there.api, own, scope)
    for template, like in (
        (here.inventory.template, there.inventory.template),
        (here.inventory.unscalable_template, there.inventory.unscalable_template),
    ):
        if template is not None and like is not None and template.dynamically_scalable != like.dynamically_scalable:
            infrastructure.set_template_flag(there.api, like.id, template.dynamically_scalable)
    for host in hosts:
        own_host = by_name[host.name]
        if host.tags:
            infrastructure.set_host_tags(there.api, own_host.id, host.tags)
        _fill(there, own_host, host)


def _same_settings(api: CloudApi, real: Place, own_api: CloudApi, own: Place, scope: Scope | None) -> None:
    """Values that are in force alike need no place of their own: a run takes equal ones for inherited."""
    for name, setting in SETTINGS.items():
        if scope is not None and setting.scope is not scope:
            continue
        if not api.list("listConfigurations", "configuration", name=name, **real.parameters()):
            continue
        value = configuration.value(api, name, real)
        if value != configuration.value(own_api, name, own):
            configuration.update(own_api, name, value, own)


def _fill(there: Session, own: HostRecord, host: HostRecord) -> None:
    """Instances that take as much as is allocated on the host, as far as whole ones can."""
    mhz, mib = host.allocated_cpu_mhz, host.allocated_memory_bytes // _MIB
    for number in itertools.count(1):
        cpus = min(own.cpus, ceil(mhz / own.speed_mhz)) or 1
        speed = min(own.speed_mhz, mhz // cpus)
        if speed < 1 or mib < 32:
            return
        left = max(0, mhz - cpus * speed)
        size_mib = mib if left == 0 else max(32, mib * cpus * speed // mhz)
        name = f"resident-{host.name}-{number}"
        offering = offerings.create(there.api, Offering("", name, cpus, speed, size_mib))
        network = there.inventory.network
        instances.deploy(
            there.api,
            60,
            name=name,
            zone_id=there.inventory.zone.id,
            template_id=there.inventory.template.id,
            network_id=network.id if network else None,
            offering_id=offering.id,
            host_id=own.id,
            parameters=NO_PARAMETERS,
            dynamic_scaling=False,
            on_created=lambda _: None,
        )
        mhz, mib = left, mib - size_mib


def _names(there: Session, here: Session) -> dict[str, str]:
    """By what the twin has it by, what the cloud has in its place: ids, and names of templates."""
    ours, theirs = there.inventory, here.inventory
    pairs: list[tuple[str, str]] = [(ours.zone.id, theirs.zone.id), (ours.template.id, theirs.template.id)]
    pairs.append((oldest_root_admin(there.api), oldest_root_admin(here.api)))
    if ours.unscalable_template is not None and theirs.unscalable_template is not None:
        pairs.append((ours.unscalable_template.id, theirs.unscalable_template.id))
    if ours.network is not None and theirs.network is not None:
        pairs.append((ours.network.id, theirs.network.id))
        pairs.append((ours.network.offering_id, theirs.network.offering_id))
    clusters = {cluster.name: cluster.id for cluster in theirs.clusters}
    pairs += [(cluster.id, clusters[cluster.name]) for cluster in ours.clusters if cluster.name in clusters]
    hosts = {host.name: host.id for host in here.hosts()}
    pairs += [(host.id, hosts[host.name]) for host in there.hosts()]
    return {own: real for own, real in pairs if own}


def _ids(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        found = answer.get("id")
        if isinstance(found, str):
            yield found
        for part in answer.values():
            yield from _ids(part)
    elif isinstance(answer, list):
        for part in answer:
            yield from _ids(part)
