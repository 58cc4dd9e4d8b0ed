"""UPG: instances that were started before dynamic scaling was switched on."""

import pytest

from harness.reference.settings import ENABLE_DYNAMIC_SCALE
from harness.run.stage import Stage
from harness.verify.domain import is_prepared, seen_domain


def _agent_failed(stage: Stage) -> str:
    return r"Unable to reconfigure VM\." if stage.release.scales_fixed_offerings else "Unhandled exception"


@pytest.mark.case("UPG-01")
@pytest.mark.alone("zone")
def test_an_instance_from_before_the_switch_needs_a_restart(stage: Stage) -> None:
    """An instance started before the zone's setting was switched on cannot grow until it is stopped and started.

    Preconditions: an instance that was started while enable.dynamic.scale.vm was false; then setting and flag are on.
    Steps: scale it to 512 MiB; stop and start it; scale it to 512 MiB again.
    Expected: not prepared, the first scale fails with 530 "Unable to reconfigure VM." ("Unhandled exception"
        before 4.23) and changes nothing; prepared after the start, and the second
        succeeds with one DIMM of 256 MiB.
    """
    stage.setting(ENABLE_DYNAMIC_SCALE, "false")
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)))
    stage.setting(ENABLE_DYNAMIC_SCALE, "true")
    instance.set_dynamic_scaling(True)
    larger = stage.scalable(stage.size(1, 0.25, 512))
    early = instance.scale(*larger)
    assert early.refused_with(530, _agent_failed(stage))
    assert not is_prepared(early.domain)
    assert instance.record.memory_mib == 256
    assert stage.starts_with(early.domain, 1, 262144)
    assert is_prepared(seen_domain(instance.restart()))
    assert instance.scale(*larger).grew_to(1, 262144)


@pytest.mark.case("UPG-02")
@pytest.mark.smoke
def test_an_instance_from_before_its_flag_gets_speed_at_once_and_vcpus_after_a_restart(stage: Stage) -> None:
    """An instance whose flag is switched on while it runs gets more speed at once, and vCPUs only after a restart.

    Preconditions: a running instance deployed with dynamicscalingenabled=false, not prepared.
    Steps: updateVirtualMachine isdynamicallyscalable=true; scale it to 2 vCPUs; to twice the speed; stop and start it;
        scale it to 2 vCPUs again.
    Expected: the flag is accepted; the first scale fails as in UPG-01 and leaves 1 vCPU; the second succeeds and raises
        the shares; after the start the third succeeds.
    """
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)), dynamic_scaling=False)
    instance.set_dynamic_scaling(True)
    early = instance.scale(*stage.scalable(stage.size(2, 0.25, 256)))
    assert early.refused_with(530, _agent_failed(stage))
    assert (early.domain.vcpus, early.domain.max_vcpus) == (1, 1)
    faster = instance.scale(*stage.scalable(stage.size(1, 0.5, 256)))
    assert faster.job.succeeded
    assert (faster.domain.shares or 0) > (early.domain.shares or 0)
    assert is_prepared(seen_domain(instance.restart()))
    assert instance.scale(*stage.scalable(stage.size(2, 0.5, 256))).domain.vcpus == 2


@pytest.mark.case("UPG-03")
@pytest.mark.alone("zone")
def test_the_switch_off_and_on_again_leaves_a_prepared_instance_prepared(stage: Stage) -> None:
    """Switching the zone's setting off and on again does nothing to an instance that runs prepared.

    Preconditions: a running instance, prepared.
    Steps: set enable.dynamic.scale.vm to false; scale the instance to 512 MiB; set it to true; scale it again.
    Expected: the first scale fails with 530 "Dynamically scaling Instances is disabled for this zone, please contact
        your admin." ("virtual machines" before 4.23); the second succeeds with one DIMM of 256 MiB.
    """
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)))
    larger = stage.scalable(stage.size(1, 0.25, 512))
    stage.setting(ENABLE_DYNAMIC_SCALE, "false")
    what = "Instances" if stage.release.scales_fixed_offerings else "virtual machines"
    text = rf"Dynamically scaling {what} is disabled for this zone, please contact your admin\."
    refused = instance.scale(*larger)
    assert refused.refused_with(530, text)
    assert is_prepared(refused.domain)
    stage.setting(ENABLE_DYNAMIC_SCALE, "true")
    assert instance.scale(*larger).grew_to(1, 262144)
