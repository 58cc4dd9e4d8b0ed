"""A case's world against a simulated lab: what is arranged is there, what is wrong is caught, nothing stays."""

import socket
from dataclasses import replace

import pytest

from harness.cloud import client, configuration, instances
from harness.cloud.configuration import Place
from harness.cloud.instances import InstanceGoneError, JobFailedError
from harness.cloud.jobs import run_job
from harness.hosts.observation import DomainView
from harness.reference.offering import Size
from harness.reference.settings import (
    CAPACITY_CHECK_PERIOD,
    CPU_CEILING,
    CPU_OVERCOMMIT,
    CPU_THRESHOLD,
    ENABLE_DYNAMIC_SCALE,
    MEMORY_CEILING,
    SCALE_RETRY,
)
from harness.reference.world import World
from harness.run.environment import EnvironmentFileError, Guest, TimeLimits, load
from harness.run.permits import CannotArrangeError
from harness.run.session import Session, WrongReleaseError
from harness.run.stage import Stage
from harness.run.staged_instance import HostUnknownError, StagedInstance
from harness.run.take_back import take_back
from harness.verify.finding import Layer
from tests.conftest import SimulatedLab
from tests.run.stages import session_of, stage_of


def _what(stage: Stage) -> list[str]:
    return [finding.what for finding in stage.comparison.findings]


def test_an_instance_as_predicted_has_no_findings_on_any_layer(stage: Stage) -> None:
    stage.instance(stage.fixed(1, 500, 256)).verify()
    assert stage.comparison.findings == ()
    assert stage.comparison.seen == set(Layer)


def test_a_scale_as_predicted_has_no_findings(stage: Stage) -> None:
    scaled = stage.instance(stage.fixed(1, 500, 256)).scale(stage.fixed(2, 500, 512, cap=True))
    assert scaled.job.succeeded
    assert stage.comparison.findings == ()
    assert isinstance(scaled.observation.domain, DomainView)
    assert scaled.observation.domain.quota_us == 2500


def test_a_quota_that_is_not_what_was_predicted_is_caught(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256, cap=True))
    hypervisor = lab.hypervisors[stage.home.name]
    hypervisor.set_scheduler_parameter(instance.record.instance_name, "vcpu_quota", 5000)
    instance.verify()
    assert _what(stage) == ["quota in us", "vcpu_quota in us", "quota of vCPU 0 in us"]


def test_a_vcpu_too_many_is_caught_on_domain_scheduler_and_guest(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    lab.hypervisors[stage.home.name].set_vcpus(instance.record.instance_name, 3)
    instance.verify()
    assert {finding.layer for finding in stage.comparison.findings} == {Layer.DOMAIN, Layer.SCHEDULER, Layer.GUEST}


def test_a_domain_that_is_gone_is_caught(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    lab.hypervisors[stage.home.name].destroy(instance.record.instance_name)
    instance.verify()
    assert "domain" in _what(stage)
    assert stage.comparison.seen < set(Layer)


def test_an_instance_that_stopped_behind_the_cases_back_is_caught(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    assert run_job(stage.api, "stopVirtualMachine", 10, id=instance.id, forced=True).succeeded
    with pytest.raises(HostUnknownError):
        instance.verify()
    assert "state" in _what(stage)


def test_a_filler_leaves_just_what_it_is_told_to(stage: Stage) -> None:
    stage.leave_memory_mib(512)
    host = stage.session.world().host(stage.home.id)
    assert host.memory_bytes - host.used_memory_bytes == 512 * 1048576


def test_what_the_cloud_lacks_is_named(stage: Stage) -> None:
    with pytest.raises(CannotArrangeError, match=r"needs room for 1 x 500 MHz and 99999 MiB on host kvm1"):
        stage.instance(stage.fixed(1, 500, 99999))
    lack = r"needs a second host in cluster cluster-a with room for 1 x 500 MHz and 99999 MiB; kvm2 has 16 CPUs of 2500"
    with pytest.raises(CannotArrangeError, match=lack):
        stage.needs_a_neighbour_for(Size(1, 500, 99999))
    with pytest.raises(CannotArrangeError, match=r"needs 99999032 MiB free on host kvm1; has 4096"):
        stage.leave_memory_mib(99999000)


def test_settings_are_put_back_when_the_case_ends(session: Session) -> None:
    stage = stage_of(session, "TEST-02")
    stage.setting(CPU_CEILING, "6")
    stage.setting(ENABLE_DYNAMIC_SCALE, "false")
    assert configuration.value(session.api, CPU_CEILING, Place(cluster_id=stage.home.cluster_id)) == "6"
    assert stage.close() == []
    assert configuration.value(session.api, CPU_CEILING, Place(cluster_id=stage.home.cluster_id)) == "0"
    assert configuration.value(session.api, ENABLE_DYNAMIC_SCALE, Place(zone_id=session.inventory.zone.id)) == "true"


def test_a_setting_that_the_server_shows_otherwise_than_it_was_written_is_taken_back(session: Session) -> None:
    stage = stage_of(session, "TEST-03")
    place = Place(cluster_id=stage.home.cluster_id)
    stage.setting(CPU_OVERCOMMIT, "2")
    assert configuration.value(session.api, CPU_OVERCOMMIT, place) == "2.0"
    assert stage.close() == []
    assert configuration.value(session.api, CPU_OVERCOMMIT, place) == "1.0"


def test_what_cannot_be_taken_back_is_told(session: Session) -> None:
    stage = stage_of(session, "TEST-03")
    instance = stage.instance(stage.fixed(1, 500, 256))
    stage.setting(CPU_CEILING, "6")
    place = Place(cluster_id=stage.home.cluster_id)
    configuration.update(session.api, CPU_CEILING, "7", place)
    [line] = stage.close()
    assert line == f"setting {CPU_CEILING} back to 0 (taken for inherited): somebody else has set it to 7; left alone"
    with pytest.raises(InstanceGoneError):
        instances.get(session.api, instance.id)
    configuration.update(session.api, CPU_CEILING, "6", place)
    assert stage.close() == []
    assert configuration.value(session.api, CPU_CEILING, place) == "0"


def test_a_mistake_of_ours_in_taking_one_thing_back_leaves_nothing_else(session: Session) -> None:
    stage = stage_of(session, "TEST-03")
    stage.instance(stage.fixed(1, 500, 256))
    stage.setting(CPU_CEILING, "6")
    stage.fixed(2, 500, 256)

    def mistaken(_host: str, _domain: str) -> bool:
        raise LookupError("never heard of it")

    told = take_back(session.api, 60, session.ledger, "TEST-03", mistaken)
    assert [line.split(": ", 1)[1] for line in told] == ["LookupError('never heard of it')"]
    place = Place(cluster_id=stage.home.cluster_id)
    assert configuration.value(session.api, CPU_CEILING, place) == "0"
    assert stage.close() == []


def test_another_release_than_asked_for_ends_the_run(lab: SimulatedLab) -> None:
    session = session_of(load(lab.cloud_file))
    with pytest.raises(WrongReleaseError, match=r"CloudStack 4\.22 is expected; the cloud says 4\.23"):
        session.open("4.22")
    session.close()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('zone = "lab-zone"', 'zone = "x"', r"cloud\.zone: the cloud has no zone 'x'; it has lab-zone"),
        (
            'template = "lab-guest"',
            'template = "x"',
            r"cloud\.template: the cloud has no template 'x'; it has lab-guest",
        ),
        (
            'template = "lab-guest"',
            'template = "lab-guest-unscalable"',
            r"cloud\.template: 'lab-guest-unscalable' is not dynamically scalable",
        ),
        ('network = "lab-net"', 'network = "x"', r"cloud\.network: the cloud has no network 'x'"),
        ('api_key = "', 'api_key = "x', r"api\.api_key, api\.secret_key: .* refused the API key or its signature"),
        ("/client/api", "/elsewhere", r"api\.endpoint: "),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(lab: SimulatedLab, old: str, new: str, says: str) -> None:
    text = lab.cloud_file.read_text()
    assert old in text
    wrong = lab.cloud_file.with_name("wrong.toml")
    wrong.write_text(text.replace(old, new, 1))
    session = session_of(load(wrong))
    with pytest.raises(EnvironmentFileError, match=rf"wrong\.toml: {says}"):
        session.open()
    session.close()


def test_an_endpoint_where_nobody_listens_is_named(lab: SimulatedLab) -> None:
    wrong = lab.cloud_file.with_name("nobody.toml")
    wrong.write_text(lab.cloud_file.read_text().replace(lab.endpoint, "http://127.0.0.1:9/client/api"))
    with pytest.raises(
        EnvironmentFileError, match=r"api\.endpoint: no CloudStack API answers at http://127\.0\.0\.1:9"
    ):
        session_of(load(wrong)).open()


def test_of_clocks_that_differ_the_mend_is_not_other_keys(lab: SimulatedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = load(lab.cloud_file)
    wrong = environment.model_copy(update={"api": environment.api.model_copy(update={"api_key": "wrong"})})
    for skew_s, mend in ((300.0, "give an admin's keys"), (-1.0, "let both follow a time server")):
        monkeypatch.setattr(client, "MOST_SKEW_S", skew_s)
        with pytest.raises(EnvironmentFileError, match=f"{mend}$"):
            session_of(wrong).open()


def test_an_endpoint_that_never_answers_is_given_up(lab: SimulatedLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wrong = lab.cloud_file.with_name("silent.toml")
        text = lab.cloud_file.read_text().replace(
            lab.endpoint, f"http://127.0.0.1:{silent.getsockname()[1]}/client/api"
        )
        wrong.write_text(text.replace("[time_limits]", "[time_limits]\napi = 1"))
        with pytest.raises(EnvironmentFileError, match=r"api\.endpoint: no CloudStack API answers at .*timed out"):
            session_of(load(wrong)).open()


def test_a_guest_that_must_answer_is_required(lab: SimulatedLab) -> None:
    environment = load(lab.cloud_file)
    assert Layer.GUEST in session_of(environment).required_layers
    unsaid = environment.model_copy(update={"guest": Guest()})
    assert Layer.GUEST not in session_of(unsaid).required_layers


def test_the_first_silent_guest_ends_the_waiting_for_guests(lab: SimulatedLab) -> None:
    limits = TimeLimits(job=20, guest_boot=0.3, guest_hotplug=0.3)
    session = session_of(load(lab.cloud_file).model_copy(update={"time_limits": limits, "guest": Guest()}))
    session.open()
    session.presume()
    stage = stage_of(session, "TEST-04")
    instance = stage.instance(stage.fixed(1, 500, 256))
    lab.hypervisors[stage.home.name].set_guest_agent(instance.record.instance_name, answering=False)
    instance.verify()
    assert stage.comparison.findings == ()
    assert Layer.GUEST in stage.comparison.not_verified
    assert session.guest_agent_silent is not None
    assert stage.close() == []
    assert session.take_back() == []
    session.close()


def test_one_silent_guest_says_nothing_of_the_others_where_there_must_be_agents(
    lab: SimulatedLab, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "guest_agent_answered", False)
    stage = stage_of(session, "TEST-06")
    mute, other = (stage.instance(stage.fixed(1, 500, 256)) for _ in range(2))
    lab.hypervisors[stage.home.name].set_guest_agent(mute.record.instance_name, answering=False)
    for _ in range(4):
        mute.verify()
    assert Layer.GUEST in stage.comparison.not_verified
    assert session.guest_agent_silent is None
    other.scale(stage.fixed(2, 500, 256))
    assert session.guest_agent_answered
    assert stage.close() == []


def test_a_guest_that_falls_silent_is_a_finding(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.scale(stage.fixed(2, 500, 256))
    lab.hypervisors[stage.home.name].set_guest_agent(instance.record.instance_name, answering=False)
    instance.scale(stage.fixed(3, 500, 256))
    assert "guest agent" in _what(stage)


def test_what_is_odd_or_a_known_defect_is_a_note_and_no_finding(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    scaled = instance.scale(stage.fixed(1, 500, 300))
    assert scaled.job.succeeded
    assert stage.comparison.findings == ()
    assert (
        stage.notes["DEF-05"]
        == "promised: the guest sees 300 MiB, or the request is refused; built: the guest sees 256 MiB"
    )
    assert "odd-threshold-units" in stage.notes


def test_an_instance_whose_deployment_fails_is_removed_all_the_same(session: Session) -> None:
    stage = stage_of(session, "TEST-05")
    # A ceiling below the instance's own vCPUs makes libvirt refuse the domain.
    stage.setting(CPU_CEILING, "1")
    with pytest.raises(JobFailedError):
        stage.instance(stage.fixed(2, 500, 256))
    assert len(session.api.list("listVirtualMachines", "virtualmachine", listall=True)) == 1
    assert stage.close() == []
    assert session.api.list("listVirtualMachines", "virtualmachine", listall=True) == []


def _moved_and_counted_by_its_old_size(stage: Stage) -> StagedInstance:
    instance = stage.instance(stage.fixed(1, 500, 256))
    stage.leave_memory_mib(100)
    instance.scale_without_room(stage.fixed(1, 500, 512))
    assert not instance.is_on_home
    return instance


def test_a_recalculation_between_prediction_and_look_is_no_finding(stage: Stage) -> None:
    request = _moved_and_counted_by_its_old_size(stage).request(stage.fixed(1, 500, 640)).send()
    configuration.update(stage.api, CAPACITY_CHECK_PERIOD, "0", Place())
    try:
        request.finish_alone()
        assert "allocated MiB of kvm2" not in _what(stage)
    finally:
        configuration.reset(stage.api, CAPACITY_CHECK_PERIOD, Place())


def test_room_that_neither_a_scale_nor_a_recalculation_leaves_is_a_finding(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = _moved_and_counted_by_its_old_size(stage).request(stage.fixed(1, 500, 640)).send()
    world = stage.session.world

    def with_one_mib_lost() -> World:
        hosts = [replace(host, used_memory_bytes=host.used_memory_bytes - (1 << 20)) for host in world().hosts]
        return replace(world(), hosts=tuple(hosts))

    monkeypatch.setattr(stage.session, "world", with_one_mib_lost)
    request.finish_alone()
    assert "allocated MiB of kvm2" in _what(stage)


def test_a_full_cloud_is_no_finding(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    with pytest.raises(CannotArrangeError, match="it has room all the same"):
        instance.scale_without_room(stage.fixed(1, 500, 512))
    stage.leave_memory_mib(100)
    with pytest.raises(CannotArrangeError, match="needs room for the growth on the host"):
        instance.scale(stage.fixed(1, 500, 512))
    stage.setting(CPU_THRESHOLD, "0.001")
    with pytest.raises(CannotArrangeError, match="below its allocation thresholds"):
        instance.scale(stage.fixed(1, 500, 288))
    assert stage.comparison.findings == ()


def test_a_scale_that_would_never_end_is_not_begun(stage: Stage) -> None:
    configuration.update(stage.api, SCALE_RETRY, "-1", Place())
    try:
        instance = stage.instance(stage.fixed(1, 500, 256))
        with pytest.raises(CannotArrangeError, match="the job never ends"):
            instance.scale(stage.fixed(1, 500, 99999))
    finally:
        configuration.reset(stage.api, SCALE_RETRY, Place())
    assert instance.is_on_home


def test_a_ceiling_below_the_size_is_a_note(stage: Stage) -> None:
    stage.setting(MEMORY_CEILING, "128")
    stage.instance(stage.fixed(1, 500, 256)).verify()
    assert stage.comparison.findings == ()
    assert "odd-ceiling-below-size" in stage.notes
