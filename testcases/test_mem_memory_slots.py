"""MEM: the sixteen memory slots of a domain."""

import pytest

from harness.reference.offering import CustomParameters
from harness.run.stage import Stage
from harness.verify.domain import seen_domain


@pytest.mark.case("MEM-01")
@pytest.mark.alone("cluster")
def test_memory_grows_sixteen_times_and_not_once_more(stage: Stage) -> None:
    """Each growth of memory takes one of 16 slots; the seventeenth is refused and changes nothing.

    Preconditions: a running instance of a custom unconstrained offering with 256 MiB, prepared.
    Steps: scale it sixteen times by 128 MiB more, then once more; then to 2 vCPUs without more memory.
    Expected: sixteen jobs succeed, the domain has 16 DIMMs of 131072 KiB; the next fails with 530 "Unable to
        reconfigure VM." ("Unhandled exception" before 4.23) and leaves 2304 MiB; the vCPU needs no slot and comes.
    """
    stage.needs_mib(2432)
    offering, speed = stage.unconstrained(), str(stage.speed(0.25))
    instance = stage.instance(offering, CustomParameters("1", speed, "256"))
    for slots in range(1, 17):
        grown = instance.scale(offering, CustomParameters("1", speed, str(256 + 128 * slots)))
        assert grown.job.succeeded
        assert len(grown.domain.dimms_kib) == slots
        assert grown.grew_to(1, *(131072,) * slots)
    once_more = instance.scale(offering, CustomParameters("1", speed, "2432"))
    failure = r"Unable to reconfigure VM\." if stage.release.scales_fixed_offerings else "Unhandled exception"
    assert once_more.refused_with(530, failure)
    assert (instance.record.memory_mib, len(once_more.domain.dimms_kib)) == (2304, 16)
    assert instance.scale(offering, CustomParameters("2", speed, "2304")).domain.vcpus == 2


@pytest.mark.case("MEM-02")
@pytest.mark.smoke
def test_a_restart_makes_the_slots_free_again(stage: Stage) -> None:
    """After a restart all memory is there from the start and no slot is taken.

    Preconditions: a running instance that grew twice from 256 to 512 MiB.
    Steps: stop and start it; scale it to 640 MiB.
    Expected: two DIMMs of 131072 KiB before; 524288 KiB and no DIMM after the start; then one DIMM of 131072 KiB.
    """
    offering, speed = stage.unconstrained(), str(stage.speed(0.25))
    instance = stage.instance(offering, CustomParameters("1", speed, "256"))
    instance.scale(offering, CustomParameters("1", speed, "384"))
    grown = instance.scale(offering, CustomParameters("1", speed, "512"))
    assert grown.grew_to(1, 131072, 131072)
    restarted = seen_domain(instance.restart())
    assert stage.starts_with(restarted, 1, 524288)
    assert instance.scale(offering, CustomParameters("1", speed, "640")).grew_to(1, 131072)
