"""The one place where the cloud's mutable state lives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from harness.lab.hypervisor import NodeInfo
from harness.lab.management import catalogue
from harness.lab.management.alerts import AlertLog
from harness.lab.management.clock import Clock, WallClock
from harness.lab.management.configuration import ConfigurationStore, Place
from harness.lab.management.directory import Directory
from harness.lab.management.events import EventLog
from harness.lab.management.first_offerings import first_offerings
from harness.lab.management.ledger import Amount, CapacityLedger
from harness.lab.management.model import (
    Cluster,
    HostRecord,
    InstanceRecord,
    OfferingRecord,
    Pod,
    ResourceState,
    State,
    Zone,
    size_in_force,
)
from harness.lab.management.records import AffinityGroup, KeyPair, Volume, VpcOffering
from harness.lab.management.resources import Resource, counted
from harness.lab.management.waves import ScaleWaves, UntoldGrowth
from harness.lab.seams import Seams, Switch
from harness.lab.topology import LabSpec
from harness.reference.capacity import Host
from harness.reference.offering import Size
from harness.reference.release import Release
from harness.reference.scaling import World
from harness.reference.settings import Settings

GONE = frozenset({State.DESTROYED, State.EXPUNGING, State.ERROR})


class CloudState(Directory):
    """Everything the management brain remembers, in memory.

    Lock discipline: `lock` guards every table, the capacity ledger and the resource books. Records are frozen and
    replaced as a whole, so one that was read stays consistent without the lock. The lock is held for bookkeeping only,
    never during a call to an agent. Configuration, events, alerts and jobs guard themselves and never take this lock
    while holding theirs.
    """

    def __init__(
        self,
        spec: LabSpec,
        hosts: Mapping[str, tuple[NodeInfo, str]],
        release: Release,
        *,
        clock: Clock | None = None,
        admin_password: str = "",
        switch: Switch | None = None,
    ) -> None:
        """`hosts`: node info and address by the host's name, for every host of `spec`."""
        super().__init__(clock or WallClock(), admin_password)
        self.switch = switch or Switch()
        self._is_up: Callable[[str], bool] = lambda host_id: True  # noqa: ARG005 - nobody has looked yet
        self._ledger_drawn = self.clock.monotonic()
        self.release = release
        self.configuration = ConfigurationStore(release)
        self.events = EventLog(self.clock)
        self.alerts = AlertLog(self.clock)
        self.zone = Zone(_id(), spec.zone)
        self.pod = Pod(_id(), spec.pod)
        self.clusters = {cluster.id: cluster for cluster in (Cluster(_id(), name) for name in spec.clusters)}
        by_name = {cluster.name: cluster.id for cluster in self.clusters.values()}
        created = self.began = self.clock.now()
        self.hosts = {
            host.id: host
            for host in (
                HostRecord(_id(), number, at.name, by_name[at.cluster], address, node, created)
                for number, at in enumerate(spec.hosts, start=1)
                for node, address in (hosts[at.name],)
            )
        }
        self._ledger = CapacityLedger(self.hosts)
        self.waves = ScaleWaves(time.monotonic)
        self.untold_growth = UntoldGrowth(time.monotonic)
        seeds = catalogue.seeds(self.admin.account_id, created)
        self.templates = {each.id: each for each in seeds.templates}
        self.network_offerings = {each.id: each for each in seeds.network_offerings}
        self.networks = {each.id: each for each in seeds.networks}
        self.disk_offerings = {each.id: each for each in seeds.disk_offerings}
        self.vpc_offerings: dict[str, VpcOffering] = {}
        self.volumes: dict[str, Volume] = {}
        self.affinity_groups: dict[str, AffinityGroup] = {}
        self.key_pairs: dict[str, KeyPair] = {}
        # Of everything but instances, whose tags are in their records: by the id of what they are of.
        self.tags: dict[str, dict[str, str]] = {}
        self.offerings: dict[str, OfferingRecord] = {each.id: each for each in first_offerings(created)}
        self.instances: dict[str, InstanceRecord] = {}
        self._instance_count = 0

    @property
    def seams(self) -> Seams:
        """What decides here, as it is now."""
        return self.switch.seams

    @property
    def ledger(self) -> CapacityLedger:
        return self.seams.ledger(self._ledger)

    def attend_hosts(self, is_up: Callable[[str], bool]) -> None:
        """Ask `is_up` from now on whether a host is, by its id."""
        self._is_up = is_up

    def settings(self) -> Settings:
        """The settings as the management server reads them."""
        return self.seams.settings(self.configuration.settings())

    # Instances

    def next_instance_number(self) -> int:
        with self.lock:
            self._instance_count += 1
            return self._instance_count

    def instance(self, instance_id: str) -> InstanceRecord:
        """Raises KeyError for an id that is not known (any more)."""
        with self.lock:
            return self.instances[instance_id]

    def change(self, instance_id: str, **fields: Any) -> InstanceRecord:
        """Replace an instance's record by one with these fields changed."""
        with self.lock:
            record = replace(self.instances[instance_id], updated=self.clock.now(), **fields)
            self.instances[instance_id] = record
            return record

    def size_of(self, instance: InstanceRecord) -> Size:
        """The size an instance has with its present offering."""
        with self.lock:
            return size_in_force(self.offerings[instance.offering_id].offering, instance.details)

    def amount_of(self, instance: InstanceRecord) -> Amount:
        """The capacity an instance takes with its present offering."""
        return Amount.of(self.size_of(instance))

    def what_has(self, account_id: str) -> dict[Resource, int]:
        """What an account has of everything, counted anew."""
        with self.lock:
            mine = [each for each in self.instances.values() if each.account_id == account_id]
            found = counted([self.size_of(each) for each in mine if each.state not in GONE])
            volumes = [each for each in self.volumes.values() if each.account_id == account_id]
            found[Resource.VOLUME] += len(volumes)
            found[Resource.PRIMARY_STORAGE] += sum(each.size_bytes for each in volumes)
            own = [each for each in self.templates.values() if each.account_id == account_id and each.url]
            found[Resource.TEMPLATE] += sum(not each.removed for each in own)
            found[Resource.NETWORK] += sum(
                each.account_id == account_id and not each.for_all for each in self.networks.values()
            )
            return found

    def forget_things_of(self, account_id: str) -> None:
        """What an account had besides instances. Its templates stay, as instances of others may be of them."""
        with self.lock:
            self.volumes = {key: each for key, each in self.volumes.items() if each.account_id != account_id}
            self.networks = {key: each for key, each in self.networks.items() if each.account_id != account_id}
            self.key_pairs = {key: each for key, each in self.key_pairs.items() if each.account_id != account_id}
            groups = {key: each for key, each in self.affinity_groups.items() if each.account_id != account_id}
            for instance in list(self.instances.values()):
                kept = tuple(each for each in instance.affinity_group_ids if each in groups)
                if kept != instance.affinity_group_ids:
                    self.change(instance.id, affinity_group_ids=kept)
            self.affinity_groups = groups
            for template in [each for each in self.templates.values() if each.account_id == account_id]:
                self.templates[template.id] = replace(template, removed=True)

    def change_host(self, host_id: str, **fields: Any) -> HostRecord:
        """Replace a host's record by one with these fields changed."""
        with self.lock:
            record = self.hosts[host_id] = replace(self.hosts[host_id], **fields)
            return record

    # The reference's view

    def host(self, host_id: str) -> Host:
        """A host with what is used of it now."""
        with self.lock:
            self._redraw_ledger_when_due()
            return self._host(self.hosts[host_id])

    def _host(self, record: HostRecord) -> Host:
        used, reserved = self.ledger.used(record.id), self.ledger.reserved(record.id)
        return Host(
            id=record.id,
            name=record.name,
            cluster_id=record.cluster_id,
            cpus=record.node.cpus,
            speed_mhz=record.node.speed_mhz,
            memory_bytes=record.memory_bytes,
            used_cpu_mhz=used.cpu_mhz,
            used_memory_bytes=used.memory_bytes,
            reserved_cpu_mhz=reserved.cpu_mhz,
            reserved_memory_bytes=reserved.memory_bytes,
            tags=record.tags,
            up=self._is_up(record.id),
            enabled=self.zone.enabled
            and self.pod.enabled
            and self.clusters[record.cluster_id].enabled
            and record.resource_state is ResourceState.ENABLED,
            cgroup_version=record.node.cgroup_version,
        )

    def world(self) -> World:
        with self.lock:
            self._redraw_ledger_when_due()
            return World(self.release, self.settings(), tuple(self._host(record) for record in self.hosts.values()))

    def _redraw_ledger_when_due(self) -> None:
        """The periodic recalculation (capacity.check.period), made by whoever looks first after it is due."""
        check = self.configuration.find("capacity.check.period")
        period_ms = int(self.configuration.value(check, Place()).text or check.default)
        if self.clock.monotonic() - self._ledger_drawn >= period_ms / 1000:
            self.recalculate_capacity()

    def recalculate_capacity(self) -> None:
        """Count what is there. The lock is held.

        It forgets what a migrating scale left uncounted and what a stopped instance reserves in vain. An instance that
        migrates counts on both hosts. Source: CapacityManagerImpl.updateCapacityForHost.
        """
        self._ledger_drawn = self.clock.monotonic()
        instances = list(self.instances.values())
        leaving = [i for i in instances if i.state is State.MIGRATING]
        self.ledger.redraw(
            [(i.host_id, self.amount_of(i)) for i in instances if i.host_id and i.state not in GONE]
            + [(i.last_host_id, self.amount_of(i)) for i in leaving if i.last_host_id],
            [(i.last_host_id, self.amount_of(i)) for i in instances if i.state is State.STOPPED and i.last_host_id],
        )


def _id() -> str:
    return str(uuid4())
