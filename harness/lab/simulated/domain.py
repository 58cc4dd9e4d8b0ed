"""One running simulated domain: what hot-plug and tuning do to it, and what libvirt refuses."""

from __future__ import annotations

import time
from dataclasses import replace
from xml.etree import ElementTree

from harness.lab.hypervisor import HypervisorError
from harness.lab.simulated import ranges
from harness.lab.simulated.definition import Definition, parse_xml
from harness.lab.simulated.guest import Dimm, agent_answers
from harness.lab.simulated.load import Cap, GuestLoad, uptime

_GIB = 1024 * 1024 * 1024
_DIMM_QUANTUM_KIB = 1024
_BACKEND_QUANTUM_KIB = 2048
# i440fx: memory up to here stays below 4 GiB, a larger one is split there (hw/i386/pc_piix.c).
_LOW_MEMORY_LIMIT = 0xE0000000
_LOW_MEMORY_SPLIT = 0xC0000000

_GROUPS = ("emulator", "global", "iothread")


class SimulatedDomain:
    """The state of one domain. Not locked: its hypervisor serialises the calls.

    `number` and `pid` are libvirt's domain id and the QEMU process id on the host where it runs now; `revision`
    changes with every change of state. It `took_over` where it came by a migration.
    """

    def __init__(self, definition: Definition, number: int, pid: int, cgroup_version: int) -> None:
        self.definition = definition
        self.number = number
        self.pid = pid
        self.cgroup_version = cgroup_version
        self.revision = 0
        # Seconds since 1970: its start, or its arrival by a migration.
        self.since = time.time()
        self.vcpus = definition.vcpus
        self.dimms: list[Dimm] = []
        # What the live XML shows: only what was once set.
        self.shares = definition.shares
        self.period_us = definition.period_us
        self.quota_us = definition.quota_us or None
        self.load = GuestLoad()
        self.took_over = False
        # None: follows the XML (an agent answers when there is a channel for it).
        self.agent_answering: bool | None = None

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def memory_kib(self) -> int:
        """Boot memory and all DIMMs: `<memory>`, and `<currentMemory>` too, for the balloon is never inflated."""
        return self.definition.memory_kib + sum(dimm.size_kib for dimm in self.dimms)

    @property
    def effective_shares(self) -> int:
        """cpu.shares or cpu.weight of the domain's group."""
        return ranges.default_shares(self.cgroup_version) if self.shares is None else self.shares

    @property
    def effective_period_us(self) -> int:
        """cpu.cfs_period_us of each vCPU's group."""
        return self.period_us or ranges.DEFAULT_PERIOD_US

    @property
    def effective_quota_us(self) -> int:
        """cpu.cfs_quota_us of each vCPU's group, -1 for unlimited.

        On version 2 libvirt writes `max` for its own maximum as well (virCgroupV2SetCpuCfsQuota).
        """
        quota = ranges.UNLIMITED if self.quota_us is None or self.quota_us < 0 else self.quota_us
        if self.cgroup_version == 2 and quota == ranges.QUOTA_US[1]:
            return ranges.UNLIMITED
        return quota

    def scheduler_parameters(self) -> dict[str, int]:
        """As virDomainGetSchedulerParameters lists them."""
        # On version 2 libvirt reads `max` back as its own maximum (virCgroupV2GetCpuCfsQuota).
        unlimited = ranges.QUOTA_US[1] if self.cgroup_version == 2 else ranges.UNLIMITED
        quota = self.effective_quota_us
        values = {
            "cpu_shares": self.effective_shares,
            "vcpu_period": self.effective_period_us,
            "vcpu_quota": unlimited if quota == ranges.UNLIMITED else quota,
        }
        for group in _GROUPS:
            values[f"{group}_period"] = ranges.DEFAULT_PERIOD_US
            values[f"{group}_quota"] = unlimited
        return values

    def set_scheduler_parameter(self, name: str, value: int) -> None:
        """Set one value; 0 for period or quota is taken and changes nothing.

        Raises:
            HypervisorError: out of range, or no such parameter.
        """
        ranges.check_parameter(name, value, self.cgroup_version)
        self.account()
        if name == "cpu_shares":
            self.shares = value
        elif name == "vcpu_period" and value:
            self.period_us = value
        elif name == "vcpu_quota" and value:
            self.quota_us = value
        self.revision += 1

    def set_vcpus(self, count: int) -> None:
        """Hot-plug vCPUs.

        Raises:
            HypervisorError: none, more than the maximum, or fewer than at boot (those cannot be unplugged).
        """
        if count < 1:
            raise HypervisorError("nvcpus in virDomainSetVcpusFlags must not be zero")
        most = self.definition.max_vcpus
        if count > most:
            raise HypervisorError(
                "invalid argument: requested vcpus is greater than max allowable vcpus for the live domain: "
                f"{count} > {most}"
            )
        if count < self.definition.vcpus:
            raise HypervisorError(
                "unsupported configuration: failed to find appropriate hotpluggable vcpus to reach the desired "
                "target vcpu count"
            )
        self.account()
        self.vcpus = count
        self.revision += 1

    def attach(self, device_xml: str) -> None:
        """Hot-plug a DIMM, in the order of checks of libvirt 9.0 and QEMU 7.2.

        Raises:
            HypervisorError: another device than a DIMM, no NUMA, no maxMemory, too large, no slot, odd size.
        """
        device = parse_xml(device_xml)
        if device.tag != "memory" or device.get("model") != "dimm":
            raise HypervisorError(f"Operation not supported: live attach of device '{device.tag}' is not supported")
        # libvirt rounds up to MiB, QEMU wants 2 MiB.
        size = -(-_dimm_kib(device) // _DIMM_QUANTUM_KIB) * _DIMM_QUANTUM_KIB
        node = int(device.findtext("target/node", "0"))
        limit = self.definition.max_memory_kib
        cells = len(self.definition.numa)
        if not cells:
            raise HypervisorError("can't add memory backend as guest has no NUMA nodes configured")
        if limit is None:
            raise HypervisorError(
                "unsupported configuration: cannot use/hotplug a memory device when domain 'maxMemory' is not defined"
            )
        if len(self.dimms) >= self.definition.memory_slots:
            raise HypervisorError(
                f"unsupported configuration: memory device count '{len(self.dimms) + 1}' exceeds slots count "
                f"'{self.definition.memory_slots}'"
            )
        if self.memory_kib + size > limit:
            raise HypervisorError(
                f"unsupported configuration: Attaching memory device with size '{size}' would exceed domain's "
                f"maxMemory config size '{limit}'"
            )
        if node >= cells:
            raise HypervisorError(
                f"can't add memory backend for guest node '{node}' as the guest has only '{cells}' NUMA nodes "
                "configured"
            )
        if size == 0:
            raise HypervisorError(
                "internal error: unable to execute QEMU command 'object-add': property 'size' of memory-backend-ram "
                "doesn't take value '0'"
            )
        if size % _BACKEND_QUANTUM_KIB:
            raise HypervisorError(
                "internal error: unable to execute QEMU command 'device_add': backend memory size must be multiple "
                "of 0x200000"
            )
        self.dimms.append(Dimm(slot=len(self.dimms), base=self._next_base(), size_kib=size))
        self.revision += 1

    @property
    def cap(self) -> Cap:
        """What each vCPU may use."""
        quota, period = self.effective_quota_us, self.effective_period_us
        return Cap(1.0 if quota == ranges.UNLIMITED else min(1.0, quota / period), period / 1e6)

    def burn(self, since: float, seconds: float) -> None:
        """A program of the guest keeps a vCPU busy, since a moment of the host's uptime."""
        self.load.begin(since, seconds, self.vcpus, self.cap)

    def account(self) -> None:
        """Count what busy programs used up to now."""
        self.load.account(uptime(), self.vcpus, self.cap)

    def guest_answers(self) -> dict[str, str] | None:
        """What the guest agent answers by command, or None when it is not connected."""
        answering = self.definition.has_guest_agent if self.agent_answering is None else self.agent_answering
        return agent_answers(self.vcpus, self.definition.memory_kib, self.dimms) if answering else None

    def arrived(self, number: int, pid: int, cgroup_version: int, tuned: Definition) -> SimulatedDomain:
        """This domain as it runs on after a migration, with the tuning that the migration's XML carries."""
        kept = replace(self.definition, shares=tuned.shares, period_us=tuned.period_us, quota_us=tuned.quota_us)
        domain = SimulatedDomain(kept, number, pid, cgroup_version)
        domain.vcpus = self.vcpus
        domain.dimms = list(self.dimms)
        domain.agent_answering = self.agent_answering
        domain.load = self.load
        domain.took_over = True
        return domain

    def _next_base(self) -> int:
        if self.dimms:
            last = self.dimms[-1]
            return last.base + last.size_kib * 1024
        boot = self.definition.memory_kib * 1024
        above = boot - _LOW_MEMORY_SPLIT if boot > _LOW_MEMORY_LIMIT else 0
        return -(-(4 * _GIB + above) // _GIB) * _GIB


def _dimm_kib(device: ElementTree.Element) -> int:
    size = device.find("target/size")
    if size is None or not (size.text or "").strip().isdecimal():
        raise HypervisorError("XML error: missing size of memory device")
    per_unit = {"KiB": 1, "MiB": 1024, "GiB": 1024 * 1024}
    return int(size.text or "0") * per_unit[size.get("unit", "KiB")]
