"""MIG: what happens where the host has no room for the new size."""

import pytest

from harness.reference.offering import Size
from harness.reference.settings import AUTO_MIGRATE, CPU_CEILING, MEMORY_CEILING
from harness.run.permits import CannotArrangeError
from harness.run.stage import Stage
from harness.run.staged_instance import StagedInstance
from harness.verify.domain import seen_domain

FAILED = (530, "Failed to scale the VM")


def _crowded_by_memory(stage: Stage) -> tuple[StagedInstance, Size]:
    """An instance on a host that lacks memory for the size that comes with it; a neighbour has room for that."""
    grown = Size(2, stage.speed(0.25), 1280)
    stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    stage.leave_memory_mib(512)
    return instance, grown


def _crowded_by_cpu(stage: Stage) -> tuple[StagedInstance, Size]:
    """An instance on a host that lacks MHz for the size that comes with it; a neighbour has room for that."""
    grown = Size(2, stage.speed(0.5), 512)
    stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    stage.leave_cpu_mhz(stage.speed(0.25))
    return instance, grown


def _beyond_home(stage: Stage) -> Size:
    """A size above all memory that the home host could give away, for which a neighbour has room."""
    grown = Size(1, stage.speed(0.25), stage.home_total_mib + 512)
    stage.needs_a_neighbour_for(grown)
    return grown


@pytest.mark.case("MIG-01")
@pytest.mark.smoke
@pytest.mark.alone("cluster", hosts=2)
def test_instance_moves_to_a_host_with_memory_and_is_scaled(stage: Stage) -> None:
    """Auto-migration on: an instance for which its host lacks memory is migrated and then scaled.

    Preconditions: a filler leaves 512 MiB free on the host; another host of the cluster has room.
    Steps: scale the instance from 1 to 2 vCPUs and from 256 to 1280 MiB.
    Expected: the job succeeds on every release; it runs on another host of the cluster with 2 vCPUs and a DIMM of
        1 GiB, and the guest uses both after the move.
    """
    instance, grown = _crowded_by_memory(stage)
    scaled = instance.scale_without_room(*stage.scalable(grown))
    assert scaled.job.succeeded
    assert not instance.is_on_home
    assert scaled.grew_to(2, 1048576)


@pytest.mark.case("MIG-02")
@pytest.mark.alone("cluster", hosts=2)
def test_instance_moves_to_a_host_with_cpu_and_is_scaled(stage: Stage) -> None:
    """Auto-migration on: an instance for which its host lacks MHz is migrated and then scaled.

    Preconditions: a filler leaves a quarter of one CPU free on the host; another host of the cluster has room.
    Steps: scale the instance from 1 vCPU at a quarter of the host's speed to 2 at half of it, and to 512 MiB.
    Expected: the job succeeds on every release; it runs on another host of the cluster with 2 vCPUs and 512 MiB.
    """
    instance, grown = _crowded_by_cpu(stage)
    scaled = instance.scale_without_room(*stage.scalable(grown))
    assert scaled.job.succeeded
    assert not instance.is_on_home
    domain = seen_domain(scaled.observation)
    assert (domain.vcpus, domain.memory_kib) == (2, 524288)


@pytest.mark.case("MIG-03")
@pytest.mark.alone("cluster", hosts=2)
def test_instance_with_room_stays_where_it_is(stage: Stage) -> None:
    """Auto-migration on: an instance whose host has room is scaled there.

    Preconditions: the host has room for the growth, and so has another one of its cluster.
    Steps: scale the instance from 1 to 2 vCPUs and from 256 to 512 MiB.
    Expected: the job succeeds on every release; the host is the same.
    """
    grown = Size(2, stage.speed(0.25), 512)
    stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    assert instance.scale(*stage.scalable(grown)).job.succeeded
    assert instance.is_on_home


@pytest.mark.case("MIG-04")
@pytest.mark.alone("cluster", hosts=2)
def test_instance_for_which_no_host_has_room_is_left_alone(stage: Stage) -> None:
    """Auto-migration on: an instance for whose new size no host of the cluster has room stays as it is.

    Preconditions: a running instance with 256 MiB; the cluster has another host.
    Steps: scale it to 512 MiB more than any host of the cluster has free.
    Expected: 530 "Failed to scale the VM", on every release; host, size and domain are as before.
    """
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    grown = Size(1, stage.speed(0.25), stage.largest_free_mib + 512)
    scaled = instance.scale_without_room(*stage.scalable(grown))
    assert (scaled.job.code, scaled.job.text) == FAILED
    assert instance.is_on_home
    assert instance.record.memory_mib == 256


@pytest.mark.case("MIG-05")
@pytest.mark.alone("cluster", hosts=2)
def test_without_auto_migration_lacking_memory_is_a_refusal(stage: Stage) -> None:
    """Auto-migration off: an instance for which its host lacks memory is neither migrated nor scaled.

    Preconditions: as MIG-01, with auto.migrate.vm.on.live.scale.insufficient.capacity false in the cluster.
    Steps: as MIG-01.
    Expected: 530 "Failed to scale the VM"; host, size and domain are as before. Before 4.23 there is no such setting:
        the API says so, and the instance is migrated and scaled.
    """
    stage.setting(AUTO_MIGRATE, "false")
    instance, grown = _crowded_by_memory(stage)
    scaled = instance.scale_without_room(*stage.scalable(grown))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == FAILED
    assert instance.is_on_home is not scaled.job.succeeded
    assert instance.record.memory_mib == (1280 if scaled.job.succeeded else 256)


@pytest.mark.case("MIG-06")
@pytest.mark.alone("cluster", hosts=2)
def test_without_auto_migration_lacking_cpu_is_a_refusal(stage: Stage) -> None:
    """Auto-migration off: an instance for which its host lacks MHz is neither migrated nor scaled.

    Preconditions: as MIG-02, with auto.migrate.vm.on.live.scale.insufficient.capacity false in the cluster.
    Steps: as MIG-02.
    Expected: 530 "Failed to scale the VM"; host, size and domain are as before. Before 4.23 there is no such setting:
        the API says so, and the instance is migrated and scaled.
    """
    stage.setting(AUTO_MIGRATE, "false")
    instance, grown = _crowded_by_cpu(stage)
    scaled = instance.scale_without_room(*stage.scalable(grown))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == FAILED
    assert instance.is_on_home is not scaled.job.succeeded
    assert instance.record.cpus == (2 if scaled.job.succeeded else 1)


@pytest.mark.case("MIG-07")
@pytest.mark.alone("cluster")
def test_without_auto_migration_an_instance_with_room_is_scaled(stage: Stage) -> None:
    """Auto-migration off: an instance whose host has room is scaled there.

    Preconditions: auto.migrate.vm.on.live.scale.insufficient.capacity is false in the cluster; the host has room.
    Steps: scale the instance from 1 to 2 vCPUs and from 256 to 512 MiB.
    Expected: the job succeeds on every release; the host is the same.
    """
    stage.setting(AUTO_MIGRATE, "false")
    speed = stage.speed(0.25)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)))
    assert instance.scale(*stage.scalable(Size(2, speed, 512))).job.succeeded
    assert instance.is_on_home


@pytest.mark.case("MIG-08")
@pytest.mark.alone("zone", hosts=2)
def test_a_clusters_value_for_auto_migration_wins(stage: Stage) -> None:
    """Auto-migration is on globally and off in the cluster: the cluster's value counts.

    Preconditions: the setting is true globally and false in the host's cluster; otherwise as MIG-01.
    Steps: as MIG-01.
    Expected: 530 "Failed to scale the VM", no migration (from 4.23 on; before, there is no such setting).
    """
    stage.global_setting(AUTO_MIGRATE, "true")
    stage.setting(AUTO_MIGRATE, "false")
    instance, grown = _crowded_by_memory(stage)
    scaled = instance.scale_without_room(*stage.scalable(grown))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == FAILED
    assert instance.is_on_home is not scaled.job.succeeded


@pytest.mark.case("MIG-09")
@pytest.mark.alone("zone")
def test_another_clusters_host_is_no_destination(stage: Stage) -> None:
    """Auto-migration on: where only a host of another cluster has room, the instance stays as it is.

    Preconditions: fillers leave no host of the instance's cluster with room for the new size; one of another has.
    Steps: scale the instance from 256 MiB to that size.
    Expected: 530 "Failed to scale the VM", on every release; host, size and domain are as before.
    """
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    grown = Size(1, stage.speed(0.25), stage.leave_only_other_clusters(256))
    scaled = instance.scale_without_room(*stage.scalable(grown))
    assert (scaled.job.code, scaled.job.text) == FAILED
    assert instance.is_on_home


@pytest.mark.case("MIG-10")
@pytest.mark.alone("cluster", hosts=2)
def test_quota_after_a_move_is_by_the_destinations_speed(stage: Stage) -> None:
    """A capped instance that is migrated for its scale gets the quota of its new host's CPU speed.

    Preconditions: the cluster's hosts have CPUs of different speeds; a filler leaves 512 MiB free on the host.
    Steps: scale the instance from 256 to 1280 MiB with CPU cap, at a fifth of the other host's speed.
    Expected: the job succeeds (from 4.23 on); on the other host quota 2000, period 10000. Before, the quota stays as
        it is.
    """
    faster = [host for host in stage.neighbours if host.speed_mhz != stage.home.speed_mhz]
    if not faster:
        raise CannotArrangeError(f"needs a second host in cluster {stage.home.cluster_name} with other MHz")
    speed = int(faster[0].speed_mhz * 0.2)
    stage.needs_a_neighbour_for(Size(1, speed, 1280))
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)))
    stage.leave_memory_mib(512)
    scaled = instance.scale_without_room(*stage.scalable(Size(1, speed, 1280), cap=True))
    assert scaled.job.succeeded
    assert not instance.is_on_home
    if stage.release.scales_fixed_offerings and stage.cpu_overcommit == 1 and len(stage.neighbours) == 1:
        assert scaled.bandwidth == (2000, 10000)


@pytest.mark.case("MIG-11")
@pytest.mark.alone("cluster", hosts=2)
def test_size_beyond_the_first_hosts_totals_is_not_reached_elsewhere(stage: Stage) -> None:
    """An instance that shall grow beyond the totals of the host where it started is moved and fails there.

    This is what is built, known as DEF-02. Where it is mended the instance stays where it is.

    Preconditions: the capacity settings are 0; another host of the cluster has room for more memory than this has.
    Steps: scale the instance to 512 MiB more than its host has in total, overcommit included.
    Expected: 530 "Unable to reconfigure VM." (before 4.23 "Unhandled exception"); it runs on the other host with its
        old offering.
    """
    grown = _beyond_home(stage)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    scaled = instance.scale_without_room(*stage.scalable(grown))
    assert scaled.job.code == 530
    if not instance.is_on_home:
        text = "Unable to reconfigure VM." if stage.release.scales_fixed_offerings else "Unhandled exception"
        assert scaled.job.text == text
    assert instance.record.memory_mib == 256


@pytest.mark.case("MIG-12")
@pytest.mark.alone("cluster", hosts=2)
def test_capacity_settings_above_the_first_host_let_it_grow_elsewhere(stage: Stage) -> None:
    """With ceilings above the totals of the host where it started an instance is moved and scaled beyond them.

    Preconditions: the memory setting is 1024 MiB above, the vCPU setting 4 above what the host has, overcommit
        included; another host of the cluster has room for more memory than this has.
    Steps: scale the instance to 512 MiB more than its host has in total, overcommit included.
    Expected: the job succeeds (from 4.23 on); it runs on the other host with that much memory, also in the guest.
    """
    stage.setting(MEMORY_CEILING, str(stage.home_total_mib + 1024))
    stage.setting(CPU_CEILING, str(stage.home.cpus + 4))
    grown = _beyond_home(stage)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    scaled = instance.scale_without_room(*stage.scalable(grown))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert not instance.is_on_home or not stage.release.scales_fixed_offerings
    if scaled.job.succeeded:
        assert seen_domain(scaled.observation).memory_kib == grown.memory_mib * 1024


@pytest.mark.case("MIG-13")
@pytest.mark.alone("cluster", hosts=2)
def test_guest_uses_what_is_added_after_a_migration(stage: Stage) -> None:
    """An instance that was migrated by hand is scaled in place, and its guest uses what was added.

    Preconditions: a running instance with 1 vCPU and 256 MiB; another host of the cluster has room.
    Steps: migrate it to that host, then scale it to 2 vCPUs and 512 MiB.
    Expected: both jobs succeed on every release; domain and guest have 2 vCPUs and 512 MiB.
    """
    grown = Size(2, stage.speed(0.25), 512)
    neighbour = stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    instance.migrate_to(neighbour)
    scaled = instance.scale(*stage.scalable(grown))
    assert scaled.job.succeeded
    assert instance.record.host_id == neighbour.id
    domain = seen_domain(scaled.observation)
    assert (domain.vcpus, domain.memory_kib) == (2, 524288)


@pytest.mark.case("MIG-14")
@pytest.mark.alone("cluster", hosts=2)
def test_a_capped_instance_keeps_its_cap_when_it_is_migrated_by_hand(stage: Stage) -> None:
    """A capped instance that is migrated by hand still has a quota on its new host.

    Preconditions: a running instance with CPU cap at a fifth of the host's speed; a neighbour with room.
    Steps: migrate it to the neighbour.
    Expected: it runs there with quota and period; their values are asserted through the reference.
    """
    stage.needs_a_neighbour_for(Size(1, stage.speed(0.2), 256))
    instance = stage.instance(stage.fixed(1, stage.speed(0.2), 256, cap=True))
    moved = seen_domain(instance.migrate_to(stage.neighbours[0]))
    assert not instance.is_on_home
    assert None not in (moved.quota_us, moved.period_us)
