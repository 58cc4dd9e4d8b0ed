"""One host's agent: start, stop, reboot, scale and migrate the domains of that host."""

from __future__ import annotations

import re

from harness.lab.agent import scale as scaling
from harness.lab.agent.domain_xml import Hardware, domain_xml
from harness.lab.agent.hook import for_these_hosts
from harness.lab.agent.log import AgentLog
from harness.lab.faults.catalogue import Point
from harness.lab.faults.registry import Faults
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.hypervisor import Hypervisor, HypervisorError, NodeInfo
from harness.lab.seams import Switch
from harness.reference.domain import Domain
from harness.waiting import DeadlineExpired, wait_until

_SHARES = re.compile(r"<shares>\d+</shares>")
_GRAPHICS = re.compile(r"<graphics\b.*?(?:/>|</graphics>)", re.DOTALL)


class KvmAgent:
    """The agent of one host. It keeps nothing of its own: what runs, libvirt knows. Safe to call from any thread.

    A command may be struck by a fault, and fails then as one that libvirt refuses.
    """

    def __init__(
        self, host: LabHost, boot: GuestBoot, faults: Faults | None = None, switch: Switch | None = None
    ) -> None:
        self._host = host
        self._boot = boot
        self._switch = switch or Switch()
        self._faults = faults or Faults()
        self._log = AgentLog(host.agent_log)

    @property
    def hypervisor(self) -> Hypervisor:
        return self._switch.seams.hypervisor(self._host.hypervisor)

    @property
    def address(self) -> str:
        """Where the host is reached, and where its VNC servers listen."""
        return self._host.ssh.address

    def node_info(self) -> NodeInfo:
        return self.hypervisor.node_info()

    @property
    def is_up(self) -> bool:
        """Whether the management server takes its host for up."""
        return not self._faults.is_down(self._host.spec.name)

    def report(self) -> tuple[str, ...]:
        """The domains that run, as told with each ping. Raises HypervisorError."""
        self._reach("report")
        return self.hypervisor.domain_names()

    def runs(self, name: str) -> bool:
        return name in self.hypervisor.domain_names()

    def start(self, domain: Domain, hardware: Hardware) -> str:
        """Create and start the domain; returns the XML as given to libvirt. Raises HypervisorError."""
        self._reach("start", hardware.name)
        xml = for_these_hosts(domain_xml(domain, hardware), self._boot)
        try:
            self.hypervisor.start(xml)
        except HypervisorError as failure:
            # Source: LibvirtStartCommandWrapper.
            self._log.failed(f"LibvirtException {failure}")
            raise
        return xml

    def stop(self, name: str, *, seconds: float) -> None:
        """Press the power button and wait; a guest that is still up after `seconds` is destroyed."""
        self._reach("stop", name)
        if not self.runs(name):
            return
        self.hypervisor.press_power_button(name)
        try:
            wait_until(f"{name} to shut down", lambda: self.runs(name), lambda still_up: not still_up, seconds)
        except DeadlineExpired:
            self._destroy(name)

    def destroy(self, name: str) -> None:
        """Pull the plug; a domain that is already gone is fine."""
        self._reach("stop", name)
        self._destroy(name)

    def _destroy(self, name: str) -> None:
        try:
            self.hypervisor.destroy(name)
        except HypervisorError:
            # It may have ended by itself in the meantime; any other failure is one.
            if self.runs(name):
                raise

    def reboot(self, name: str) -> None:
        self._reach("reboot", name)
        self.hypervisor.reboot(name)

    def scale(self, order: scaling.ScaleOrder) -> str:
        """Scale a running domain. Raises ScaleFailedError."""
        name = order.machine.name

        def before_vcpus() -> None:
            if self._strikes(Point.VCPU, name):
                # QEMU's words where the machine has no CPU of this kind any more, or no room for one.
                raise HypervisorError("internal error: unable to execute QEMU command 'device_add': CPU is refused")

        try:
            self._reach("scale", name)
        except HypervisorError as failure:
            raise scaling.ScaleFailedError(str(failure)) from failure
        try:
            return scaling.scale(self.hypervisor, order, before_vcpus)
        except scaling.ScaleFailedError as failure:
            self._log.failed(str(failure))
            raise

    def migrate(self, name: str, destination: KvmAgent, *, shares: int, seconds: float) -> None:
        """Live-migrate a domain; its XML goes along but for the shares, which the destination computed.

        The VNC server has to listen on the destination's address. Quota, period, ceilings and all else are carried
        over. Source: LibvirtMigrateCommandWrapper.
        """
        self._reach("migrate", name)
        xml = _SHARES.sub(f"<shares>{shares}</shares>", self.hypervisor.migratable_xml(name), count=1)
        here, there = self.address, destination.address
        if here != there:
            xml = _GRAPHICS.sub(lambda found: found[0].replace(f"'{here}'", f"'{there}'"), xml)
        migrate = self.hypervisor.break_off if self._strikes(Point.MIGRATION, name) else self.hypervisor.migrate
        try:
            migrate(name, destination.hypervisor, xml, seconds)
        except HypervisorError as failure:
            # Source: LibvirtMigrateCommandWrapper.
            self._log.failed(f"Can't migrate domain [{name}] due to: [{failure}].")
            raise

    def _reach(self, command: str, name: str | None = None) -> None:
        """Raises HypervisorError where the command does not get here."""
        if self._strikes(Point.AGENT, name, command):
            # Source: AgentUnavailableException.
            host = self._host.spec.name
            raise HypervisorError(f"Resource [Host:{host}] is unreachable: Host {host}: its agent is disconnected")
        if name is not None:
            self._log.came(f"{command} {name}")

    def _strikes(self, point: Point, name: str | None, command: str = "") -> bool:
        host, instances = self._host.spec.name, [name] if name is not None else []
        return self._faults.strike(point, command=command, host=host, instances=instances) is not None
