"""A host whose libvirt is simulated in memory: the lab's Hypervisor without root, with libvirt's rules and texts."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from harness.lab.hypervisor import Hypervisor, HypervisorError, NodeInfo
from harness.lab.simulated.definition import read_definition
from harness.lab.simulated.domain import SimulatedDomain
from harness.lab.simulated.live_xml import dump
from harness.lab.topology import HostSpec

T = TypeVar("T")

LIBVIRTD_AWAY = "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"

# One at a time takes two hosts' locks (a migration), so that two crossing ones cannot wait for each other.
_migrating = threading.Lock()


class SimulatedHypervisor:
    """One simulated host. Every method raises HypervisorError with libvirt 9.0's text where libvirt would refuse.

    Guests see hot-plug at once and answer the power button at once.
    """

    def __init__(self, spec: HostSpec, cgroup_version: int = 1) -> None:
        self.name = spec.name
        self.look: Callable[[SimulatedDomain, dict[str, str]], None] = lambda _domain, _files: None
        # Domains run on without it.
        self.libvirtd_answers = True
        self._spec = spec
        self._cgroup_version = cgroup_version
        self._domains: dict[str, SimulatedDomain] = {}
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        # Above any real one (pid_max is at most 4194304), so that no look can take a real process for a guest.
        self._pids = itertools.count(5_000_000)

    def node_info(self) -> NodeInfo:
        return NodeInfo(
            cpus=self._spec.cpus,
            speed_mhz=self._spec.speed_mhz,
            memory_kib=self._spec.memory_mib * 1024,
            cgroup_version=self._cgroup_version,
        )

    def domain_names(self) -> tuple[str, ...]:
        with self._asked():
            return tuple(sorted(self._domains))

    def start(self, domain_xml: str) -> None:
        """Create and start; memory is only address space, so nothing is refused for the host's size."""
        definition = read_definition(domain_xml, self._cgroup_version)
        with self._asked():
            self._refuse_twin(definition.name, definition.uuid)
            self._domains[definition.name] = SimulatedDomain(
                definition, next(self._numbers), next(self._pids), self._cgroup_version
            )

    def dump_xml(self, domain: str) -> str:
        return self._with(domain, dump)

    def migratable_xml(self, domain: str) -> str:
        return self.dump_xml(domain)

    def press_power_button(self, domain: str) -> None:
        """The guest shuts down; what then happens is the domain's on_poweroff (CloudStack writes destroy)."""
        with self._asked():
            if self._find(domain).definition.on_poweroff != "restart":
                del self._domains[domain]

    def reboot(self, domain: str) -> None:
        """The same QEMU process goes on, with everything plugged in and tuned."""
        self._with(domain, lambda _found: None)

    def destroy(self, domain: str) -> None:
        with self._asked():
            self._find(domain)
            del self._domains[domain]

    def max_memory_kib(self, domain: str) -> int:
        return self._with(domain, lambda found: found.memory_kib)

    def running_vcpus(self, domain: str) -> int:
        return self._with(domain, lambda found: found.vcpus)

    def attach_device(self, domain: str, device_xml: str) -> None:
        self._with(domain, lambda found: found.attach(device_xml))

    def set_vcpus(self, domain: str, count: int) -> None:
        self._with(domain, lambda found: found.set_vcpus(count))

    def scheduler_parameters(self, domain: str) -> dict[str, int]:
        return self._with(domain, lambda found: found.scheduler_parameters())

    def set_scheduler_parameter(self, domain: str, name: str, value: int) -> None:
        self._with(domain, lambda found: found.set_scheduler_parameter(name, value))

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:  # noqa: ARG002
        """Move at once; `domain_xml` may carry other tuning than the source has, but the same machine."""
        if not isinstance(destination, SimulatedHypervisor):
            raise HypervisorError(f"internal error: {destination.name} is no simulated host")
        with _migrating, self._asked(), destination._asked():
            found = self._find(domain)
            if destination is self:
                raise HypervisorError(f"internal error: Attempt to migrate guest to the same host {self._spec.name}")
            target = read_definition(domain_xml or dump(found), destination._cgroup_version)
            if target.max_vcpus != found.definition.max_vcpus:
                raise HypervisorError(
                    f"unsupported configuration: Target domain vCPU max {target.max_vcpus} does not match source "
                    f"{found.definition.max_vcpus}"
                )
            if target.max_memory_kib != found.definition.max_memory_kib:
                raise HypervisorError(
                    f"unsupported configuration: Target maximum memory size '{target.max_memory_kib or 0}' doesn't "
                    f"match source maximum size '{found.definition.max_memory_kib or 0}'"
                )
            destination._refuse_twin(found.name, found.definition.uuid)
            destination._domains[domain] = found.arrived(
                next(destination._numbers), next(destination._pids), destination._cgroup_version, target
            )
            del self._domains[domain]

    def break_off(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:  # noqa: ARG002
        self._with(domain, lambda _found: None)
        raise HypervisorError("operation failed: migration out job: unexpectedly failed")

    def close(self) -> None:
        """End all guests, as taking the host down does."""
        with self._lock:
            self._domains.clear()

    def set_guest_agent(self, domain: str, *, answering: bool) -> None:
        """Make the guest's agent answer or fall silent (as if it were not installed)."""

        def change(found: SimulatedDomain) -> None:
            found.agent_answering = answering
            found.revision += 1

        self._with(domain, change)

    def burn(self, domain: str, since: float, seconds: float) -> None:
        """A program that a command on the host has started in the guest; of a domain that is gone there is none."""
        with self._lock:
            if domain in self._domains:
                self._domains[domain].burn(since, seconds)

    def snapshot(self, read: Callable[[SimulatedDomain], T], skip: Callable[[SimulatedDomain], bool]) -> dict[str, T]:
        """`read` of every domain that `skip` does not pass over, all at one moment."""
        with self._lock:
            return {name: read(domain) for name, domain in self._domains.items() if not skip(domain)}

    def _with(self, domain: str, act: Callable[[SimulatedDomain], T]) -> T:
        with self._asked():
            return act(self._find(domain))

    @contextmanager
    def _asked(self) -> Iterator[None]:
        with self._lock:
            if not self.libvirtd_answers:
                raise HypervisorError(LIBVIRTD_AWAY)
            yield

    def _find(self, domain: str) -> SimulatedDomain:
        found = self._domains.get(domain)
        if found is None:
            raise HypervisorError(f"Domain not found: no domain with matching name '{domain}'")
        return found

    def _refuse_twin(self, name: str, uuid: str) -> None:
        """virDomainObjListAddLocked: a name or a UUID may be there once."""
        for domain in self._domains.values():
            same_name, same_uuid = domain.name == name, bool(uuid) and domain.definition.uuid == uuid
            if same_name and (same_uuid or not uuid):
                raise HypervisorError(f"Requested operation is not valid: domain '{name}' is already active")
            if same_name:
                raise HypervisorError(
                    f"operation failed: domain '{name}' already exists with uuid {domain.definition.uuid}"
                )
            if same_uuid:
                raise HypervisorError(f"operation failed: domain '{domain.name}' is already defined with uuid {uuid}")
