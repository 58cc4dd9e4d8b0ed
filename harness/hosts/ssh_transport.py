"""Looks into a host by SSH: one connection, one exec for each look."""

from __future__ import annotations

from harness.hosts.access import HostAccess
from harness.hosts.cpu_use import BURN_REQUEST, STATUS_REQUEST, CpuUse, read_begun, read_cpu_use, read_status
from harness.hosts.domain_xml import MalformedDomainXml, is_running, read_domain
from harness.hosts.failures import ProbeFailed
from harness.hosts.guest_agent import read_guest
from harness.hosts.observation import Absent, DomainView, GuestView, HostFacts, NotSeen, Observation
from harness.hosts.probe import Look, Parts, checked_name, look
from harness.hosts.ssh import SshConnection
from harness.hosts.virsh_reading import read_cgroup, read_nodeinfo, read_scheduler, read_vcpu_counts, read_versions


class SshHostView:
    """A HostView by SSH."""

    transport = "ssh"

    def __init__(self, access: HostAccess) -> None:
        self.host = access.name
        self._access = access
        self._connection = SshConnection(access)

    def observe(self, instance_name: str) -> Observation:
        """One round trip for all parts.

        Raises:
            HostFailure: the host cannot be looked into.
            BadInstanceName: the name is not one to send to a shell.
        """
        parts = look(self._connection, self._access, Look.INSTANCE, instance_name)
        domain = _domain(parts, checked_name(instance_name))
        if isinstance(domain, Absent):
            nothing = NotSeen("no such domain on this host")
            return Observation(instance_name, self.host, self.transport, domain, nothing, nothing, nothing, nothing)
        return Observation(
            instance_name=instance_name,
            host=self.host,
            transport=self.transport,
            domain=domain,
            scheduler=read_scheduler(parts.text("scheduler")),
            cgroup=read_cgroup(parts.text("cgroup")),
            vcpus=read_vcpu_counts(parts.text("vcpus")),
            guest=_guest(parts),
        )

    def guest(self, instance_name: str) -> GuestView | NotSeen:
        """The guest agent's part only; same errors as `observe`."""
        return _guest(look(self._connection, self._access, Look.GUEST, instance_name))

    def burn_cpu(self, instance_name: str, seconds: int) -> int | NotSeen:
        """Ask the guest agent to run a loop; same errors as `observe`."""
        return read_begun(self._asked(instance_name, BURN_REQUEST % seconds))

    def not_burning(self, instance_name: str, pid: int) -> NotSeen | None:
        """Ask the guest agent for it; same errors as `observe`."""
        return read_status(self._asked(instance_name, STATUS_REQUEST % pid))

    def _asked(self, instance_name: str, request: str) -> str | NotSeen:
        return look(self._connection, self._access, Look.AGENT, instance_name, request).text("answer")

    def cpu_use(self, instance_name: str) -> CpuUse | NotSeen:
        """By libvirt's statistics and the vCPUs' cgroups; same errors as `observe`."""
        parts = look(self._connection, self._access, Look.CPU, instance_name)
        return read_cpu_use(parts.text("uptime"), parts.text("stats"), parts.text("throttled"))

    def facts(self) -> HostFacts:
        """What the host says of itself.

        The cgroup version is found as CloudStack's agent does it: exactly `cgroup2fs` is version 2, anything else 1
        (LibvirtComputingResource.calculateHostCpuMaxCapacity).

        Raises:
            HostFailure: the host cannot be looked into; ProbeFailed when virsh does not answer.
        """
        parts = look(self._connection, self._access, Look.FACTS)
        node = read_nodeinfo(self._answered(parts, "nodeinfo"))
        versions = read_versions(self._answered(parts, "version"))
        if node is None or versions is None:
            raise ProbeFailed(self._access, "virsh nodeinfo or virsh version not understood")
        cpus, speed_mhz, memory_kib = node
        libvirt, qemu = versions
        return HostFacts(
            host=self.host,
            cpus=cpus,
            speed_mhz=speed_mhz,
            memory_kib=memory_kib,
            cgroup_version=2 if self._answered(parts, "cgroup_type") == "cgroup2fs" else 1,
            libvirt=libvirt,
            qemu=qemu,
            kernel=self._answered(parts, "kernel"),
        )

    def domain_names(self) -> tuple[str, ...]:
        """Active domains, sorted; same errors as `facts`."""
        parts = look(self._connection, self._access, Look.NAMES)
        if parts.texts.get("list") == "":
            return ()
        return tuple(sorted(self._answered(parts, "list").split("\n")))

    def close(self) -> None:
        self._connection.close()

    def _answered(self, parts: Parts, name: str) -> str:
        text = parts.text(name)
        if isinstance(text, NotSeen):
            raise ProbeFailed(self._access, f"{text.reason}; is libvirtd running there?")
        return text


def _domain(parts: Parts, name: str) -> DomainView | Absent | NotSeen:
    """Absent only when libvirt listed its domains without this one: a failed dump alone proves nothing."""
    xml = parts.text("domain")
    if isinstance(xml, NotSeen):
        listed = parts.texts.get("list")
        if listed is not None and not listed.startswith("error:") and name not in listed.split("\n"):
            return Absent()
        return xml
    try:
        if not is_running(xml):
            return NotSeen("the domain is defined on this host but not running")
        return read_domain(xml)
    except MalformedDomainXml as malformed:
        return NotSeen(str(malformed))


def _guest(parts: Parts) -> GuestView | NotSeen:
    return read_guest(parts.text("guest_cpus"), parts.text("blocks"), parts.text("block_size"))
