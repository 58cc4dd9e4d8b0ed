"""Faults of a KVM host: done to its own sshd, libvirtd and domains."""

from __future__ import annotations

from pathlib import Path

from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder, FaultRefusedError
from harness.lab.hypervisor import Hypervisor, HypervisorError
from harness.lab.kvm.host import KvmHost
from harness.lab.kvm.ssh_keys import make_ssh_key
from harness.waiting import wait_until

_CUT_SCRIPT = Path(__file__).with_name("ssh-cut.sh")
_STOPPED_SECONDS = 10.0
_CLOSED = frozenset({Fault.SSH_REFUSED, Fault.HOST_DOWN})
_SSH = _CLOSED | {Fault.SSH_HOST_KEY_CHANGED, Fault.SSH_CUT}


class KvmMeddling:
    """Implements `harness.lab.faults.registry.HostMeddling`; all it does lasts until it is ended."""

    def __init__(self, host: KvmHost, hypervisor: Hypervisor) -> None:
        self._host = host
        self._hypervisor = hypervisor
        self._in_force: dict[Fault, FaultOrder] = {}

    def begin(self, order: FaultOrder) -> bool:
        name = self._host.files.spec.name
        if order.is_choosy:
            raise FaultRefusedError(
                f"{order.kind}: on {name}, a KVM host, it is in force until it is cleared; nth, times and probability "
                "are for simulated hosts"
            )
        if order.kind in self._in_force:
            raise FaultRefusedError(f"{order.kind}: it is armed for {name} already; clear it first")
        self._in_force[order.kind] = order
        try:
            self._make_true(order)
        except BaseException:
            self._in_force.pop(order.kind)
            raise
        return True

    def _make_true(self, order: FaultOrder) -> None:
        if order.kind is Fault.HOST_DOWN:
            for domain in self._hypervisor.domain_names():
                self._hypervisor.destroy(domain)
        if order.kind is Fault.LIBVIRTD_RESTARTED:
            self._host.order("stop-libvirtd")
        elif order.kind is Fault.SSH_HANGING:
            self._host.order("freeze-sshd")
        elif order.kind in _SSH:
            self._restart_sshd()

    def end(self, order: FaultOrder) -> None:
        if self._in_force.pop(order.kind, None) is None:
            return
        if order.kind is Fault.LIBVIRTD_RESTARTED:
            self._host.order("start-libvirtd")
            wait_until(f"libvirtd of {order.host}", self._libvirtd_answers, bool, _STOPPED_SECONDS)
        elif order.kind is Fault.SSH_HANGING:
            self._host.order("thaw-sshd")
        elif order.kind in _SSH:
            self._restart_sshd()

    def _libvirtd_answers(self) -> bool:
        try:
            self._hypervisor.domain_names()
        except HypervisorError:
            return False
        return True

    def _restart_sshd(self) -> None:
        """End sshd and its connections; start it as what is in force has it, if it is to run at all."""
        files = self._host.files
        self._host.order("stop-sshd")
        wait_until(f"sshd of {files.spec.name} to end", self._ssh_is_refused, bool, _STOPPED_SECONDS)
        if _CLOSED & self._in_force.keys():
            return
        cut = self._in_force.get(Fault.SSH_CUT)
        forced = None
        if cut is not None:
            script = files.folder / _CUT_SCRIPT.name
            script.write_text(_CUT_SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
            forced = f'sh "{script}" {int(cut.option("size"))}'
        key = self._other_key() if Fault.SSH_HOST_KEY_CHANGED in self._in_force else None
        config = files.sshd_config(host_key=key, forced_command=forced)
        (files.folder / "sshd_config").write_text(config, encoding="utf-8")
        self._host.order("start-sshd")
        self._host.wait_for_sshd()
        if Fault.SSH_HANGING in self._in_force:
            self._host.order("freeze-sshd")

    def _ssh_is_refused(self) -> bool:
        try:
            self._host.ssh_greeting()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False

    def _other_key(self) -> Path:
        key = self._host.files.folder / "ssh_host_other_key"
        if not key.exists():
            make_ssh_key(key)
        return key
