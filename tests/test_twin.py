"""A lab is made like a cloud: hosts and what they count, tags, settings, flags of templates."""

from pathlib import Path

from harness.cloud import configuration, infrastructure
from harness.cloud.configuration import Place
from harness.lab.options import LabOptions
from harness.lab.topology import DEFAULT_LAB
from harness.reference.settings import AUTO_MIGRATE, CPU_CEILING, CPU_OVERCOMMIT
from harness.run.environment import Allowed, load
from harness.run.ledger import LEDGER_FILE, Ledger
from harness.run.session import Session
from harness.twin import twin_of
from tests.conftest import SimulatedLab
from tests.run.stages import session_of, stage_of


def test_a_twin_is_like_the_cloud_and_tells_changes_by_the_clouds_ids(lab: SimulatedLab, tmp_path: Path) -> None:
    cloud = session_of(load(lab.cloud_file))
    cloud.open()
    stage = stage_of(cloud)
    host, cluster = stage.home, Place(cluster_id=stage.home.cluster_id)
    stage.setting(CPU_CEILING, "7")
    stage.setting(CPU_OVERCOMMIT, "2.0")
    stage.global_setting(AUTO_MIGRATE, "false")
    stage.tag_host(host, "one")
    stage.instance(stage.fixed(2, 500, 512))
    stage.instance(stage.fixed(3, host.speed_mhz, 300))
    environment = cloud.environment.model_copy(update={"allow": frozenset({Allowed.INSTANCES, Allowed.HOSTS})})
    with twin_of(environment, tmp_path, None, leave_settings=False) as twin:
        own_environment = load(twin.file)
        assert own_environment.allow == environment.allow
        assert own_environment.lab is None
        own = Session(own_environment, Ledger(tmp_path / f"own-{LEDGER_FILE}"))
        own.open()
        there, here = own.world(), cloud.world()

        def counted(host_name: str) -> list[object]:
            found = [[each for each in world.hosts if each.name == host_name] for world in (there, here)]
            return [
                (each.cpus, each.speed_mhz, each.memory_bytes, each.used_cpu_mhz, each.used_memory_bytes, each.tags)
                for [each] in found
            ]

        for each in here.hosts:
            assert counted(each.name)[0] == counted(each.name)[1]
        own_cluster = next(each.cluster_id for each in there.hosts if each.name == host.name)
        for name in (CPU_CEILING, CPU_OVERCOMMIT, AUTO_MIGRATE):
            assert there.settings.text(name, own_cluster) == here.settings.text(name, cluster.cluster_id)
        assert own.inventory.zone.name == cloud.inventory.zone.name
        # How it was made like the cloud is not told.
        assert twin.told() == []
        own_host = next(each for each in own.hosts() if each.name == host.name)
        infrastructure.set_host_tags(own.api, own_host.id, "two")
        configuration.reset(own.api, CPU_CEILING, Place(cluster_id=own_cluster))
        assert twin.told() == [
            f"updateHost id={host.id} hosttags=two",
            f"resetConfiguration name={CPU_CEILING} clusterid={host.cluster_id}",
        ]
        own.close()
    assert stage.close() == []
    cloud.close()


def test_a_topology_is_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "topology.json"
    file.write_text(DEFAULT_LAB.as_json())
    assert LabOptions(topology=file).spec == DEFAULT_LAB
