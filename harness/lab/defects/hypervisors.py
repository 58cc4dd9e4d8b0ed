"""A host's libvirt as a defect lets the agent see it: everything passes through but what a subclass changes."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.lab.hypervisor import Hypervisor, HypervisorError, NodeInfo

_DIMM_KIB = re.compile(r"(<size unit='KiB'>)(\d+)(</size>)")


class PassingHypervisor:
    """Implements Hypervisor by another one."""

    def __init__(self, inner: Hypervisor) -> None:
        self.inner = inner
        self.name = inner.name

    def node_info(self) -> NodeInfo:
        return self.inner.node_info()

    def domain_names(self) -> tuple[str, ...]:
        return self.inner.domain_names()

    def start(self, domain_xml: str) -> None:
        self.inner.start(domain_xml)

    def dump_xml(self, domain: str) -> str:
        return self.inner.dump_xml(domain)

    def migratable_xml(self, domain: str) -> str:
        return self.inner.migratable_xml(domain)

    def press_power_button(self, domain: str) -> None:
        self.inner.press_power_button(domain)

    def reboot(self, domain: str) -> None:
        self.inner.reboot(domain)

    def destroy(self, domain: str) -> None:
        self.inner.destroy(domain)

    def max_memory_kib(self, domain: str) -> int:
        return self.inner.max_memory_kib(domain)

    def running_vcpus(self, domain: str) -> int:
        return self.inner.running_vcpus(domain)

    def attach_device(self, domain: str, device_xml: str) -> None:
        self.inner.attach_device(domain, device_xml)

    def set_vcpus(self, domain: str, count: int) -> None:
        self.inner.set_vcpus(domain, count)

    def scheduler_parameters(self, domain: str) -> dict[str, int]:
        return self.inner.scheduler_parameters(domain)

    def set_scheduler_parameter(self, domain: str, name: str, value: int) -> None:
        self.inner.set_scheduler_parameter(domain, name, value)

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        self.inner.migrate(domain, _real(destination), domain_xml, seconds)

    def break_off(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        self.inner.break_off(domain, _real(destination), domain_xml, seconds)

    def close(self) -> None:
        self.inner.close()


def _real(hypervisor: Hypervisor) -> Hypervisor:
    return hypervisor.inner if isinstance(hypervisor, PassingHypervisor) else hypervisor


Wrapper = Callable[[Hypervisor], Hypervisor]


def starting(change: Callable[[str], str]) -> Wrapper:
    """Domains start from other XML."""

    class Starting(PassingHypervisor):
        def start(self, domain_xml: str) -> None:
            self.inner.start(change(domain_xml))

    return Starting


def tuning(change: Callable[[dict[str, int], str, int], int | None]) -> Wrapper:
    """A scheduler parameter is set otherwise (None: not at all), given those that are there, its name and value."""

    class Tuning(PassingHypervisor):
        def set_scheduler_parameter(self, domain: str, name: str, value: int) -> None:
            changed = change(self.inner.scheduler_parameters(domain), name, value)
            if changed is not None:
                self.inner.set_scheduler_parameter(domain, name, changed)

    return Tuning


def attaching(sizes_kib: Callable[[int, int], tuple[int, ...]]) -> Wrapper:
    """DIMMs of other sizes are attached, given the one asked for and the domain's memory before."""

    class Attaching(PassingHypervisor):
        def attach_device(self, domain: str, device_xml: str) -> None:
            found = _DIMM_KIB.search(device_xml)
            asked = int(found[2]) if found else 0
            for size_kib in sizes_kib(asked, self.inner.max_memory_kib(domain)):
                other = _DIMM_KIB.sub(rf"\g<1>{size_kib}\g<3>", device_xml)
                self.inner.attach_device(domain, other)

    return Attaching


def plugging(count: Callable[[int, int], int | None]) -> Wrapper:
    """Another number of vCPUs is set (None: none), given the one asked for and the one before."""

    class Plugging(PassingHypervisor):
        def set_vcpus(self, domain: str, asked: int) -> None:
            number = count(asked, self.inner.running_vcpus(domain))
            if number is not None:
                self.inner.set_vcpus(domain, number)

    return Plugging


class Restarting(PassingHypervisor):
    """vCPUs are set by ending the domain and starting another one."""

    def set_vcpus(self, domain: str, count: int) -> None:
        xml = self.inner.dump_xml(domain)
        self.inner.destroy(domain)
        self.inner.start(re.sub(r"(<vcpu[^>]*current=')\d+", rf"\g<1>{count}", xml))


class RestartingForMemory(PassingHypervisor):
    """Memory is plugged in once the domain was ended and started anew."""

    def attach_device(self, domain: str, device_xml: str) -> None:
        xml = self.inner.dump_xml(domain)
        self.inner.destroy(domain)
        self.inner.start(xml)
        self.inner.attach_device(domain, device_xml)


class _TellingLater(PassingHypervisor):
    """A DIMM that libvirt refuses is told of in a later step, which subclasses say."""

    def __init__(self, inner: Hypervisor) -> None:
        super().__init__(inner)
        self._failures: dict[str, HypervisorError] = {}

    def attach_device(self, domain: str, device_xml: str) -> None:
        try:
            self.inner.attach_device(domain, device_xml)
        except HypervisorError as failure:
            self._failures[domain] = failure


class GoingOn(_TellingLater):
    """A DIMM that libvirt refuses is told of when shares are to be set, the step after the vCPUs."""

    def scheduler_parameters(self, domain: str) -> dict[str, int]:
        if domain in self._failures:
            raise self._failures.pop(domain)
        return self.inner.scheduler_parameters(domain)


class TuningFirst(_TellingLater):
    """A DIMM that libvirt refuses is told of when shares, period and quota are set, and vCPUs are left alone."""

    def set_vcpus(self, domain: str, count: int) -> None:
        if domain not in self._failures:
            self.inner.set_vcpus(domain, count)

    def set_scheduler_parameter(self, domain: str, name: str, value: int) -> None:
        self.inner.set_scheduler_parameter(domain, name, value)
        if name == "vcpu_quota" and domain in self._failures:
            raise self._failures.pop(domain)


class Forgiving(PassingHypervisor):
    """A DIMM that libvirt refuses is none the worse for it."""

    def attach_device(self, domain: str, device_xml: str) -> None:
        if not _refused(lambda: self.inner.attach_device(domain, device_xml)):
            return


class Reluctant(PassingHypervisor):
    """vCPUs that libvirt refuses are none the worse for it."""

    def set_vcpus(self, domain: str, count: int) -> None:
        if not _refused(lambda: self.inner.set_vcpus(domain, count)):
            return


def _refused(act: Callable[[], None]) -> bool:
    try:
        act()
    except HypervisorError:
        return True
    return False


class MigratingFresh(PassingHypervisor):
    """A migration takes the tuning of the domain's definition along and not the live one."""

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        bare = re.sub(r"\s*<(quota|period)>\d+</\1>", "", domain_xml)
        self.inner.migrate(domain, _real(destination), bare, seconds)


class MigratingCold(PassingHypervisor):
    """The domain is ended here and started there."""

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:  # noqa: ARG002
        self.inner.destroy(domain)
        _real(destination).start(domain_xml)


class Lingering(PassingHypervisor):
    """What ran on the host it left runs on there as well."""

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        xml = self.inner.dump_xml(domain)
        self.inner.migrate(domain, _real(destination), domain_xml, seconds)
        self.inner.start(xml)
