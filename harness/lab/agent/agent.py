"""One host's agent: start, stop, reboot, scale and migrate the domains of that host."""

from __future__ import annotations

import re

from harness.lab.agent import scale as scaling
from harness.lab.agent.domain_xml import Hardware, domain_xml
from harness.lab.agent.hook import for_these_hosts
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.hypervisor import Hypervisor, HypervisorError, NodeInfo
from harness.reference.domain import Domain
from harness.waiting import DeadlineExpired, wait_until

_SHARES = re.compile(r"<shares>\d+</shares>")
_GRAPHICS = re.compile(r"<graphics\b.*?(?:/>|</graphics>)", re.DOTALL)


class KvmAgent:
    """The agent of one host. It keeps nothing of its own: what runs, libvirt knows. Safe to call from any thread."""

    def __init__(self, host: LabHost, boot: GuestBoot) -> None:
        self._host = host
        self._boot = boot

    @property
    def hypervisor(self) -> Hypervisor:
        return self._host.hypervisor

    @property
    def address(self) -> str:
        """Where the host is reached, and where its VNC servers listen."""
        return self._host.ssh.address

    def node_info(self) -> NodeInfo:
        return self.hypervisor.node_info()

    def runs(self, name: str) -> bool:
        return name in self.hypervisor.domain_names()

    def start(self, domain: Domain, hardware: Hardware) -> str:
        """Create and start the domain; returns the XML as given to libvirt. Raises HypervisorError."""
        xml = for_these_hosts(domain_xml(domain, hardware), self._boot)
        self.hypervisor.start(xml)
        return xml

    def stop(self, name: str, *, seconds: float) -> None:
        """Press the power button and wait; a guest that is still up after `seconds` is destroyed."""
        if not self.runs(name):
            return
        self.hypervisor.press_power_button(name)
        try:
            wait_until(f"{name} to shut down", lambda: self.runs(name), lambda still_up: not still_up, seconds)
        except DeadlineExpired:
            self.destroy(name)

    def destroy(self, name: str) -> None:
        """Pull the plug; a domain that is already gone is fine."""
        try:
            self.hypervisor.destroy(name)
        except HypervisorError:
            # It may have ended by itself in the meantime; any other failure is one.
            if self.runs(name):
                raise

    def reboot(self, name: str) -> None:
        self.hypervisor.reboot(name)

    def scale(self, order: scaling.ScaleOrder) -> str:
        """Scale a running domain. Raises ScaleFailedError."""
        return scaling.scale(self.hypervisor, order)

    def migrate(self, name: str, destination: KvmAgent, *, shares: int, seconds: float) -> None:
        """Live-migrate a domain; its XML goes along but for the shares, which the destination computed.

        The VNC server has to listen on the destination's address. Quota, period, ceilings and all else are carried
        over. Source: LibvirtMigrateCommandWrapper.
        """
        xml = _SHARES.sub(f"<shares>{shares}</shares>", self.hypervisor.migratable_xml(name), count=1)
        here, there = self.address, destination.address
        if here != there:
            xml = _GRAPHICS.sub(lambda found: found[0].replace(f"'{here}'", f"'{there}'"), xml)
        self.hypervisor.migrate(name, destination.hypervisor, xml, seconds)
