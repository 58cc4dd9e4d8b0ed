"""A prediction on a running cloud is what then happens there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.audit.running_domain import as_reference
from harness.cli import main
from harness.cloud import accounts, instances
from harness.hosts.domain_xml import read_domain
from harness.hosts.observation import SchedulerView
from harness.predict import CannotPredictError, LiveCloud
from harness.reference.offering import CustomParameters
from harness.reference.release import BEFORE
from harness.reference.scaling import Outcome
from harness.reference.settings import AUTO_MIGRATE, CPU_OVERCOMMIT
from harness.run.environment import load
from tests.audit.clouds import AuditedCloud
from tests.audit.conftest import cloud as cloud

NONE = CustomParameters()


@pytest.fixture(autouse=True)
def fresh(cloud: AuditedCloud) -> None:
    cloud.fresh()


@pytest.fixture
def live(cloud: AuditedCloud) -> LiveCloud:
    return LiveCloud(load(cloud.cloud_file))


def scaled_as_predicted(
    cloud: AuditedCloud, live: LiveCloud, instance: str, offering: str, parameters: CustomParameters = NONE
) -> Outcome:
    """Predict, then do it, and hold what is there against what was said."""
    asked = live.question(instance, offering, parameters)
    prediction = asked.predict()
    job = instances.begin_scale(cloud.api, instance, offering, parameters).wait(20)

    record = instances.get(cloud.api, instance)
    assert record.host_id in prediction.host_ids
    if prediction.refusal is None:
        assert job.succeeded, job.text
    else:
        assert prediction.refusal.matches(job.code, job.text), (prediction.refusal, job.text)
    size = prediction.size
    assert (record.cpus, record.speed_mhz, record.memory_mib) == (size.cpus, size.speed_mhz, size.memory_mib)
    hypervisor = cloud.hypervisors[str(record.host_name)]
    parameters_now = cloud.domain(instance).scheduler_parameters()
    seen = SchedulerView(parameters_now["cpu_shares"], parameters_now["vcpu_period"], parameters_now["vcpu_quota"])
    view = read_domain(hypervisor.dump_xml(record.instance_name))
    assert as_reference(view, seen, prepared=prediction.domain.prepared) == prediction.domain
    return prediction.outcome


def test_a_scale_in_place(cloud: AuditedCloud, live: LiveCloud) -> None:
    instance = cloud.deploy(cloud.offering(cpu_cap=True))
    assert scaled_as_predicted(cloud, live, instance, cloud.offering(2, 900, 512)) is Outcome.IN_PLACE
    assert scaled_as_predicted(cloud, live, instance, cloud.offering(3, 900, 512, cpu_cap=True)) is Outcome.IN_PLACE


def test_a_scale_of_a_custom_offering(cloud: AuditedCloud, live: LiveCloud) -> None:
    offering = cloud.offering(None, None, None)
    instance = cloud.deploy(offering, CustomParameters("1", "500", "256"))
    assert scaled_as_predicted(cloud, live, instance, offering, CustomParameters(cpus="2")) is Outcome.IN_PLACE
    assert scaled_as_predicted(cloud, live, instance, offering, CustomParameters(memory_mib="no")) is Outcome.REFUSED


def test_a_scale_that_migrates_and_one_that_may_not(cloud: AuditedCloud, live: LiveCloud) -> None:
    cloud.deploy(cloud.offering(1, 100, 3400))
    instance, larger = cloud.deploy(), cloud.offering(1, 500, 1024)
    cloud.set(AUTO_MIGRATE, "false", "cluster-a")
    assert scaled_as_predicted(cloud, live, instance, larger) is Outcome.REFUSED
    cloud.set(AUTO_MIGRATE, "true", "cluster-a")
    assert scaled_as_predicted(cloud, live, instance, larger) is Outcome.MIGRATED


def test_scales_that_are_refused(cloud: AuditedCloud, live: LiveCloud) -> None:
    instance = cloud.deploy(cloud.offering(2, 500, 512))
    unprepared = cloud.deploy(template="lab-guest-unscalable")
    for offering in (cloud.offering(), cloud.offering(2, 500, 512), cloud.offering(4, dynamic_scaling=False)):
        assert scaled_as_predicted(cloud, live, instance, offering) is Outcome.REFUSED
    assert scaled_as_predicted(cloud, live, unprepared, cloud.offering(2, 500, 512)) is Outcome.REFUSED
    cloud.scaling(on=False)
    assert scaled_as_predicted(cloud, live, instance, cloud.offering(4, 500, 512)) is Outcome.REFUSED


def test_a_scale_with_overcommit_and_what_it_breaks(cloud: AuditedCloud, live: LiveCloud) -> None:
    cloud.set(CPU_OVERCOMMIT, "2", "cluster-a")
    instance, larger = cloud.deploy(), cloud.offering(1, 900, 256, cpu_cap=True)
    broken = live.question(instance, larger).predict().contradictions
    assert [found.rule.id for found in broken] == ["DEF-04"]
    assert scaled_as_predicted(cloud, live, instance, larger) is Outcome.IN_PLACE


def test_a_limit_of_its_owner(cloud: AuditedCloud, live: LiveCloud) -> None:
    owner = accounts.create(cloud.api, 60, "limited", accounts.AccountType.USER)
    accounts.set_limit(cloud.api, owner.address, accounts.Limited.CPUS, 2)
    instance = cloud.deploy(owner=owner.address)
    assert scaled_as_predicted(cloud, live, instance, cloud.offering(4)) is Outcome.REFUSED
    assert live.question(instance, cloud.offering(2)).predict().outcome is Outcome.IN_PLACE


def test_a_stopped_instance(cloud: AuditedCloud, live: LiveCloud) -> None:
    instance, larger = cloud.deploy(), cloud.offering(4, 800, 1024)
    assert instances.stop(cloud.api, 20, instance).succeeded
    asked = live.question(instance, larger, host="kvm2")
    assert asked.predict().outcome is Outcome.STORED
    assert any("kvm2" in reason for reason in asked.not_seen)


def test_what_an_upgrade_gives_is_had_after_a_restart(cloud: AuditedCloud, live: LiveCloud) -> None:
    cloud.fresh(BEFORE)
    instance, larger = cloud.deploy(), cloud.offering(2, 500, 512)
    now = live.question(instance, larger)
    assert now.predict().refusal is not None
    assert not now.restart_prepares
    upgraded = now.as_release("4.23")
    refusal = upgraded.predict().refusal
    assert refusal is not None
    assert refusal.text == "Unable to reconfigure VM."
    assert upgraded.restart_prepares
    assert upgraded.after_restart().predict().outcome is Outcome.IN_PLACE

    cloud.upgrade()
    assert scaled_as_predicted(cloud, live, instance, larger) is Outcome.REFUSED
    cloud.restart(instance)
    assert scaled_as_predicted(cloud, live, instance, larger) is Outcome.IN_PLACE


def test_what_was_not_seen_is_not_predicted(cloud: AuditedCloud, live: LiveCloud) -> None:
    instance, offering = cloud.deploy(), cloud.offering(2)
    with pytest.raises(CannotPredictError, match="no such offering"):
        live.question(instance, "huge")
    with pytest.raises(CannotPredictError, match=r"known are 4\.22, 4\.23"):
        live.question(instance, offering).as_release("5.0")
    with pytest.raises(CannotPredictError, match="runs on kvm1: --host is for stopped ones"):
        live.question(instance, offering, host="kvm2")
    cloud.hypervisors["kvm1"].destroy(cloud.domain(instance).name)
    with pytest.raises(CannotPredictError, match="does not run on kvm1"):
        live.question(instance, offering)


def shell(cloud: AuditedCloud, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["predict", "--cloud", str(cloud.cloud_file), *arguments])


def test_a_prediction_is_printed_with_what_is_not_known(cloud: AuditedCloud) -> None:
    instance, offering = cloud.deploy(), cloud.offering(2, 500, 512)
    printed = shell(cloud, "--instance", instance, "--offering", offering)
    assert printed.exit_code == 0, printed.output
    assert "is scaled in place on kvm1." in printed.output
    assert "cluster-a" in printed.output
    assert "not known, and it may decide:" in printed.output
    document = json.loads(shell(cloud, "--instance", instance, "--offering", offering, "--json").output)
    assert (document["outcome"], document["hosts"]) == ("in place", ["kvm1"])


def test_all_offerings_are_told_in_a_table(cloud: AuditedCloud) -> None:
    cloud.offering(2, 500, 512)
    instance = cloud.deploy(cloud.offering())
    printed = shell(cloud, "--instance", instance, "--all-offerings").output
    assert " in place " in printed
    assert "Not upgrading vm" in printed
    rows = json.loads(shell(cloud, "--instance", instance, "--all-offerings", "--json").output)
    assert {row["outcome"] for row in rows if row["offering"].startswith("offering-")} == {"in place", "refused"}


def test_after_the_upgrade_both_are_told(cloud: AuditedCloud) -> None:
    cloud.fresh(BEFORE)
    instance, offering = cloud.deploy(), cloud.offering(2, 500, 512)
    printed = shell(cloud, "--instance", instance, "--offering", offering, "--as-release", "4.23").output
    assert "530 Unable to reconfigure VM." in printed
    assert printed.index("and after it was stopped") < printed.index("is scaled in place")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--cloud needs --instance"),
        (["--instance", "x"], "--all-offerings"),
        (["--instance", "x", "--offering", "y", "--all-offerings"], "--all-offerings"),
        (["--instance", "x", "--offering", "y", "--details", "cpus=3"], "cpuNumber="),
        (["--instance", "nobody", "--offering", "y"], "no instance 'nobody'"),
    ],
)
def test_wrong_input_is_told(cloud: AuditedCloud, arguments: list[str], says: str) -> None:
    result = shell(cloud, *arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_a_file_and_a_cloud_are_not_asked_together(cloud: AuditedCloud, tmp_path: Path) -> None:
    assert shell(cloud, "--offline", str(tmp_path / "x.toml")).exit_code == 2
