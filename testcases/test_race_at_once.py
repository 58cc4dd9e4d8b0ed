"""RACE: two things asked for at once."""

import pytest

from harness.reference.oddities import CONCURRENT_GROWTH
from harness.reference.offering import Size
from harness.reference.settings import AUTO_MIGRATE, MEMORY_THRESHOLD
from harness.run.races import scale_during_migration, scale_two_instances
from harness.run.stage import Stage


@pytest.mark.case("RACE-01")
@pytest.mark.smoke
@pytest.mark.alone("cluster", hosts=2)
def test_scale_while_a_migration_runs(stage: Stage) -> None:
    """An instance that is asked to scale while it is migrated is scaled after that, or refused for its state.

    Asserted through the reference only.

    Preconditions: a running instance with 1 vCPU and 256 MiB; another host of the cluster has room.
    Steps: ask to migrate it there and, without waiting, to scale it to 2 vCPUs and 512 MiB.
    Expected: the migration succeeds. The scale succeeds on the new host, or is refused with 431 for state Migrating;
        every layer agrees with that.
    """
    grown = Size(2, stage.speed(0.25), 512)
    neighbour = stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    larger = stage.scalable(grown)
    scaled = scale_during_migration(neighbour, instance.request(*larger))
    assert instance.record.host_id == neighbour.id
    assert instance.record.cpus == (2 if scaled.job.succeeded else 1)


@pytest.mark.case("RACE-02")
@pytest.mark.alone("cluster")
def test_two_scales_that_do_not_fit_together(stage: Stage) -> None:
    """Of two instances that are asked at once to grow into room for one, only one grows.

    Preconditions: auto-migration is off in the cluster; two instances of 256 MiB on one host, on which a filler leaves
        1792 MiB; the cluster may be filled up.
    Steps: ask for 1280 MiB for both, the second without waiting for the first.
    Expected: one is scaled, the other refused with 530 "Failed to scale the VM" and as before on every layer. As built
        both grow (DEF-06). Before 4.23, without the setting, the second may also be migrated.
    """
    stage.looks_for(CONCURRENT_GROWTH)
    stage.setting(AUTO_MIGRATE, "false")
    small = stage.scalable(Size(1, stage.speed(0.25), 256))
    pair = [stage.instance(*small), stage.instance(*small)]
    stage.setting(MEMORY_THRESHOLD, "1.0")
    stage.leave_memory_mib(1792)
    larger = stage.scalable(Size(1, stage.speed(0.25), 1280))
    first, second = [instance.request(*larger) for instance in pair]
    scaled = scale_two_instances(first, second)
    assert any(each.job.succeeded for each in scaled)
