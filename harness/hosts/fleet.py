"""Looks at all domains of a host at once: one connection, one round trip, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import PurePosixPath

from harness.hosts.access import HostAccess
from harness.hosts.domain_xml import MalformedDomainXml, read_domain
from harness.hosts.failures import ProbeFailed
from harness.hosts.guest_agent import read_guest
from harness.hosts.observation import DomainView, FleetLook, FleetMember, GuestView, HostFacts, NotSeen
from harness.hosts.probe import Look, Parts, checked_name, look
from harness.hosts.ssh import SshConnection
from harness.hosts.virsh_reading import read_nodeinfo, read_scheduler, read_versions

# The XML of a domain and its scheduler are some 10 KB; with its guest asked, some 100.
_MOST_BYTES = 64 * 1024 * 1024
_NOT_ASKED = NotSeen("guests were not asked")


def look_at_fleet(access: HostAccess, wanted: Collection[str] | None = None, *, guests: bool = False) -> FleetLook:
    """Look at the running domains of a host, or at those `wanted`, and hang up.

    The documents themselves are not kept (`DomainView.xml` is empty): a fleet has too many of them.

    Raises:
        HostFailure: the host cannot be looked into; ProbeFailed when virsh does not answer.
        BadInstanceName: a name is not one to send to a shell.
    """
    names = "*" if wanted is None else " ".join(map(checked_name, wanted))
    connection = SshConnection(access)
    try:
        parts = look(connection, access, Look.FLEET, "none", names, "yes" if guests else "no", most_bytes=_MOST_BYTES)
    finally:
        connection.close()
    return _read(access, parts, guests)


def read_facts(access: HostAccess, parts: Parts) -> HostFacts:
    """What the host says of itself.

    The cgroup version is found as CloudStack's agent does it: exactly `cgroup2fs` is version 2, anything else 1
    (LibvirtComputingResource.calculateHostCpuMaxCapacity).

    Raises:
        ProbeFailed: virsh does not answer.
    """
    node = read_nodeinfo(answered(access, parts, "nodeinfo"))
    versions = read_versions(answered(access, parts, "version"))
    if node is None or versions is None:
        raise ProbeFailed(access, "virsh nodeinfo or virsh version not understood")
    cpus, speed_mhz, memory_kib = node
    libvirt, qemu = versions
    return HostFacts(
        host=access.name,
        cpus=cpus,
        speed_mhz=speed_mhz,
        memory_kib=memory_kib,
        cgroup_version=2 if answered(access, parts, "cgroup_type") == "cgroup2fs" else 1,
        libvirt=libvirt,
        qemu=qemu,
        kernel=answered(access, parts, "kernel"),
    )


def answered(access: HostAccess, parts: Parts, name: str) -> str:
    """The text of a part that a look cannot do without. Raises ProbeFailed."""
    text = parts.text(name)
    if isinstance(text, NotSeen):
        raise ProbeFailed(access, f"{text.reason}; is libvirtd running there?")
    return text


def _read(access: HostAccess, parts: Parts, guests: bool) -> FleetLook:
    facts = read_facts(access, parts)
    listed = parts.texts.get("list", "error: the probe did not come to the list of domains")
    if listed.startswith("error:"):
        answered(access, Parts({"list": listed}), "list")
    names = tuple(name for name in listed.split("\n") if name)
    since = _since(parts.texts.get("since", ""))
    members = {
        name: FleetMember(
            domain=_domain(parts.text(f"domain_{number}")),
            scheduler=read_scheduler(parts.text(f"scheduler_{number}")),
            guest=_guest(parts, number) if guests else _NOT_ASKED,
            since=since.get(name),
        )
        for number, name in enumerate(names, 1)
        if f"domain_{number}" in parts.texts
    }
    return FleetLook(facts, names, members)


def _domain(xml: str | NotSeen) -> DomainView | NotSeen:
    if isinstance(xml, NotSeen):
        return xml
    try:
        view = read_domain(xml)
    except MalformedDomainXml as malformed:
        return NotSeen(str(malformed))
    # libvirt writes the id attribute for running domains only.
    return NotSeen("the domain ended while it was looked at") if view.number is None else replace(view, xml="")


def _guest(parts: Parts, number: int) -> GuestView | NotSeen:
    cpus, blocks, size = (f"{what}_{number}" for what in ("vcpus_vcpus", "memory_blocks", "memory_info"))
    return read_guest(parts.text(cpus), parts.text(blocks), parts.text(size))


def _since(text: str) -> dict[str, int]:
    """Lines of seconds and the file of a process number."""
    found = {}
    for line in text.split("\n"):
        seconds, _, file = line.partition(" ")
        if seconds.isdecimal():
            found[PurePosixPath(file).name.removesuffix(".pid")] = int(seconds)
    return found
