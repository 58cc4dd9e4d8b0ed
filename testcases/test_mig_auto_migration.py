"""MIG: what happens where the host has no room for the new size."""

import pytest

from harness.reference.settings import AUTO_MIGRATE
from harness.run.stage import Stage


@pytest.mark.case("MIG-01")
@pytest.mark.alone("cluster", hosts=2)
def test_instance_moves_to_a_host_with_room_and_is_scaled(stage: Stage) -> None:
    """Auto-migration on: an instance for which its host lacks memory is migrated and then scaled.

    Preconditions: a filler leaves less free memory than the growth needs; another host of the cluster has room.
    Steps: scale the instance from 256 to 1280 MiB.
    Expected: the job succeeds; the instance runs on another host of the cluster with the new size, on every layer.
    """
    stage.needs_a_neighbour_with_mib(1280)
    speed = stage.speed(0.25)
    instance = stage.instance(stage.fixed(1, speed, 256))
    stage.leave_memory_mib(512)
    scaled = instance.scale_without_room(stage.fixed(1, speed, 1280))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert instance.is_on_home is not scaled.job.succeeded


@pytest.mark.case("MIG-05")
@pytest.mark.alone("cluster", hosts=2)
def test_instance_stays_as_it_is_without_auto_migration(stage: Stage) -> None:
    """Auto-migration off: an instance for which its host lacks memory is neither migrated nor scaled.

    Preconditions: as MIG-01, with auto.migrate.vm.on.live.scale.insufficient.capacity false in the cluster.
    Steps: scale the instance from 256 to 1280 MiB.
    Expected: 530 "Failed to scale the VM" (before 4.23: no such setting, and a fixed offering is refused anyway);
        host, size and domain are as before.
    """
    stage.needs_a_neighbour_with_mib(1280)
    stage.setting(AUTO_MIGRATE, "false")
    speed = stage.speed(0.25)
    instance = stage.instance(stage.fixed(1, speed, 256))
    stage.leave_memory_mib(512)
    scaled = instance.scale_without_room(stage.fixed(1, speed, 1280))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == (530, "Failed to scale the VM")
    assert instance.is_on_home
    assert instance.record.memory_mib == 256
