"""Looks whether a cloud has what a run needs, and which sections could run there; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from harness.cloud import configuration, infrastructure
from harness.cloud.answers import number, text
from harness.cloud.client import MOST_SKEW_S, ApiAnswerError, CloudApi
from harness.cloud.entities import HostRecord, NetworkRecord, TemplateRecord, Zone
from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.log_reading import end_of
from harness.hosts.pool import Hosts
from harness.reference.release import release_of
from harness.run.api_access import api_of
from harness.run.environment import Allowed, Environment
from harness.run.holds import Claim
from harness.run.home import is_usable
from harness.run.host_logins import host_access, log_access
from harness.run.room import SHARE_CPUS, SHARE_MIB
from harness.run.trust import warnings

_MIB = 1024 * 1024
_ROOT_ADMIN = 1
_SHARE = f"{SHARE_CPUS:g} CPUs and {SHARE_MIB} MiB"


@dataclass(frozen=True)
class Check:
    """`good` is None for what is worth knowing and stops nothing."""

    what: str
    good: bool | None
    says: str


def examine(environment: Environment, cases: Mapping[str, Claim]) -> Iterator[Check]:
    """Check after check, each as soon as it is known; `cases` are what each case claims, by its id."""
    for line in warnings(environment):
        yield Check("safety", None, line)
    api = api_of(environment)
    answered = _tried("API", lambda: _version(api))
    yield answered
    if not answered.good:
        yield Check("sections", False, "none: the API does not answer these keys")
        return
    yield _tried("role", lambda: _role(api))
    yield _tried("clock", lambda: _clock(api))
    zones: list[Zone] = []
    yield _tried("zone", lambda: _zone(api, environment, zones))
    if not zones:
        yield Check("sections", False, "none: without a zone there is nothing to look at")
        return
    zone = zones[0]
    needed = [_tried("template", lambda: _template(api, environment, zone))]
    for key, find in (("unscalable_template", infrastructure.template), ("network", infrastructure.network)):
        name = getattr(environment.cloud, key)
        if name is not None:
            needed.append(_tried(key.replace("_", " "), partial(_named, find, api, zone, name)))
    yield from needed
    usable: list[HostRecord] = []
    try:
        yield from _hosts(api, environment, zone, usable)
        yield from _logs(environment, usable)
    except HarnessError as failure:
        yield Check("hosts", False, str(failure))
    lacking = [check.what for check in needed if not check.good]
    if lacking:
        yield Check("sections", False, f"none: there is no run without {' and '.join(lacking)}")
        return
    yield from sections(environment, cases, usable)


def _tried(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, True, look())
    except HarnessError as failure:
        return Check(what, False, str(failure))


def _version(api: CloudApi) -> str:
    said = infrastructure.version(api)
    release = release_of(said, has_new_settings=configuration.has_new_settings(api))
    return f"CloudStack {said}, which behaves like {release.name}"


def _role(api: CloudApi) -> str:
    answer = api.call("getUser", userapikey=api.api_key)
    account = text(answer, "user", "account")
    if number(answer, "user", "accounttype") != _ROOT_ADMIN:
        raise ApiAnswerError(
            f"the keys are of account {account}, which is no root admin's: it cannot see or choose hosts, "
            "nor change settings; give a root admin's keys"
        )
    return f"root admin {account}"


def _clock(api: CloudApi) -> str:
    there = api.server_time()
    if there is None:
        raise ApiAnswerError("the server does not tell its time: no usable Date in its answer")
    skew = there - time.time()
    if abs(skew) > MOST_SKEW_S:
        raise ApiAnswerError(f"the server's clock is {skew:+.0f} s from this machine's; let both follow a time server")
    return f"{skew:+.0f} s from this machine's"


def _zone(api: CloudApi, environment: Environment, found: list[Zone]) -> str:
    found.append(infrastructure.zone(api, environment.cloud.zone))
    return f"{found[0].name}, {found[0].network_type}"


def _named(
    find: Callable[[CloudApi, str, str], NetworkRecord | TemplateRecord], api: CloudApi, zone: Zone, name: str
) -> str:
    return find(api, zone.id, name).name


def _template(api: CloudApi, environment: Environment, zone: Zone) -> str:
    template = infrastructure.template(api, zone.id, environment.cloud.template)
    if not template.dynamically_scalable:
        raise ApiAnswerError(
            f"{template.name} is not dynamically scalable; make it so (updateTemplate isdynamicallyscalable=true)"
        )
    if not template.is_ready:
        raise ApiAnswerError(f"{template.name} is not ready in the zone")
    return f"{template.name}, ready and dynamically scalable"


def _hosts(api: CloudApi, environment: Environment, zone: Zone, usable: list[HostRecord]) -> Iterator[Check]:
    """SSH, host key, virsh and cgroups of each; `usable` gets those that cases can use."""
    there = infrastructure.hosts(api, zone.id)
    if not there:
        yield Check("hosts", False, f"zone {zone.name} has no KVM host")
    with Hosts([host_access(environment, host) for host in there], environment.hosts.transport) as pool:
        for host in there:
            if not is_usable(host):
                yield Check(f"host {host.name}", None, f"{host.state} and {host.resource_state}: not used")
                continue
            seen = _tried(f"host {host.name}", partial(_seen, pool, host))
            yield seen
            if seen.good:
                usable.append(host)


def _logs(environment: Environment, usable: Sequence[HostRecord]) -> Iterator[Check]:
    """Whether the logs can be read of which evidence keeps lines; without them a run is possible."""
    places: list[tuple[str, HostAccess, str]] = []
    if environment.logs.management is not None:
        management = environment.logs.management
        places.append(("management server", log_access(environment, management), management.file))
    places += [(host.name, host_access(environment, host), environment.logs.agent) for host in usable]
    for where, access, file in places:
        tried = _tried(f"log of {where}", partial(_end_of_log, access, file))
        yield tried if tried.good else Check(tried.what, None, f"is not in evidence: {tried.says}")


def _end_of_log(access: HostAccess, file: str) -> str:
    end_of(access, file, 1)
    return f"{file} can be read"


def _seen(pool: Hosts, host: HostRecord) -> str:
    facts = pool.facts(host.name)
    return (
        f"libvirt {facts.libvirt}, QEMU {facts.qemu}, cgroup version {facts.cgroup_version}; "
        f"{_free_text(host)} free, with memory overcommit"
    )


def _free(host: HostRecord) -> tuple[int, int]:
    """MHz and MiB."""
    free_mib = (host.allocatable_memory_bytes - host.allocated_memory_bytes) // _MIB
    return host.cpus * host.speed_mhz - host.allocated_cpu_mhz, free_mib


def _free_text(host: HostRecord) -> str:
    mhz, mib = _free(host)
    return f"{mib} MiB and {mhz} MHz"


def _has_room(host: HostRecord) -> bool:
    """For what a case may take of a host that it shares; one that is alone in its cluster says what more it needs."""
    mhz, mib = _free(host)
    return mhz >= SHARE_CPUS * host.speed_mhz and mib >= SHARE_MIB


def _clusters(usable: Sequence[HostRecord]) -> dict[str, list[HostRecord]]:
    members: dict[str, list[HostRecord]] = {}
    for host in usable:
        members.setdefault(host.cluster_id, []).append(host)
    return members


def _rooms(hosts: int, usable: Sequence[HostRecord]) -> str:
    """Where there is room for cases that want a cluster of so many hosts, and how much."""
    there = [
        host for members in _clusters(usable).values() if len(members) >= hosts for host in members if _has_room(host)
    ]
    return "room: " + (", ".join(f"{host.name} {_free_text(host)}" for host in there) or "for some of them only")


def sections(environment: Environment, cases: Mapping[str, Claim], usable: Sequence[HostRecord]) -> Iterator[Check]:
    """How many cases of each section could run and where, and why others could not."""
    by_section: dict[str, list[str | None]] = {}
    for case_id, claim in cases.items():
        by_section.setdefault(case_id.split("-", 1)[0], []).append(_hindrance(environment, claim, usable))
    for section, hindrances in sorted(by_section.items()):
        possible = hindrances.count(None)
        why = "; ".join(dict.fromkeys(reason for reason in hindrances if reason))
        counted = f"{possible} of {len(hindrances)} cases could run"
        if possible:
            most_hosts = max(claim.hosts for case_id, claim in cases.items() if case_id.startswith(f"{section}-"))
            counted += f"; {_rooms(most_hosts, usable)}"
        yield Check(f"section {section}", possible > 0, f"{counted}{f'; others: {why}' if why else ''}")


def _hindrance(environment: Environment, claim: Claim, usable: Sequence[HostRecord]) -> str | None:
    """Why a case could not run as far as its claim tells; what it creates is known only when it does."""
    hosts = max(1, claim.hosts)
    clusters = _clusters(usable)
    most = max(map(len, clusters.values()), default=0)
    if most < hosts:
        return f"need a cluster with {hosts} hosts that can be used and looked into; there are {most}"
    if not any(len(members) >= hosts and any(map(_has_room, members)) for members in clusters.values()):
        free = "; ".join(f"{host.name} has {_free_text(host)}" for host in usable)
        return f"need {_SHARE} free on a host of a cluster with {hosts} hosts; {free}"
    if claim.zone_settings and Allowed.ZONE_SETTINGS not in environment.allow:
        return 'need "zone-settings" in allow'
    if not {Allowed.INSTANCES, Allowed.OFFERINGS} <= environment.allow:
        return 'need "instances" and "offerings" in allow'
    return None
