"""Looks into a host by SSH: one connection, one exec for each look."""

from __future__ import annotations

from collections.abc import Callable

from harness.hosts.access import HostAccess
from harness.hosts.cpu_use import BURN_REQUEST, STATUS_REQUEST, CpuUse, read_begun, read_cpu_use, read_status
from harness.hosts.domain_xml import MalformedDomainXml, is_running, read_domain
from harness.hosts.failures import (
    ConnectionLost,
    ConnectionRefused,
    HandshakeFailed,
    HostFailure,
    LibvirtFailed,
    ProbeCut,
    Unreachable,
)
from harness.hosts.fleet import answered, read_facts
from harness.hosts.guest_agent import read_guest
from harness.hosts.observation import Absent, DomainView, GuestView, HostFacts, NotSeen, Observation, ProcessView
from harness.hosts.probe import Look, Parts, checked_name, look
from harness.hosts.ssh import SshConnection
from harness.hosts.virsh_reading import read_cgroup, read_scheduler, read_vcpu_counts
from harness.waiting import DeadlineExpired, wait_until

# Longer than a server takes to start anew.
_LOOKED_AGAIN_S = 5.0
_TRANSIENT = (ConnectionLost, ConnectionRefused, HandshakeFailed, LibvirtFailed, ProbeCut, Unreachable)
_CUT = (ConnectionLost, HandshakeFailed, ProbeCut)
# virsh's words (tools/virsh-domain-monitor.c virshDomainRunningReason).
_FROM_A_FILE = ("(restored)", "(from snapshot)")
# virsh's words (tools/virsh.c virshReconnect) while libvirtd is started anew.
_NO_LIBVIRTD = "error: failed to connect to the hypervisor"


class SshHostView:
    """A HostView by SSH."""

    transport = "ssh"

    def __init__(self, access: HostAccess) -> None:
        self.host = access.name
        self.overcome: list[str] = []
        self._has_answered = False
        self._access = access
        self._connection = SshConnection(access)

    def observe(self, instance_name: str, wait_s: int = 0) -> Observation:
        """One round trip for all parts, and for the wait.

        Raises:
            HostFailure: the host cannot be looked into.
            BadInstanceName: the name is not one to send to a shell.
        """
        parts = self._look(Look.INSTANCE, instance_name, wait_s)
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
            process=_process(parts),
        )

    def guest(self, instance_name: str, wait_s: int = 0) -> GuestView | NotSeen:
        """The guest agent's part only; same errors as `observe`."""
        return _guest(self._look(Look.GUEST, instance_name, wait_s))

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
        parts = self._look(Look.CPU, instance_name)
        return read_cpu_use(*map(parts.text, ("uptime", "stats", "throttled", "uptime_after")))

    def facts(self) -> HostFacts:
        """What the host says of itself.

        Raises:
            HostFailure: the host cannot be looked into; ProbeFailed when virsh does not answer.
        """
        return read_facts(self._access, self._look(Look.FACTS))

    def domain_names(self) -> tuple[str, ...]:
        """Active domains, sorted; same errors as `facts`."""
        parts = self._look(Look.NAMES)
        if parts.texts.get("list") == "":
            return ()
        return tuple(sorted(answered(self._access, parts, "list").split("\n")))

    def close(self) -> None:
        self._connection.close()

    def _look(self, what: Look, instance_name: str = "none", wait_s: int = 0) -> Parts:
        """Had again where it breaks off, or a host breaks that was good before; nothing is changed by it.

        A host that never answered may be named wrongly, so that is told at once. As for `_asked`, see there.
        """
        transient = _TRANSIENT if self._has_answered else _CUT
        try:
            parts = wait_until(
                f"a look into {self.host}",
                lambda: self._noted(lambda: look(self._connection, self._access, what, instance_name, wait_s=wait_s)),
                lambda _: True,
                _LOOKED_AGAIN_S,
                transient=transient,
            )
            self._has_answered = _no_libvirtd(parts) is None
            return parts
        except DeadlineExpired as expired:
            if isinstance(expired.last_seen, HostFailure):
                raise expired.last_seen from None
            raise

    def _noted(self, look_once: Callable[[], Parts]) -> Parts:
        try:
            parts = look_once()
            if self._has_answered and (away := _no_libvirtd(parts)) is not None:
                raise LibvirtFailed(self._access, away)
            return parts
        except _TRANSIENT as failure:
            self.overcome.append(str(failure))
            raise


def _no_libvirtd(parts: Parts) -> str | None:
    """What virsh said where it did not come to libvirtd."""
    said = next((text for text in parts.texts.values() if text.startswith(_NO_LIBVIRTD)), None)
    return None if said is None else " ".join(said.split())[:200]


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


def _process(parts: Parts) -> ProcessView | NotSeen:
    text = parts.text("process")
    if isinstance(text, NotSeen):
        return NotSeen(f"QEMU process: {text.reason}")
    if text != "incoming":
        return ProcessView(took_over=False)
    # libvirt starts with -incoming both the destination of a migration (qemuMigrationDstPrepareAny) and a domain that
    # goes on from a file (qemuSaveImageStartVM); it keeps how the domain came (virDomainRunningReason).
    state = parts.text("state")
    if isinstance(state, NotSeen):
        return NotSeen(f"QEMU process took its guest over, and libvirt does not tell from where: {state.reason}")
    return ProcessView(took_over=not state.endswith(_FROM_A_FILE))


def _guest(parts: Parts) -> GuestView | NotSeen:
    return read_guest(parts.text("guest_cpus"), parts.text("blocks"), parts.text("block_size"))
