"""Judges one host: what it declares against what libvirt says, and what it counts against what runs there."""

from __future__ import annotations

from collections.abc import Iterable

from harness.audit import states
from harness.audit.inventory import RUNNING, Inventory
from harness.audit.records import HostLine, StateLine
from harness.cloud.fleet import FleetHost, FleetInstance
from harness.hosts.observation import DomainView, FleetLook
from harness.reference import oddities, rules
from harness.reference import settings as names

_MIB = 1048576
_AT_REST = ("Stopped", "Shutdown")
_GONE = ("Destroyed", "Expunging", "Expunged", "Error")

Amounts = tuple[int, int]

LEFT_OUT = "books: the selection leaves instances of this host out"


def host_line(inventory: Inventory, host: FleetHost, reasons: Iterable[str]) -> HostLine:
    """What the API alone says of a host."""
    overcommit = inventory.settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)
    return HostLine(
        id=host.id,
        name=host.name,
        zone=inventory.zone.name,
        cluster=inventory.cluster_name(host),
        state=f"{host.state}, {host.resource_state}",
        cpus=host.cpus or 0,
        speed_mhz=host.speed_mhz or 0,
        memory_mib=round((host.allocatable_memory_bytes or 0) / overcommit) // _MIB,
        counted_mhz=host.allocated_cpu_mhz,
        counted_mib=None if host.allocated_memory_bytes is None else host.allocated_memory_bytes // _MIB,
        instances=inventory.running_on[host.id],
        not_seen=list(reasons),
    )


class Residents:
    """Who is on which host, sorted once: a host's books are added up without going through the whole fleet."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.knows_all = inventory.system_vms is not None
        self._here: dict[str, list[FleetInstance]] = {}
        self._elsewhere: list[FleetInstance] = []
        self._reserved: dict[str, tuple[int, int]] = {}
        self.on_the_way: set[str] = set()
        for one in (*inventory.residents, *(inventory.system_vms or ())):
            if one.state == RUNNING and one.host_id is not None:
                self._here.setdefault(one.host_id, []).append(one)
            elif one.state not in _GONE:
                self._elsewhere.append(one)
                if one.state not in _AT_REST:
                    self.on_the_way.add(one.instance_name or one.name)

    def on(self, host: FleetHost) -> list[FleetInstance]:
        return self._here.get(host.id, [])

    def names_on(self, host: FleetHost) -> set[str]:
        """Domains that the database has there; of system VMs the name is the domain's."""
        return {name for one in self.on(host) for name in (one.instance_name, one.name) if name}

    def most_elsewhere(self, host: FleetHost) -> Amounts:
        """What may be counted on the host besides what runs there: what comes, goes, or may have its room kept."""
        if host.cluster_id not in self._reserved:
            amounts = [_amounts(self.inventory, host, one) for one in self._elsewhere]
            known = [each for each in amounts if each is not None]
            self._reserved[host.cluster_id] = sum(cpu[1] for cpu, _ in known), sum(mib[1] for _, mib in known)
        return self._reserved[host.cluster_id]


def judge(residents: Residents, host: FleetHost, look: FleetLook, *, whole: bool, seconds: float) -> HostLine:
    """The line of a host that was looked at; with `whole` the inventory has all that runs there."""
    inventory = residents.inventory
    line, facts = host_line(inventory, host, ()), look.facts
    found = [*_declared(line, look), *_overfilled(inventory, host, look)]
    reasons: list[str] = []
    sums = None
    if not whole:
        reasons.append(LEFT_OUT)
    elif not residents.knows_all:
        reasons.append("books: the API does not tell system VMs")
    else:
        found += _strangers(residents, host, look)
        sums = _sums(residents, host)
        if isinstance(sums, str):
            reasons.append(f"books: {sums}")
        else:
            found += _books(line, *sums)
    return line.model_copy(
        update={
            "libvirt_cpus": facts.cpus,
            "libvirt_speed_mhz": facts.speed_mhz,
            "libvirt_memory_mib": facts.memory_kib // 1024,
            "cgroup_version": facts.cgroup_version,
            "libvirt": facts.libvirt,
            "qemu": facts.qemu,
            "running_mhz": sums[0][0] if isinstance(sums, tuple) else None,
            "running_mib": sums[0][1] if isinstance(sums, tuple) else None,
            "seconds": round(seconds, 3),
            "states": found,
            "not_seen": reasons,
        }
    )


def _declared(line: HostLine, look: FleetLook) -> Iterable[StateLine]:
    facts = look.facts
    # listHosts has memory as a float of 24 digits: a MiB more or less means nothing.
    pairs = {"CPUs": (line.cpus, facts.cpus, 0), "MiB": (line.memory_mib, facts.memory_kib // 1024, 1)}
    for unit, (declared, there, slack) in pairs.items():
        if declared > there + slack:
            yield states.CAPACITY_DIFFERS.line(f"{there} {unit}", f"{declared} {unit}", rules.CEILINGS)
        elif declared < there - slack:
            yield states.CAPACITY_RESERVED.line(f"{there} {unit}", f"{declared} {unit}", rules.CEILINGS)
    if line.speed_mhz != facts.speed_mhz:
        # libvirt tells the speed of this moment, CloudStack's agent the highest or the one it is told.
        yield states.CAPACITY_RESERVED.line(
            f"{facts.speed_mhz} MHz", f"{line.speed_mhz} MHz", rules.QUOTA, "quotas go by the declared speed"
        )


def _overfilled(inventory: Inventory, host: FleetHost, look: FleetLook) -> Iterable[StateLine]:
    domains = [one.domain for one in look.members.values() if isinstance(one.domain, DomainView)]
    there_kib = sum(domain.memory_kib for domain in domains)
    most_kib = look.facts.memory_kib * inventory.settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)
    if there_kib > most_kib:
        expected, observed = f"at most {int(most_kib) // 1024} MiB", f"{there_kib // 1024} MiB"
        yield states.OVERFILLED.line(expected, observed, oddities.CONCURRENT_GROWTH)


def _strangers(residents: Residents, host: FleetHost, look: FleetLook) -> Iterable[StateLine]:
    """Domains that belong to nothing there. Whatever is being moved or started is expected on every host."""
    strangers = sorted(set(look.names) - residents.names_on(host) - residents.on_the_way)
    if strangers:
        yield states.STRANGERS.line("none", ", ".join(strangers[:10]) + (" ..." if strangers[10:] else ""))


def _sums(residents: Residents, host: FleetHost) -> tuple[Amounts, Amounts] | str:
    """The least and the most that may be counted, in MHz and MiB; a text where a size is not known.

    Least: what runs there. Most: also what is on the way, or is stopped and may have its room kept; where that was,
    the API does not tell. What CloudStack counts follows the overcommit kept with an instance once it has changed.
    Source: CapacityManagerImpl.updateCapacityForHost.
    """
    least, most = [0, 0], list(residents.most_elsewhere(host))
    for one in residents.on(host):
        amounts = _amounts(residents.inventory, host, one)
        if amounts is None:
            return f"the size of {one.instance_name or one.name} is not told"
        for index, (low, high) in enumerate(amounts):
            least[index] += low
            most[index] += high
    return (least[0], least[1]), (most[0], most[1])


def _amounts(
    inventory: Inventory, host: FleetHost, one: FleetInstance
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    offering = inventory.offerings.get(one.offering_id)
    cpus = one.cpus if one.cpus is not None else offering.cpus if offering else None
    speed = one.speed_mhz if one.speed_mhz is not None else offering.speed_mhz if offering else None
    memory = one.memory_mib if one.memory_mib is not None else offering.memory_mib if offering else None
    if cpus is None or speed is None or memory is None:
        return None
    settings = inventory.settings
    return (
        _range(cpus * speed, one, "cpuOvercommitRatio", settings.number(names.CPU_OVERCOMMIT, host.cluster_id)),
        _range(memory, one, "memoryOvercommitRatio", settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)),
    )


def _range(amount: int, one: FleetInstance, detail: str, now: float) -> tuple[int, int]:
    try:
        then = float(one.details[detail])
    except (KeyError, ValueError):
        return amount, amount
    recounted = int(amount * now / then) if then else amount
    return min(amount, recounted), max(amount, recounted)


def _books(line: HostLine, least: Amounts, most: Amounts) -> Iterable[StateLine]:
    units = ("MHz", "MiB")
    for counted, low, high, unit in zip((line.counted_mhz, line.counted_mib), least, most, units, strict=True):
        if counted is None:
            continue
        if counted < low:
            rule = oddities.UNDERCOUNTED_AFTER_MIGRATION
            yield states.COUNTED_LOW.line(f"{low} {unit}", f"{counted} {unit}", rule)
        elif counted > high:
            bound = f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
            yield states.COUNTED_HIGH.line(bound, f"{counted} {unit}", oddities.OVERCOUNTED_BEFORE)
