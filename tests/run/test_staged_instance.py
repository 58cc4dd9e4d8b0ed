"""An instance of a case is stopped, started, switched and scaled while stopped: what is wrong afterwards is caught."""

import re
from dataclasses import replace

import pytest

from harness.cloud import instances
from harness.cloud.instances import JobFailedError
from harness.cloud.jobs import run_job
from harness.hosts.observation import Absent
from harness.lab.hypervisor import HypervisorError
from harness.reference.offering import OfferingClass, Size, concrete_size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import Outcome
from harness.reference.settings import CPU_OVERCOMMIT, ENABLE_DYNAMIC_SCALE
from harness.run.stage import Stage
from harness.run.staged_instance import StagedInstance
from harness.verify.domain import is_prepared, seen_domain
from harness.verify.finding import Layer
from tests.conftest import SimulatedLab

SMALL, LARGER = Size(1, 500, 256), Size(2, 750, 512)


def _what(stage: Stage) -> list[str]:
    return [finding.what for finding in stage.comparison.findings]


def _small(stage: Stage) -> StagedInstance:
    return stage.instance(*stage.offering(OfferingClass.FIXED, SMALL))


@pytest.mark.parametrize("offering_class", OfferingClass)
def test_an_instance_of_any_class_has_its_new_size_from_its_start_on_after_a_restart(
    stage: Stage, offering_class: OfferingClass
) -> None:
    instance = stage.instance(*stage.offering(offering_class, SMALL, cap=True))
    assert seen_domain(instance.scale(*stage.offering(offering_class, LARGER, cap=True)).observation).dimms_kib
    domain = seen_domain(instance.restart())
    assert (domain.vcpus, domain.memory_kib, domain.dimms_kib, domain.quota_us) == (2, 524288, (), 3700)
    assert stage.comparison.findings == ()
    assert stage.comparison.seen == set(Layer)


def test_an_instance_runs_with_the_offering_it_was_given_last(stage: Stage) -> None:
    small, _ = stage.offering(OfferingClass.FIXED, SMALL)
    larger, _ = stage.offering(OfferingClass.FIXED, LARGER)
    instance = stage.instance(small)
    assert instance.runs_with(small)
    assert instance.scale(larger).domain.vcpus == 2
    assert instance.runs_with(larger)
    assert not instance.runs_with(small)
    instance.stop()
    assert not instance.runs_with(larger)


@pytest.mark.parametrize(("release", "offering_class"), [(BEFORE, "custom unconstrained"), (SINCE, "fixed")])
def test_the_simplest_offering_that_a_release_scales_live(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, release: Release, offering_class: str
) -> None:
    monkeypatch.setattr(stage.session, "inventory", replace(stage.session.inventory, release=release))
    offering, parameters = stage.scalable(stage.size(1, 0.25, 256), cap=True, dynamic=False)
    assert offering.offering_class == offering_class
    assert concrete_size(offering, parameters) == Size(1, 500, 256)
    assert (offering.cpu_cap, offering.dynamic_scaling) == (True, False)


def test_a_stopped_instance_is_on_no_host_for_the_api_and_for_the_host(stage: Stage) -> None:
    instance = _small(stage)
    assert isinstance(instance.stop().domain, Absent)
    assert (instance.record.state, instance.record.host_id) == ("Stopped", None)
    instance.verify()
    assert stage.comparison.findings == ()


def test_a_domain_that_runs_on_after_the_stop_is_caught_whatever_the_api_says(
    stage: Stage, lab: SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = _small(stage)
    with monkeypatch.context() as lying:
        lying.setattr(lab.hypervisors[stage.home.name], "destroy", lambda _name: None)
        instance.stop()
    assert instance.record.state == "Stopped"
    (finding,) = stage.comparison.findings
    assert (finding.layer, finding.observed, finding.rule_id) == (Layer.DOMAIN, "present", "stopped")
    lab.hypervisors[stage.home.name].destroy(instance.record.instance_name)


def test_a_start_that_prepares_nothing_is_caught(
    stage: Stage, lab: SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = _small(stage)
    hypervisor = lab.hypervisors[stage.home.name]
    start = hypervisor.start
    # As an agent would that knows nothing of ceilings: neither maxMemory nor the cell that goes with it.
    without = r"<maxMemory.*?</maxMemory>|<numa>.*?</numa>"
    with monkeypatch.context() as lying:
        lying.setattr(hypervisor, "start", lambda xml: start(re.sub(without, "", xml, flags=re.S)))
        instance.restart()
    assert "maxMemory in KiB" in _what(stage)


def _refuse(_xml: str) -> None:
    raise HypervisorError("internal error: not today")


def test_a_start_that_is_refused_is_caught_and_ends_the_case(
    stage: Stage, lab: SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = _small(stage)
    instance.stop()
    for hypervisor in lab.hypervisors.values():
        monkeypatch.setattr(hypervisor, "start", _refuse)
    with pytest.raises(JobFailedError, match=r"start of instance i-.* failed: 533 Unable to create a deployment"):
        instance.start()
    assert _what(stage) == ["job"]


def test_an_instance_that_starts_elsewhere_is_held_against_that_host(
    stage: Stage, lab: SimulatedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, SMALL, cap=True))
    instance.stop()
    monkeypatch.setattr(lab.hypervisors[stage.home.name], "start", _refuse)
    domain = seen_domain(instance.start())
    assert stage.comparison.findings == ()
    assert not instance.is_on_home
    (host,) = [host for host in stage.session.hosts() if host.id == instance.record.host_id]
    assert (domain.max_vcpus, domain.quota_us) == (host.cpus, 10000 * 500 // host.speed_mhz)


def test_each_start_that_was_looked_at_is_a_fact_of_the_run(stage: Stage) -> None:
    instance = _small(stage)
    instance.scale(*stage.offering(OfferingClass.FIXED, LARGER))
    instance.set_dynamic_scaling(False)
    instance.restart()
    first, second = stage.starts
    assert (first.size.cpus, first.prepared, first.instance_switch, first.max_vcpus) == (1, True, True, 8)
    assert (second.size.cpus, second.prepared, second.instance_switch, second.max_vcpus) == (2, False, False, 2)
    assert (second.zone_switch, second.offering_switch, second.template_switch) == (True, True, True)
    assert first.expected_max_memory_kib == stage.home.allocatable_memory_bytes // 1024


def test_the_state_before_a_scale_is_looked_at_too(stage: Stage, lab: SimulatedLab) -> None:
    instance = _small(stage)
    lab.hypervisors[stage.home.name].set_scheduler_parameter(instance.record.instance_name, "vcpu_quota", 5000)
    instance.scale(*stage.offering(OfferingClass.FIXED, LARGER, cap=True))
    assert _what(stage) == ["quota in us", "vcpu_quota in us", "quota of vCPU 0 in us"]


def test_a_stopped_instance_keeps_any_size_for_its_next_start(stage: Stage) -> None:
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, LARGER, cap=True))
    instance.stop()
    stored = instance.scale(*stage.offering(OfferingClass.UNCONSTRAINED, SMALL))
    assert (stored.prediction.outcome, stored.job.succeeded) == (Outcome.STORED, True)
    assert (instance.record.cpus, instance.record.memory_mib) == (1, 256)
    domain = seen_domain(instance.start())
    assert (domain.vcpus, domain.memory_kib, domain.quota_us) == (1, 262144, None)
    assert stage.comparison.findings == ()
    (scale,) = stage.scales
    assert (scale.predicted, scale.expected_quota_us, scale.quota_us) == ("stored", None, None)


def test_a_stopped_instance_that_forgot_its_new_size_is_caught(stage: Stage) -> None:
    instance = _small(stage)
    instance.stop()
    other, _ = stage.offering(OfferingClass.FIXED, Size(1, 750, 256))
    instance.scale(*stage.offering(OfferingClass.FIXED, LARGER))
    assert run_job(stage.api, "scaleVirtualMachine", 20, id=instance.id, serviceofferingid=other.id).succeeded
    instance.start()
    assert {"service offering", "memory in MiB", "memory in KiB", "current vCPUs"} <= set(_what(stage))


def test_the_instance_flag_counts_from_the_next_start_on(stage: Stage) -> None:
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, SMALL), dynamic_scaling=False)
    instance.set_dynamic_scaling(True)
    assert not is_prepared(seen_domain(instance.verify()))
    assert is_prepared(seen_domain(instance.restart()))
    assert stage.comparison.findings == ()


def test_the_instance_flag_is_refused_with_the_predicted_text(stage: Stage) -> None:
    instance = _small(stage)
    stage.setting(ENABLE_DYNAMIC_SCALE, "false")
    instance.set_dynamic_scaling(False)
    instance.set_dynamic_scaling(True)
    assert not instance.record.dynamically_scalable
    assert stage.comparison.findings == ()


def test_an_instance_flag_that_is_refused_without_reason_is_caught(stage: Stage) -> None:
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, SMALL), dynamic_scaling=False)
    template = stage.session.inventory.template.id
    stage.api.call("updateTemplate", id=template, isdynamicallyscalable=False)
    try:
        instance.set_dynamic_scaling(True)
    finally:
        stage.api.call("updateTemplate", id=template, isdynamicallyscalable=True)
    (answer, flag) = stage.comparison.findings
    assert (answer.what, answer.expected) == ("answer", "accepted")
    assert "Template does not have dynamic scaling enabled" in answer.observed
    assert (flag.what, flag.expected, flag.observed) == ("instance flag", "True", "False")


def test_an_instance_flag_changed_behind_the_cases_back_is_caught(stage: Stage) -> None:
    instance = _small(stage)
    instances.set_dynamic_scaling(stage.api, instance.id, False)
    instance.verify()
    assert _what(stage) == ["instance flag"]


def test_a_restart_in_an_overcommitted_cluster_has_that_clusters_values(stage: Stage) -> None:
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, Size(2, 600, 256), cap=True))
    stage.setting(CPU_OVERCOMMIT, "2")
    domain = seen_domain(instance.restart())
    assert (domain.shares, domain.quota_us) == (600, 3000)
    assert stage.comparison.findings == ()


def test_a_saved_speed_that_outlives_the_change_counts_from_the_next_start_on(stage: Stage) -> None:
    instance = stage.instance(*stage.offering(OfferingClass.UNCONSTRAINED, Size(1, 600, 256)))
    instance.scale(*stage.offering(OfferingClass.CONSTRAINED, Size(1, 700, 256)))
    assert seen_domain(instance.restart()).shares == 600
    assert instance.record.speed_mhz == 700
    assert stage.comparison.findings == ()
    assert "DEF-03" in stage.notes
