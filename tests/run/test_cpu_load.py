"""What a busy guest gets is measured, and a guest that is not busy is never taken for one that is not held back."""

import pytest

from harness.run import cpu_load
from harness.run.stage import Stage
from harness.verify.domain import NotVerifiedError
from harness.verify.finding import Layer
from tests.conftest import SimulatedLab


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_load, "_MEASURED_SECONDS", 0.4)
    monkeypatch.setattr(cpu_load, "_BEGINS_WITHIN_SECONDS", 2.0)


def test_a_capped_guest_gets_what_its_cap_leaves_it(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256, cap=True))
    assert instance.burn_cpu().part == pytest.approx(0.25, abs=0.1)
    assert stage.comparison.findings == ()


def test_a_cap_that_does_not_hold_is_caught(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256, cap=True))
    instance.verify()
    lab.hypervisors[stage.home.name].set_scheduler_parameter(instance.record.instance_name, "vcpu_quota", 9000)
    instance.burn_cpu()
    [finding] = stage.comparison.findings
    assert (finding.layer, finding.what) == (Layer.GUEST, "part of a CPU that a busy vCPU gets")


def test_a_guest_that_is_held_back_without_a_cap_is_caught(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    lab.hypervisors[stage.home.name].set_scheduler_parameter(instance.record.instance_name, "vcpu_quota", 50000)
    instance.burn_cpu()
    assert [finding.what for finding in stage.comparison.findings] == ["periods in which a vCPU is held back"]


def test_a_guest_that_runs_no_program_is_not_verified(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    lab.hypervisors[stage.home.name].set_guest_agent(instance.record.instance_name, answering=False)
    with pytest.raises(NotVerifiedError, match=r"the guest runs no program: .*not connected"):
        instance.burn_cpu()


def test_a_program_that_ends_by_itself_is_not_verified(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    monkeypatch.setattr(cpu_load, "_BURNS_SECONDS", 1)
    monkeypatch.setattr(cpu_load, "_MEASURED_SECONDS", 1.5)
    with pytest.raises(NotVerifiedError, match="the guest's program ended by itself"):
        instance.burn_cpu()


def test_a_guest_that_does_not_get_busy_is_not_verified(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    monkeypatch.setattr(cpu_load, "_BURNS_SECONDS", 0)
    with pytest.raises(NotVerifiedError, match=r"waited 2 s for guest .* to be busy"):
        instance.burn_cpu()
