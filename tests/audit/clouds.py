"""A simulated lab in this process, ways to bring its instances into a state, and an audit of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from harness.audit import Audit, Bounds, HostLine, InstanceLine, Selection, audit
from harness.cloud import configuration, infrastructure, instances, offerings
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.lab.api.lab_cloud import LabCloud
from harness.lab.config_files import CLOUD_FILE, ReachedCloud, write_config_files
from harness.lab.faults.registry import Faults
from harness.lab.management.configuration import ConfigurationStore
from harness.lab.simulated.domain import SimulatedDomain
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.topology import DEFAULT_LAB
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering
from harness.reference.release import SINCE, Release
from harness.reference.settings import ENABLE_DYNAMIC_SCALE
from harness.run.environment import load

_JOB_S = 20.0
_NUMBERS = count(1)


@dataclass
class AuditedCloud:
    """The lab and its API, with short ways to what tests do."""

    lab: LabCloud
    fleet: SimulatedFleet
    folder: Path
    hypervisors: dict[str, SimulatedHypervisor]

    @property
    def api(self) -> CloudApi:
        keys = self.lab.admin
        return CloudApi(self.lab.endpoint, keys.api_key, keys.secret_key)

    @property
    def cloud_file(self) -> Path:
        return self.folder / CLOUD_FILE

    def fresh(self, release: Release = SINCE, *, scaling: bool = True) -> None:
        """A cloud without instances, in which scaling is on."""
        self.lab.reset(release)
        if scaling:
            self.scaling(on=True)

    def scaling(self, *, on: bool) -> None:
        place = Place(zone_id=self._zone_id)
        configuration.update(self.api, ENABLE_DYNAMIC_SCALE, "true" if on else "false", place)

    def set(self, name: str, value: str, cluster: str | None = None) -> None:
        """A setting, globally or in a cluster."""
        clusters = {one.name: one.id for one in infrastructure.clusters(self.api, self._zone_id)}
        configuration.update(self.api, name, value, Place(cluster_id=clusters[cluster] if cluster else None))

    @property
    def _zone_id(self) -> str:
        return infrastructure.zone(self.api, DEFAULT_LAB.zone).id

    def offering(self, cpus: int | None = 1, mhz: int | None = 500, mib: int | None = 256, **more: object) -> str:
        """Its id."""
        name = f"offering-{next(_NUMBERS)}"
        return offerings.create(self.api, Offering("", name, cpus, mhz, mib, **more)).id  # type: ignore[arg-type]

    def deploy(
        self,
        offering_id: str | None = None,
        parameters: CustomParameters = NO_PARAMETERS,
        *,
        host: str = "kvm1",
        template: str = "lab-guest",
        requested: bool = True,
        owner: tuple[str, str] | None = None,
    ) -> str:
        """An instance's id; its name is told by the audit."""
        api, zone_id = self.api, self._zone_id
        job = instances.deploy(
            api,
            _JOB_S,
            name=f"vm-{next(_NUMBERS)}",
            zone_id=zone_id,
            template_id=infrastructure.template(api, zone_id, template).id,
            network_id=infrastructure.network(api, zone_id, "lab-net").id,
            offering_id=offering_id or self.offering(),
            host_id=self.host_id(host),
            parameters=parameters,
            dynamic_scaling=requested,
            on_created=lambda _: None,
            owner=owner,
        )
        assert job.succeeded, job.text
        return str(job.result["virtualmachine"]["id"])

    def host_id(self, name: str) -> str:
        return next(one.id for one in infrastructure.hosts(self.api, self._zone_id) if one.name == name)

    def scale(self, instance_id: str, offering_id: str, parameters: CustomParameters = NO_PARAMETERS) -> bool:
        """Whether it succeeded."""
        return instances.begin_scale(self.api, instance_id, offering_id, parameters).wait(_JOB_S).succeeded

    def restart(self, instance_id: str) -> None:
        assert instances.stop(self.api, _JOB_S, instance_id).succeeded
        assert instances.start(self.api, _JOB_S, instance_id).succeeded

    def migrate(self, instance_id: str, host: str) -> None:
        assert instances.migrate(self.api, _JOB_S, instance_id, self.host_id(host)).succeeded

    def upgrade(self) -> None:
        """What a schema upgrade to 4.23 does to a running cloud: other rules, new settings, and no domain changes."""
        state = self.lab.inside.state
        state.release = SINCE
        state.configuration._entries = ConfigurationStore(SINCE)._entries

    def domain(self, instance_id: str) -> SimulatedDomain:
        """From behind, for tests that tamper."""
        record = instances.get(self.api, instance_id)
        return self.hypervisors[str(record.host_name)]._domains[record.instance_name]

    def age(self, instance_id: str, seconds: float) -> None:
        """Let its domain have begun so much earlier."""
        self.domain(instance_id).since -= seconds

    def audit(self, selection: Selection | None = None, bounds: Bounds | None = None, *, resume: bool = False) -> Audit:
        bounds = bounds or Bounds(api_rate=None)
        return audit(load(self.cloud_file), self.folder / "audit", selection, bounds, resume=resume)

    def states(self, instance_id: str, bounds: Bounds | None = None) -> list[str]:
        """The states of one instance in an audit of everything."""
        return [state.state for state in line_of(self.audit(bounds=bounds), instance_id).states]

    def host_states(self, name: str) -> list[str]:
        return [state.state for state in host_of(self.audit(), name).states]


def line_of(found: Audit, instance_id: str) -> InstanceLine:
    return next(line for line in found.instances if line.id == instance_id)


def host_of(found: Audit, name: str) -> HostLine:
    return next(line for line in found.hosts if line.name == name)


@contextmanager
def audited_cloud(folder: Path) -> Iterator[AuditedCloud]:
    faults = Faults()
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, folder, faults=faults)
    hosts = fleet.up()
    lab = LabCloud(DEFAULT_LAB, hosts, fleet.guest_boot, SINCE, faults=faults)
    try:
        lab.serve()
        write_config_files(folder, DEFAULT_LAB, hosts, fleet, ReachedCloud.of(lab))
        hypervisors = {host.spec.name: host.hypervisor for host in hosts}
        yield AuditedCloud(lab, fleet, folder, hypervisors)  # type: ignore[arg-type]
    finally:
        lab.shutdown()
        fleet.down()
