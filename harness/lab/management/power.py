"""Power states: domains that ended by themselves are found when somebody looks, and their instances are stopped."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from threading import Lock

from harness.lab.hypervisor import HypervisorError
from harness.lab.management import lifecycle
from harness.lab.management.cloud import Cloud
from harness.lab.management.model import InstanceRecord, State

_log = logging.getLogger(__name__)
# A host that does not answer must not hold up whoever looks.
_SECONDS = 1.0


class PowerWatch:
    """Asks hosts for their domains, one look at a time; safe to call from any thread.

    A domain has ended when it was missing twice, a ping interval apart. There the agents report, here they are asked.
    Source: VirtualMachinePowerStateSyncImpl.processReport,
    VirtualMachineManagerImpl.handlePowerOffReportWithNoPendingJobsOnVM.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._guard = Lock()
        self._looking: Future[None] | None = None
        self._asked = self._cloud.state.clock.monotonic()
        self._missing: list[InstanceRecord] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-power")

    def look(self) -> None:
        """Bring what the books say of running instances up to date, but do not wait for a host that hangs."""
        with self._guard:
            if self._looking is not None and not self._looking.done():
                return
            if self._cloud.state.clock.monotonic() - self._asked < self._cloud.patience.ping_seconds:
                return
            self._asked = self._cloud.state.clock.monotonic()
            looking = self._looking = self._thread.submit(self._look)
        try:
            looking.result(_SECONDS)
        except NotYetError:
            _log.warning("a host does not tell its domains")

    def shut_down(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _look(self) -> None:
        by_host: dict[str, list[InstanceRecord]] = {}
        with self._cloud.state.lock:
            for instance in self._cloud.state.instances.values():
                if instance.state is State.RUNNING and instance.host_id is not None:
                    by_host.setdefault(instance.host_id, []).append(instance)
        missed_before, self._missing = self._missing, []
        for host_id, believed in by_host.items():
            try:
                there = set(self._cloud.agents[host_id].report())
            except HypervisorError as failure:
                # A host that cannot be asked has told nothing.
                _log.warning("%s", failure)
                continue
            for instance in believed:
                if instance.instance_name in there:
                    continue
                self._missing.append(instance)
                # Records are replaced when they change: this one is the one that was missed.
                if any(instance is missed for missed in missed_before):
                    self._ended(instance)

    def _ended(self, instance: InstanceRecord) -> None:
        """Believe it only if nothing was done with the instance since the hosts were asked, nor is being done."""
        state = self._cloud.state
        with state.lock:
            if state.instances.get(instance.id) is not instance or self._cloud.jobs.is_busy(instance.id):
                return
            lifecycle.settle_stopped(self._cloud, instance)
        _log.info("%s is powered off", instance.instance_name)
        self._cloud.note("VM.STOP", "Out of band VM power off", instance, state.system)
        state.alerts.raise_alert("ALERT.TYPE.SYNC", "VM state sync alert")
