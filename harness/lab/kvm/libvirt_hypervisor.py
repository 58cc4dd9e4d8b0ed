"""A host's hypervisor through libvirt-python, over the UNIX socket of the host's own libvirtd."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from harness.lab.hypervisor import Hypervisor, HypervisorError, NodeInfo
from harness.lab.kvm.libvirt_binding import libvirt
from harness.lab.kvm.saved_boots import SavedBoots

# How long an aborted migration may take to end before its thread is left to itself.
ABORT_SECONDS = 5.0
# How a migration is made to fail half-way.
_CRAWL_MIB_PER_SECOND, _HALF_WAY_SECONDS = 1, 1.0


class LibvirtHypervisor:
    """Implements `harness.lab.hypervisor.Hypervisor`; connects at first use and again after libvirtd was restarted."""

    def __init__(self, name: str, uri: str, address: str, cgroup_version: int, boots: SavedBoots | None = None) -> None:
        """Where there are `boots`, they start the guests."""
        self.name = name
        self.uri = uri
        self.address = address
        self._cgroup_version = cgroup_version
        self._boots = boots
        self._lock = threading.Lock()
        self._connection: Any = None

    def node_info(self) -> NodeInfo:
        with self._connected() as connection:
            _, memory_mib, cpus, speed_mhz, *_ = connection.getInfo()
            return NodeInfo(int(cpus), int(speed_mhz), int(memory_mib) * 1024, self._cgroup_version)

    def domain_names(self) -> tuple[str, ...]:
        with self._connected() as connection:
            return tuple(sorted(str(domain.name()) for domain in connection.listAllDomains()))

    def start(self, domain_xml: str) -> None:
        with self._connected() as connection:
            if self._boots is not None:
                self._boots.start(connection, domain_xml)
            else:
                connection.createXML(domain_xml)

    def dump_xml(self, domain: str) -> str:
        with self._domain(domain) as found:
            return str(found.XMLDesc())

    def migratable_xml(self, domain: str) -> str:
        with self._domain(domain) as found:
            # The plain dump holds what QEMU made of the CPU, and is refused as the XML of a migration.
            return str(found.XMLDesc(libvirt().VIR_DOMAIN_XML_MIGRATABLE))

    def press_power_button(self, domain: str) -> None:
        with self._domain(domain) as found:
            found.shutdownFlags(libvirt().VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)

    def reboot(self, domain: str) -> None:
        with self._domain(domain) as found:
            found.reboot(libvirt().VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)

    def destroy(self, domain: str) -> None:
        with self._domain(domain) as found:
            found.destroy()

    def max_memory_kib(self, domain: str) -> int:
        with self._domain(domain) as found:
            return int(found.maxMemory())

    def running_vcpus(self, domain: str) -> int:
        with self._domain(domain) as found:
            running = libvirt().VIR_VCPU_RUNNING
            return sum(1 for _, state, *_ in found.vcpus()[0] if state == running)

    def attach_device(self, domain: str, device_xml: str) -> None:
        with self._domain(domain) as found:
            found.attachDeviceFlags(device_xml, libvirt().VIR_DOMAIN_AFFECT_LIVE)

    def set_vcpus(self, domain: str, count: int) -> None:
        with self._domain(domain) as found:
            found.setVcpusFlags(count, libvirt().VIR_DOMAIN_AFFECT_LIVE)

    def scheduler_parameters(self, domain: str) -> dict[str, int]:
        with self._domain(domain) as found:
            parameters = found.schedulerParametersFlags(libvirt().VIR_DOMAIN_AFFECT_LIVE)
            return {str(name): int(value) for name, value in parameters.items()}

    def set_scheduler_parameter(self, domain: str, name: str, value: int) -> None:
        with self._domain(domain) as found:
            found.setSchedulerParametersFlags({name: value}, libvirt().VIR_DOMAIN_AFFECT_LIVE)

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        """Migrate live, driven from here over both connections as CloudStack's agent does it."""
        if not isinstance(destination, LibvirtHypervisor):
            raise HypervisorError(f"{self.name}: {destination.name} is not a host of this kind")
        names = libvirt()
        # The hosts share their disks' folder, which libvirt cannot know of a local file system; hence UNSAFE.
        flags = names.VIR_MIGRATE_LIVE | names.VIR_MIGRATE_UNSAFE
        parameters = {
            names.VIR_MIGRATE_PARAM_URI: f"tcp:{destination.address}",
            names.VIR_MIGRATE_PARAM_DEST_XML: domain_xml,
        }
        with self._domain(domain) as found, destination._connected() as there:
            failure = _run_within(seconds, lambda: found.migrate3(there, parameters, flags), found.abortJob)
        if failure is not None:
            raise HypervisorError(f"migration of {domain} from {self.name} to {destination.name}: {failure}")

    def break_off(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        with self._domain(domain) as found:
            usual = found.migrateGetMaxSpeed()
            # So slow that it cannot be through before it is aborted; a new migration begins with this speed.
            found.migrateSetMaxSpeed(_CRAWL_MIB_PER_SECOND)
        try:
            self.migrate(domain, destination, domain_xml, min(seconds, _HALF_WAY_SECONDS))
        finally:
            with self._domain(domain) as found:
                found.migrateSetMaxSpeed(usual)
        raise HypervisorError(f"migration of {domain} from {self.name} to {destination.name} was to fail and did not")

    def close(self) -> None:
        with self._lock, contextlib.suppress(libvirt().libvirtError):
            if self._connection is not None:
                self._connection.close()
        self._connection = None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        error_type = libvirt().libvirtError
        try:
            yield self._live_connection(error_type)
        except error_type as error:
            raise HypervisorError(str(error)) from error

    @contextlib.contextmanager
    def _domain(self, name: str) -> Iterator[Any]:
        with self._connected() as connection:
            yield connection.lookupByName(name)

    def _live_connection(self, error_type: type[Exception]) -> Any:
        with self._lock:
            if self._connection is not None:
                try:
                    # The cheapest question that goes to libvirtd: a restarted one has hung up on us.
                    self._connection.getLibVersion()
                except error_type:
                    self._connection = None
            if self._connection is None:
                self._connection = libvirt().open(self.uri)
            return self._connection


def _run_within(seconds: float, action: Callable[[], object], abort: Callable[[], object]) -> str | None:
    """Run a blocking libvirt call against a deadline; returns what went wrong, if anything.

    The call runs in a thread of its own because a QEMU that hangs would hold it for good, even when aborted.
    """
    error_type: type[Exception] = libvirt().libvirtError
    outcome: list[Exception] = []

    def act() -> None:
        try:
            action()
        except error_type as error:
            outcome.append(error)

    worker = threading.Thread(target=act, name="migration", daemon=True)
    worker.start()
    worker.join(seconds)
    expired = worker.is_alive()
    if expired:
        with contextlib.suppress(error_type):
            abort()
        worker.join(ABORT_SECONDS)
        if worker.is_alive():
            return f"gave up after {seconds:g} s, and QEMU does not let go of it"
    if not outcome:
        return None
    return f"gave up after {seconds:g} s" if expired else str(outcome[0])
