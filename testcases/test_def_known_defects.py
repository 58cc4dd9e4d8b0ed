"""DEF: defects of the product that are known; a case passes where its defect is mended."""

import pytest

from harness.reference import oddities
from harness.reference.offering import CustomParameters, Size
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_THRESHOLD
from harness.run.races import scale_one_instance_twice, scale_two_instances
from harness.run.stage import Stage


@pytest.mark.case("DEF-01")
def test_two_scales_of_one_instance_at_once(stage: Stage) -> None:
    """Of two scale requests at once on one instance both are carried out, and counted once.

    Preconditions: a running instance with 1 vCPU of a plain account.
    Steps: as its user ask for 2 vCPUs and, without waiting, for 3; wait for both; expunge the instance.
    Expected: it has 3 vCPUs, and the account counts nothing in the end. As built the second job succeeds too, is never
        applied, and its 2 vCPUs stay in the account's count.
    """
    stage.looks_for(oddities.CONCURRENT_SCALES)
    owner, speed = stage.account(), stage.speed(0.25)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)), owner=owner)
    two, three = stage.scalable(Size(2, speed, 256)), stage.scalable(Size(3, speed, 256))
    first, second = instance.request(*two, by=owner.api), instance.request(*three, by=owner.api)
    scale_one_instance_twice(first, second)
    instance.expunge()
    seen = owner.counts()
    stage.facts(
        oddities.CONCURRENT_SCALES,
        "listAccounts",
        {"vCPUs counted in the end": seen.cpus, "MiB counted in the end": seen.memory_mib},
        as_built={"vCPUs counted in the end": 2, "MiB counted in the end": 0},
        mended={"vCPUs counted in the end": 0, "MiB counted in the end": 0},
    )


@pytest.mark.case("DEF-02")
@pytest.mark.alone("cluster", hosts=2)
def test_migration_of_an_instance_that_cannot_grow(stage: Stage) -> None:
    """An instance whose domain cannot be given the new size is not migrated for it.

    Asserted through the reference only.

    Preconditions: the capacity settings are 0; another host of the cluster has room for more memory than this has.
    Steps: scale an instance of 256 MiB to 512 MiB more than its host has in total, overcommit included.
    Expected: the scale is refused, and the instance stays on its host. As built it is moved and not scaled.
    """
    stage.looks_for(oddities.MOVED_FOR_NOTHING)
    grown = Size(1, stage.speed(0.25), stage.home_total_mib + 512)
    stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    assert not instance.scale_without_room(*stage.scalable(grown)).job.succeeded


@pytest.mark.case("DEF-03")
def test_speed_at_the_start_after_a_change_of_class(stage: Stage) -> None:
    """An instance changed from an unconstrained to a constrained offering starts with the new speed.

    Asserted through the reference only.

    Preconditions: a running instance of an unconstrained offering at 30 percent of the host's speed.
    Steps: scale it to a capped constrained offering at 35 percent, with 2 vCPUs and 512 MiB; stop and start it.
    Expected: shares and quota of 35 percent, before and after. As built those of 30 percent after the start (not
        before 4.23).
    """
    stage.looks_for(oddities.STALE_SPEED)
    instance = stage.instance(stage.unconstrained(), CustomParameters("1", str(stage.speed(0.3)), "256"))
    constrained = stage.constrained((1, 4), stage.speed(0.35), (256, 1024), cap=True)
    assert instance.scale(constrained, CustomParameters("2", memory_mib="512")).job.succeeded
    instance.restart()


@pytest.mark.case("DEF-04")
@pytest.mark.alone("cluster")
def test_quota_under_cpu_overcommit(stage: Stage) -> None:
    """With CPU overcommit a live scale sets the quota that a start gives.

    Asserted through the reference only.

    Preconditions: cpu.overprovisioning.factor of the cluster is 2, or more than 1 already.
    Steps: scale an instance without CPU cap to a capped offering at 30 percent of the host's speed; stop and start it.
    Expected: quota 3000, period 10000, before and after. As built it is divided by the factor before the start (not
        before 4.23, which leaves it alone).
    """
    stage.looks_for(oddities.HALVED_QUOTA)
    if stage.cpu_overcommit == 1:
        stage.setting(CPU_OVERCOMMIT, "2")
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.15), 256)))
    assert instance.scale(*stage.scalable(Size(1, stage.speed(0.3), 256), cap=True)).job.succeeded
    instance.restart()


@pytest.mark.case("DEF-05")
@pytest.mark.smoke
def test_memory_in_other_than_whole_blocks(stage: Stage) -> None:
    """Memory that the guest cannot use is not given to an instance.

    Asserted through the reference only.

    Preconditions: a running instance with 256 MiB.
    Steps: scale it to 300 MiB, to 384 and to 513.
    Expected: the guest has what the API shows, or the request is refused. As built the first two succeed and the guest
        has 256 MiB as before; the third fails in QEMU.
    """
    stage.looks_for(oddities.UNUSABLE_DIMM)
    speed = stage.speed(0.25)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)))
    for memory_mib in (300, 384, 513):
        instance.scale(*stage.scalable(Size(1, speed, memory_mib)))


@pytest.mark.case("DEF-06")
@pytest.mark.alone("cluster")
def test_growth_of_two_instances_at_once(stage: Stage) -> None:
    """Two instances that grow at once into room for one do not overfill their host.

    Asserted through the reference only.

    Preconditions: two instances of 256 MiB on one host, on which a filler leaves 1792 MiB; the cluster may be
        filled up.
    Steps: ask for 1280 MiB for both, the second without waiting for the first.
    Expected: one is scaled in place; the other is migrated where another host has room, else refused. As built both
        grow where they are, and the second job fails all the same (before 4.23 both succeed).
    """
    stage.looks_for(oddities.CONCURRENT_GROWTH)
    small = stage.scalable(Size(1, stage.speed(0.25), 256))
    pair = [stage.instance(*small), stage.instance(*small)]
    stage.setting(MEMORY_THRESHOLD, "1.0")
    stage.leave_memory_mib(1792)
    larger = stage.scalable(Size(1, stage.speed(0.25), 1280))
    first, second = [instance.request(*larger) for instance in pair]
    scale_two_instances(first, second)


@pytest.mark.case("DEF-07")
def test_whose_resources_a_scale_by_an_admin_counts_for(stage: Stage) -> None:
    """A scale that an admin asks for is counted for the instance's owner.

    Preconditions: a running instance with 1 vCPU of a plain account.
    Steps: as an admin scale it to 2 vCPUs; expunge it.
    Expected: the owner's account counts 2 vCPUs, and 0 in the end. As built it counts 1, and -1 in the end.
    """
    stage.looks_for(oddities.COUNTED_FOR_THE_CALLER)
    owner, speed = stage.account(), stage.speed(0.25)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)), owner=owner)
    assert instance.scale(*stage.scalable(Size(2, speed, 256))).job.succeeded
    scaled = owner.counts().cpus
    instance.expunge()
    stage.recount_callers_resources()
    stage.facts(
        oddities.COUNTED_FOR_THE_CALLER,
        "listAccounts",
        {"owner's vCPUs after the scale": scaled, "owner's vCPUs in the end": owner.counts().cpus},
        as_built={"owner's vCPUs after the scale": 1, "owner's vCPUs in the end": -1},
        mended={"owner's vCPUs after the scale": 2, "owner's vCPUs in the end": 0},
    )
