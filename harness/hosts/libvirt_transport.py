"""Looks into a host through libvirt-python, for hosts whose libvirtd can be reached but whose shell cannot."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from harness.hosts.access import HostAccess
from harness.hosts.cpu_use import BURN_REQUEST, STATUS_REQUEST, CpuUse, read_begun, read_status
from harness.hosts.domain_xml import MalformedDomainXml, read_domain
from harness.hosts.failures import CommandTimedOut, LibvirtFailed, LibvirtPythonMissing
from harness.hosts.guest_agent import BLOCK_INFO, BLOCKS, CPUS, read_guest
from harness.hosts.observation import (
    Absent,
    DomainView,
    GuestView,
    HostFacts,
    NotSeen,
    Observation,
    SchedulerView,
    VcpuCounts,
)

T = TypeVar("T")


class LibvirtHostView:
    """A HostView by libvirt's remote protocol; cgroup files stay NotSeen, because libvirt does not tell them."""

    transport = "libvirt"

    def __init__(self, access: HostAccess) -> None:
        self.host = access.name
        self.overcome: list[str] = []
        self._access = access
        self._uri = access.libvirt_uri.format(address=access.address, user=access.user)
        self._connection: Any = None
        self._lock = threading.Lock()
        try:
            self._libvirt: Any = importlib.import_module("libvirt")
            self._libvirt_qemu: Any = importlib.import_module("libvirt_qemu")
        except ImportError as missing:
            raise LibvirtPythonMissing from missing
        # Without a handler libvirt prints every error to stderr, before it is raised.
        self._libvirt.registerErrorHandler(_say_nothing, None)

    def observe(self, instance_name: str, wait_s: int = 0) -> Observation:  # noqa: ARG002 - asks once
        """All parts over one connection.

        Raises:
            HostFailure: the host cannot be looked into.
        """
        return self._bounded("the look", lambda: self._observe(instance_name))

    def guest(self, instance_name: str, wait_s: int = 0) -> GuestView | NotSeen:  # noqa: ARG002 - asks once
        """The guest agent's part only; same errors as `observe`."""

        def look() -> GuestView | NotSeen:
            domain = self._find(instance_name)
            return NotSeen("no such domain on this host") if domain is None else self._guest(domain)

        return self._bounded("the guest look", look)

    def burn_cpu(self, instance_name: str, seconds: int) -> int | NotSeen:
        """Ask the guest agent to run a loop; same errors as `observe`."""
        return read_begun(self._asked(instance_name, BURN_REQUEST % seconds))

    def not_burning(self, instance_name: str, pid: int) -> NotSeen | None:
        """Ask the guest agent for it; same errors as `observe`."""
        return read_status(self._asked(instance_name, STATUS_REQUEST % pid))

    def _asked(self, instance_name: str, request: str) -> str | NotSeen:
        def ask() -> str | NotSeen:
            domain = self._find(instance_name)
            if domain is None:
                return NotSeen("no such domain on this host")
            return self._agent(domain, request, self._access.program_patience_s)

        return self._bounded("the question to the guest agent", ask)

    def cpu_use(self, instance_name: str) -> CpuUse | NotSeen:
        """By libvirt's vCPU times and this machine's clock; libvirt does not tell of throttling."""

        def look() -> CpuUse | NotSeen:
            domain = self._find(instance_name)
            if domain is None:
                return NotSeen("no such domain on this host")
            asked_s = time.monotonic()
            times, _ = domain.vcpus()
            used_s = {number: ns / 1e9 for number, _, ns, _ in times}
            return CpuUse(asked_s, used_s, None, time.monotonic() - asked_s)

        return self._bounded("the look at CPU times", look)

    def facts(self) -> HostFacts:
        """What the host says of itself; the kernel is not known, the cgroup version comes from the configuration.

        Raises:
            HostFailure: the host cannot be looked into, or `cgroup_version` is not configured for it.
        """
        version = self._access.cgroup_version
        if version is None:
            raise LibvirtFailed(
                self._access,
                "libvirt does not tell the cgroup version; set cgroup_version (1 or 2) or use the ssh transport",
            )

        def look() -> HostFacts:
            connection = self._connected()
            _model, memory_mib, cpus, speed_mhz, *_rest = connection.getInfo()
            return HostFacts(
                host=self.host,
                cpus=cpus,
                speed_mhz=speed_mhz,
                memory_kib=memory_mib * 1024,
                cgroup_version=version,
                libvirt=_dotted(connection.getLibVersion()),
                qemu=_dotted(connection.getVersion()),
                kernel="unknown to libvirt",
            )

        return self._bounded("the facts look", look)

    def domain_names(self) -> tuple[str, ...]:
        """Active domains, sorted."""

        def look() -> tuple[str, ...]:
            active = self._connected().listAllDomains(self._libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            return tuple(sorted(domain.name() for domain in active))

        return self._bounded("the list of domains", look)

    def close(self) -> None:
        """End the connection; a later look connects again."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except self._libvirt.libvirtError:
                # It is gone either way: libvirtd ended first.
                return

    def _observe(self, instance_name: str) -> Observation:
        domain = self._find(instance_name)
        if domain is None:
            nothing = NotSeen("no such domain on this host")
            return Observation(instance_name, self.host, self.transport, Absent(), nothing, nothing, nothing, nothing)
        return Observation(
            instance_name=instance_name,
            host=self.host,
            transport=self.transport,
            domain=self._domain(domain),
            scheduler=self._scheduler(domain),
            cgroup=NotSeen("libvirt does not tell cgroup files; use the ssh transport"),
            vcpus=self._vcpus(domain),
            guest=self._guest(domain),
        )

    def _find(self, instance_name: str) -> Any:
        try:
            return self._connected().lookupByName(instance_name)
        except self._libvirt.libvirtError as failure:
            if failure.get_error_code() == self._libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _domain(self, domain: Any) -> DomainView | Absent | NotSeen:
        try:
            if not domain.isActive():
                return NotSeen("the domain is defined on this host but not running")
            return read_domain(domain.XMLDesc(0))
        except MalformedDomainXml as malformed:
            return NotSeen(str(malformed))
        except self._libvirt.libvirtError as failure:
            return Absent() if failure.get_error_code() == self._libvirt.VIR_ERR_NO_DOMAIN else NotSeen(str(failure))

    def _scheduler(self, domain: Any) -> SchedulerView | NotSeen:
        try:
            values = domain.schedulerParameters()
        except self._libvirt.libvirtError as failure:
            return NotSeen(str(failure))
        missing = {"cpu_shares", "vcpu_period", "vcpu_quota"} - values.keys()
        if missing:
            return NotSeen(f"libvirt does not list {', '.join(sorted(missing))} (no cpu cgroup controller?)")
        return SchedulerView(values["cpu_shares"], values["vcpu_period"], values["vcpu_quota"])

    def _vcpus(self, domain: Any) -> VcpuCounts | NotSeen:
        live = self._libvirt.VIR_DOMAIN_VCPU_LIVE
        try:
            return VcpuCounts(
                current=domain.vcpusFlags(live), maximum=domain.vcpusFlags(live | self._libvirt.VIR_DOMAIN_VCPU_MAXIMUM)
            )
        except self._libvirt.libvirtError as failure:
            return NotSeen(str(failure))

    def _guest(self, domain: Any) -> GuestView | NotSeen:
        answers: list[str | NotSeen] = []
        for request in (CPUS, BLOCKS, BLOCK_INFO):
            # One that failed costs a timeout; the rest is not asked for.
            if answers and isinstance(answers[-1], NotSeen):
                answers.append(answers[-1])
                continue
            answers.append(self._agent(domain, f'{{"execute":"{request}"}}', self._access.look_patience_s))
        return read_guest(*answers)

    def _agent(self, domain: Any, command: str, seconds: int) -> str | NotSeen:
        try:
            return str(self._libvirt_qemu.qemuAgentCommand(domain, command, seconds, 0))
        except self._libvirt.libvirtError as failure:
            return NotSeen(str(failure))

    def _connected(self) -> Any:
        with self._lock:
            if self._connection is not None and self._connection.isAlive():
                return self._connection
            self._connection = self._libvirt.open(self._uri)
            return self._connection

    def _bounded(self, what: str, look: Callable[[], T]) -> T:
        """Run `look` beside, because a libvirt call takes no deadline; on expiry its thread is left behind."""
        seconds = self._access.connect_timeout_s + self._access.command_timeout_s
        outcome: list[T] = []
        failures: list[BaseException] = []

        def beside() -> None:
            try:
                outcome.append(look())
            except BaseException as failure:  # noqa: BLE001 - handed to the caller's thread and raised there
                failures.append(failure)

        thread = threading.Thread(target=beside, name=f"libvirt-{self.host}", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._lock = threading.Lock()
            self._connection = None
            raise CommandTimedOut(self._access, f"{what} over {self._uri} did not end within {seconds:g} s")
        if failures:
            failure = failures[0]
            if isinstance(failure, self._libvirt.libvirtError):
                raise LibvirtFailed(self._access, f"{self._uri}: {' '.join(str(failure).split())}") from failure
            raise failure
        return outcome[0]


def _say_nothing(_context: object, _error: object) -> None:
    """libvirt's error handler; the error is raised as well."""


def _dotted(version: int) -> str:
    """libvirt's number, major * 1,000,000 + minor * 1,000 + release."""
    return f"{version // 1_000_000}.{version // 1_000 % 1_000}.{version % 1_000}"
