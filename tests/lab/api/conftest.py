"""A lab cloud on simulated hosts, and clients that talk to it over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cs import CloudStack

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.faults.registry import Faults
from harness.lab.fleet import LabHost
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import DEFAULT_LAB, LabSpec
from harness.reference.release import SINCE, Release
from harness.waiting import wait_until
from tests.lab.api.raw import RawClient

Entity = dict[str, Any]


@dataclass
class Lab:
    """A running cloud with its hosts and a client for the admin."""

    cloud: LabCloud
    api: CloudStack
    raw: RawClient
    hosts: dict[str, Any]

    def host_id(self, name: str) -> str:
        return str(self.api.listHosts(type="Routing", name=name)["host"][0]["id"])

    def cluster_id(self, name: str) -> str:
        return str(self.api.listClusters(name=name)["cluster"][0]["id"])

    @property
    def zone_id(self) -> str:
        return str(self.api.listZones()["zone"][0]["id"])

    def template_id(self, name: str = "lab-guest") -> str:
        return str(self.api.listTemplates(templatefilter="all", name=name)["template"][0]["id"])

    def setting(self, name: str, value: str, **scope: str) -> None:
        self.api.updateConfiguration(name=name, value=value, **scope)

    def offering(self, **given: Any) -> Entity:
        fields = {"name": "offering", "displaytext": "offering", **given}
        return dict(self.api.createServiceOffering(**fields)["serviceoffering"])

    def fixed(self, cpus: int = 1, speed: int = 500, memory: int = 256, **given: Any) -> str:
        return str(self.offering(cpunumber=cpus, cpuspeed=speed, memory=memory, **given)["id"])

    def finished(self, started: Entity) -> Entity:
        """The job as it is once it has ended."""
        return wait_until(
            "the job",
            lambda: dict(self.api.queryAsyncJobResult(jobid=started["jobid"])),
            lambda job: job["jobstatus"] != 0,
            30,
            first_pause_s=0.002,
        )

    def keys_of(self, user_id: str) -> Entity:
        """New keys of a user, which a job makes."""
        keys: Entity = self.run("registerUserKeys", id=user_id)["jobresult"]["userkeys"]
        return keys

    def run(self, command: str, **given: Any) -> Entity:
        """An asynchronous command and its finished job."""
        return self.finished(getattr(self.api, command)(fetch_result=False, **given))

    def deploy(self, offering_id: str, host: str | None = None, template: str = "lab-guest", **given: Any) -> Entity:
        if host is not None:
            given["hostid"] = self.host_id(host)
        return self.instance_of(self.run("deployVirtualMachine", **self.place(offering_id, template), **given))

    def place(self, offering_id: str, template: str = "lab-guest") -> dict[str, str]:
        """What a deployment has to say at least."""
        return {
            "zoneid": self.zone_id,
            "templateid": self.template_id(template),
            "serviceofferingid": offering_id,
        }

    def scale(self, instance_id: str, offering_id: str, **details: Any) -> Entity:
        given = {f"details[0].{name}": value for name, value in details.items()}
        return self.run("scaleVirtualMachine", id=instance_id, serviceofferingid=offering_id, **given)

    @staticmethod
    def instance_of(job: Entity) -> Entity:
        assert job["jobstatus"] == 1, job["jobresult"]
        return dict(job["jobresult"]["virtualmachine"])

    def xml(self, host: str, instance: Entity) -> str:
        return str(self.hosts[host].hypervisor.dump_xml(instance["instancename"]))


def served(cloud: LabCloud, hosts: Sequence[LabHost]) -> Lab:
    """Begin to serve, with clients for the admin."""
    endpoint, keys = cloud.serve(), cloud.admin
    api = CloudStack(endpoint=endpoint, key=keys.api_key, secret=keys.secret_key, poll_interval=0.01)
    raw = RawClient(endpoint, keys.api_key, keys.secret_key)
    return Lab(cloud, api, raw, {host.spec.name: host for host in hosts})


LabMaker = Callable[..., Lab]


@contextmanager
def _up(folder: Path, spec: LabSpec, release: Release, **given: Any) -> Iterator[tuple[LabCloud, Sequence[LabHost]]]:
    faults = Faults()
    fleet = SimulatedFleet(spec.hosts, folder, faults=faults)
    hosts = fleet.up()
    try:
        cloud = LabCloud(spec, hosts, fleet.guest_boot, release, faults=faults, **given)
        try:
            yield cloud, hosts
        finally:
            cloud.shutdown()
    finally:
        fleet.down()


SharedClouds = Callable[[LabSpec], tuple[LabCloud, Sequence[LabHost]]]


@pytest.fixture(scope="session")
def shared_clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedClouds]:
    """One cloud for each shape, for all tests that want nothing else; whoever takes it resets it first."""
    with ExitStack() as stack:

        @cache
        def shared(spec: LabSpec) -> tuple[LabCloud, Sequence[LabHost]]:
            return stack.enter_context(_up(tmp_path_factory.mktemp("fleet"), spec, SINCE))

        yield shared


def _unmeddled(hosts: Sequence[LabHost]) -> None:
    """Take away what a test has put over a host's own methods."""
    for host in hosts:
        own = vars(host.hypervisor)
        for name in [name for name in own if hasattr(type(host.hypervisor), name)]:
            del own[name]


@pytest.fixture
def make_lab(tmp_path: Path, shared_clouds: SharedClouds) -> Iterator[LabMaker]:
    """Gives fresh labs: the shared one first, where nothing special is wanted, and otherwise new ones."""
    given_away = 0

    with ExitStack() as stack:

        def make(release: Release = SINCE, spec: LabSpec = DEFAULT_LAB, *, dynamic: bool = True, **given: Any) -> Lab:
            nonlocal given_away
            given_away += 1
            if given_away == 1 and not given:
                cloud, hosts = shared_clouds(spec)
                _unmeddled(hosts)
                cloud.reset(release)
            else:
                cloud, hosts = stack.enter_context(_up(tmp_path / f"fleet{given_away}", spec, release, **given))
            lab = served(cloud, hosts)
            if dynamic:
                lab.setting("enable.dynamic.scale.vm", "true")
            return lab

        yield make


@pytest.fixture
def lab(make_lab: LabMaker) -> Lab:
    """A cloud with live scaling allowed, as release 4.23."""
    return make_lab()
