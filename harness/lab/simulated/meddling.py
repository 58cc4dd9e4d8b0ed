"""Faults of a simulated host that are no answer to a call: its SSH port, host key, libvirtd and power."""

from __future__ import annotations

from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.simulated.ssh_keys import new_key
from harness.lab.simulated.ssh_server import SshServer


class SimulatedMeddling:
    """Implements `harness.lab.faults.registry.HostMeddling`. What strikes SSH commands, the server asks for itself."""

    def __init__(self, hypervisor: SimulatedHypervisor, server: SshServer) -> None:
        self._hypervisor = hypervisor
        self._server = server
        self._own_key = server.host_key
        # Several conditions may want the same port closed, or the same libvirtd away.
        self._ssh_closed: set[Fault] = set()
        self._libvirtd_away: set[Fault] = set()

    def begin(self, order: FaultOrder) -> bool:
        match order.kind:
            case Fault.SSH_HOST_KEY_CHANGED:
                self._server.host_key = new_key()
                self._server.hang_up()
            case Fault.LIBVIRTD_RESTARTED:
                self._take_libvirtd(order.kind)
            case Fault.SSH_REFUSED:
                self._close_ssh(order.kind)
            case Fault.HOST_DOWN:
                self._hypervisor.close()
                self._take_libvirtd(order.kind)
                self._close_ssh(order.kind)
        return order.entry.is_condition

    def end(self, order: FaultOrder) -> None:
        match order.kind:
            case Fault.SSH_HOST_KEY_CHANGED:
                self._server.host_key = self._own_key
                self._server.hang_up()
            case Fault.LIBVIRTD_RESTARTED | Fault.SSH_REFUSED | Fault.HOST_DOWN:
                self._libvirtd_away.discard(order.kind)
                self._hypervisor.libvirtd_answers = not self._libvirtd_away
                if order.kind in self._ssh_closed:
                    self._ssh_closed.remove(order.kind)
                    if not self._ssh_closed:
                        self._server.start()

    def _take_libvirtd(self, why: Fault) -> None:
        self._libvirtd_away.add(why)
        self._hypervisor.libvirtd_answers = False

    def _close_ssh(self, why: Fault) -> None:
        if not self._ssh_closed:
            self._server.stop()
        self._ssh_closed.add(why)
