"""What breaks on the way is no finding against CloudStack; a question is asked again, a change never is."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cloud import accounts, configuration, infrastructure, networks
from harness.cloud.client import ApiAnswerError, ApiUnreachableError, CloudApi
from harness.cloud.configuration import Place
from harness.cloud.instances import JobFailedError
from harness.hosts.failures import HostFailure
from harness.lab.faults.order import FaultOrder, FaultRefusedError
from harness.reference.settings import CPU_CEILING, STRICT_HOST_TAGS
from harness.run.broken_hosts import BrokenHosts, HostBrokenError
from harness.run.case import Case, RunContext
from harness.run.environment import EnvironmentFileError, Logs, load
from harness.run.holds import Claim, Holds
from harness.run.left_behind import LeftBehindError
from harness.run.record import Cause, Outcome
from harness.run.session import Session
from harness.run.verification import Verification, join
from tests.conftest import SimulatedLab
from tests.run.stages import session_of, stage_of


@pytest.fixture
def case(session: Session, lab: SimulatedLab, tmp_path: Path) -> Iterator[Case]:
    case = Case("LS-99", "What it shows.", "test", lambda _: None)
    case.open_stage(RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main"), Claim(alone="zone", hosts=2))
    yield case
    lab.faults.clear()
    case.close_stage()


def _arm(lab: SimulatedLab, kind: str, **given: object) -> None:
    try:
        lab.faults.arm(FaultOrder.model_validate({"kind": kind, **given}))
    except FaultRefusedError as refused:
        # Not to be taken for what a case could not go on after.
        pytest.fail(str(refused))


def _scaled(case: Case, lab: SimulatedLab, *faults: dict[str, str]) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    request = instance.request(stage.fixed(2, 500, 256))
    for fault in faults:
        _arm(lab, **fault)
    request.send().finish()


def test_differences_on_a_host_that_went_down_are_not_findings(case: Case, lab: SimulatedLab, tmp_path: Path) -> None:
    raised = None
    try:
        _scaled(case, lab, {"kind": "host-down", "host": "kvm1"})
    except Exception as failure:  # noqa: BLE001 - whatever the case could not go on after
        raised = failure
    verdict = case.judge(raised)
    assert (verdict.outcome, verdict.cause) == (Outcome.COULD_NOT_RUN, Cause.ENVIRONMENT)
    assert "kvm1" in str(verdict.reason)
    assert case.findings_text() == ""
    assert (tmp_path / "evidence" / "LS-99" / "api.jsonl").exists()


def test_differences_on_hosts_that_are_well_stay_findings(case: Case) -> None:
    verdict = case.judge(AssertionError("it is otherwise"))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, Cause.PRODUCT)


_LASTING = [
    {"kind": "agent-disconnected", "command": "scale"},
    {"kind": "vcpu-refused"},
]


@pytest.mark.parametrize("fault", _LASTING, ids=lambda fault: fault["kind"])
def test_what_an_agent_or_libvirt_could_not_do_is_no_finding_and_the_logs_say_why(
    case: Case, lab: SimulatedLab, fault: dict[str, str]
) -> None:
    _scaled(case, lab, fault)
    verdict = case.judge(None)
    assert (verdict.outcome, verdict.cause) == (Outcome.COULD_NOT_RUN, Cause.ENVIRONMENT)
    assert "management-server: " in str(verdict.reason)
    assert case.findings_text() == ""


def test_a_log_whose_reading_broke_off_is_read_again(case: Case, lab: SimulatedLab) -> None:
    _scaled(case, lab, _LASTING[0])
    _arm(lab, "ssh-cut", times=1)
    assert "management-server: " in str(case.judge(None).reason)


@pytest.fixture
def only_agents_logs(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment file names no log; hosts have their agents' where it is usual."""
    monkeypatch.setattr(session, "environment", session.environment.model_copy(update={"logs": Logs()}))


@pytest.fixture
def no_logs(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Logs(agent="/nowhere/agent.log")
    monkeypatch.setattr(session, "environment", session.environment.model_copy(update={"logs": none}))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_LASTING[0], "scaling i-.* did not come to an agent: no agent's log has a line of its job"),
        (_LASTING[1], "agent-kvm1: .*Unable to scale .*: CPU is refused"),
    ],
    ids=lambda given: given["kind"] if isinstance(given, dict) else "",
)
@pytest.mark.usefixtures("only_agents_logs")
def test_where_no_log_is_named_those_of_agents_are_read(
    case: Case, lab: SimulatedLab, fault: dict[str, str], told: str
) -> None:
    _scaled(case, lab, fault)
    verdict = case.judge(None)
    assert (verdict.outcome, verdict.cause) == (Outcome.COULD_NOT_RUN, Cause.ENVIRONMENT)
    assert re.search(told, str(verdict.reason))
    assert case.findings_text() == ""


@pytest.mark.parametrize("fault", _LASTING, ids=lambda fault: fault["kind"])
@pytest.mark.usefixtures("no_logs")
def test_without_logs_a_scale_that_comes_through_when_it_is_done_again_is_no_finding(
    case: Case, lab: SimulatedLab, fault: dict[str, str]
) -> None:
    _scaled(case, lab, {**fault, "times": "1"})
    verdict = case.judge(None)
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert "came through when it was done again" in str(verdict.reason)


@pytest.mark.usefixtures("no_logs")
def test_without_logs_an_agent_that_does_not_stop_the_instance_either_is_not_reached(
    case: Case, lab: SimulatedLab
) -> None:
    _scaled(case, lab, {"kind": "agent-disconnected"})
    verdict = case.judge(None)
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert "a forced stop leaves the domain running: its host's agent is not reached" in str(verdict.reason)
    lab.faults.clear()
    assert case._stage is not None
    [stayed] = case._stage.close()
    assert "runs on on host kvm1" in stayed
    [name] = lab.hypervisors["kvm1"].domain_names()
    lab.hypervisors["kvm1"].destroy(name)


@pytest.mark.parametrize("fault", _LASTING, ids=lambda fault: fault["kind"])
@pytest.mark.usefixtures("no_logs")
def test_without_logs_a_scale_that_always_fails_while_the_agent_does_other_things_is_a_finding(
    case: Case, lab: SimulatedLab, fault: dict[str, str]
) -> None:
    _scaled(case, lab, fault)
    assert case.judge(None).outcome is Outcome.FAILED


@pytest.mark.parametrize("logs", ["only_agents_logs", "no_logs"])
def test_without_the_servers_log_a_domain_that_runs_on_after_a_forced_stop_is_no_finding(
    case: Case, lab: SimulatedLab, logs: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(logs)
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    _arm(lab, "agent-disconnected", command="stop", times=1)
    instance.stop()
    verdict = case.judge(None)
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert "stop of i-" in str(verdict.reason)
    lab.hypervisors[stage.home.name].destroy(instance.record.instance_name)


def test_what_differed_before_a_fault_stays_a_finding(case: Case, lab: SimulatedLab) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    lab.hypervisors[stage.home.name].set_scheduler_parameter(instance.record.instance_name, "cpu_shares", 77)
    instance.verify()
    assert "77" in case.findings_text() or stage.comparison.findings
    _arm(lab, "agent-disconnected", command="scale")
    instance.request(stage.fixed(2, 500, 256)).send().finish()
    assert case.judge(None).outcome is Outcome.FAILED


@pytest.mark.parametrize("logs", ["all logs", "only_agents_logs"])
@pytest.mark.parametrize(
    "fault", [{"kind": "agent-disconnected", "command": "migrate"}, {"kind": "migration-failed"}], ids=str
)
def test_a_migration_that_breaks_off_is_no_finding(
    case: Case, lab: SimulatedLab, fault: dict[str, str], logs: str, request: pytest.FixtureRequest
) -> None:
    if logs != "all logs":
        request.getfixturevalue(logs)
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    _arm(lab, **fault)
    with pytest.raises(JobFailedError) as raised:
        instance.migrate_to(stage.neighbours[0])
    verdict = case.judge(raised.value)
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert "migrate of i-" in str(verdict.reason)


def test_a_stop_that_did_not_reach_the_agent_is_no_finding_and_its_domain_is_not_lost(
    case: Case, lab: SimulatedLab
) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    _arm(lab, "agent-disconnected", command="stop", times=1)
    instance.stop()
    verdict = case.judge(None)
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert "is unreachable" in str(verdict.reason)
    [stayed] = stage.close()
    assert f"runs on on host {stage.home.name}" in stayed
    home = lab.hypervisors[stage.home.name]
    home.destroy(instance.record.instance_name)
    assert stage.close() == []


def test_a_domain_that_runs_on_is_not_lost_where_its_instance_was_started_elsewhere(
    case: Case, lab: SimulatedLab
) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    _arm(lab, "agent-disconnected", command="stop", times=1)
    instance.restart()
    domain = instance.record.instance_name
    [stayed] = stage.close()
    there = [host for host in lab.hypervisors.values() if domain in host.domain_names()]
    assert len(there) == 1
    assert f"its domain {domain} runs on on host {stage.home.name}" in stayed
    there[0].destroy(domain)
    assert stage.close() == []


@pytest.mark.parametrize(
    ("logs", "told"), [("all logs", "is unreachable"), ("only_agents_logs", "did not come to an agent")]
)
def test_a_predicted_failure_proves_nothing_where_the_agent_was_not_reached(
    case: Case, lab: SimulatedLab, logs: str, told: str, request: pytest.FixtureRequest
) -> None:
    if logs != "all logs":
        request.getfixturevalue(logs)
    stage = case._stage
    assert stage is not None
    # Not prepared for a scale: the agent has to refuse more memory.
    instance = stage.instance(stage.fixed(1, 500, 256), dynamic_scaling=False)
    instance.set_dynamic_scaling(True)
    instance.look_at_start()
    growth = instance.request(stage.fixed(1, 500, 512))
    _arm(lab, "agent-disconnected", command="scale")
    scaled = growth.send().finish()
    assert not scaled.job.succeeded
    assert stage.comparison.findings == ()
    verdict = case.judge(None)
    assert verdict.outcome is Outcome.COULD_NOT_RUN
    assert told in str(verdict.reason)


def test_a_question_is_asked_again_and_a_change_is_not(session: Session, lab: SimulatedLab) -> None:
    session.hosts()
    try:
        _arm(lab, "connection-reset", command="listHosts", times=2)
        assert session.hosts()
        # Sent again it would be answered.
        _arm(lab, "connection-reset", command="updateConfiguration", times=1)
        with pytest.raises(ApiUnreachableError):
            session.api.call("updateConfiguration", name="enable.dynamic.scale.vm", value="false")
    finally:
        lab.faults.clear()


def test_an_answer_from_a_cache_is_not_taken_for_that_of_a_change(session: Session, lab: SimulatedLab) -> None:
    stage = stage_of(session)
    owner, host = stage.account(), stage.home
    former = infrastructure.host_tags(session.api, host.id)
    changes: list[tuple[str, Callable[[str], object]]] = [
        ("updateResourceLimit", lambda value: owner.limit_cpus(int(value))),
        ("createServiceOffering", lambda value: stage.fixed(1, 500, 256 + int(value))),
        ("updateHost", lambda value: infrastructure.set_host_tags(session.api, host.id, f"t{value}")),
        (
            "updateConfiguration",
            lambda value: configuration.update(session.api, CPU_CEILING, value, Place(cluster_id=host.cluster_id)),
        ),
    ]
    try:
        for command, change in changes:
            _arm(lab, "replayed-answer", command=command, times=1)
            change("7")
            with pytest.raises(ApiAnswerError, match=command):
                change("8")
            change("9")
        # A question is asked again.
        _arm(lab, "replayed-answer", command="queryAsyncJobResult", times=1)
        for size in (256, 512):
            stage.instance(stage.fixed(1, 500, size)).verify()
        assert stage.comparison.findings == ()
    finally:
        lab.faults.clear()
        infrastructure.set_host_tags(session.api, host.id, former)
        configuration.reset(session.api, CPU_CEILING, Place(cluster_id=host.cluster_id))
        assert stage.close() == []


def test_an_offering_whose_removal_was_answered_from_a_cache_is_removed_at_the_end(
    session: Session, lab: SimulatedLab
) -> None:
    stage = stage_of(session)
    for memory in (256, 512):
        stage.fixed(1, 500, memory)
    _arm(lab, "replayed-answer", command="deleteServiceOffering", times=1)
    try:
        assert stage.close() == []
        [left] = session.api.list("listServiceOfferings", "serviceoffering", keyword="csh-")
        assert session.take_back() == []
        assert not session.api.exists("listServiceOfferings", "serviceoffering", left["id"])
        assert session.ledger.unsettled() == []
    finally:
        lab.faults.clear()


def test_an_offering_that_stays_though_its_removal_is_answered_is_told_and_is_removed_by_the_next_clean_up(
    session: Session, lab: SimulatedLab
) -> None:
    stage = stage_of(session)
    for memory in (256, 512):
        stage.fixed(1, 500, memory)
    _arm(lab, "replayed-answer", command="deleteServiceOffering")
    stage.close()
    told = session.take_back()
    lab.faults.clear()
    assert [line.split(": ")[1] for line in told] == ["still there though its removal was answered"]
    assert session.take_back() == []
    assert session.api.list("listServiceOfferings", "serviceoffering", keyword="csh-") == []


def test_a_list_of_offerings_that_cannot_be_had_is_told(session: Session, lab: SimulatedLab) -> None:
    stage = stage_of(session)
    stage.fixed(1, 500, 256)
    stage.close()
    _arm(lab, "server-error", command="listServiceOfferings")
    try:
        [told] = session.take_back()
        assert "whether they are gone could not be asked" in told
    finally:
        lab.faults.clear()


@pytest.mark.parametrize("command", ["deleteAccount", "deleteNetwork", "destroyVirtualMachine"])
def test_what_is_there_though_its_removal_was_answered_is_told_and_goes_next_time(
    session: Session, lab: SimulatedLab, command: str
) -> None:
    stage = stage_of(session)
    for _ in range(2):
        if command == "destroyVirtualMachine":
            stage.instance(stage.fixed(1, 500, 256))
        else:
            stage.account()
    _arm(lab, "replayed-answer", command=command, times=1)
    told = stage.close()
    lab.faults.clear()
    assert any("of an earlier request" in line for line in told)
    assert stage.close() == []


@pytest.mark.parametrize("remove", [accounts.delete, networks.delete])
def test_a_removal_that_is_answered_with_a_job_of_another_process_is_not_taken_for_done(
    session: Session, lab: SimulatedLab, remove: Callable[[CloudApi, float, str], None]
) -> None:
    stage = stage_of(session)
    owners = [stage.account() for _ in range(2)]
    ids = {
        accounts.delete: [accounts.id_of(session.api, owner.name) for owner in owners],
        networks.delete: [owner.network_id for owner in owners],
    }[remove]
    _arm(lab, "replayed-answer", command="deleteAccount" if remove is accounts.delete else "deleteNetwork", times=1)
    try:
        remove(session.calling_api(), 10, str(ids[0]))
        with pytest.raises(ApiAnswerError, match="is there though its removal was answered"):
            remove(session.calling_api(), 10, str(ids[1]))
    finally:
        lab.faults.clear()
        assert stage.close() == []


def test_a_setting_whose_reset_was_answered_from_a_cache_is_told_and_put_back_next_time(
    session: Session, lab: SimulatedLab
) -> None:
    places = [Place(cluster_id=cluster.id) for cluster in session.inventory.clusters]
    guard = session.settings_guard("LIM-99")
    for place in places:
        guard.set(CPU_CEILING, "6", place)
    _arm(lab, "replayed-answer", command="resetConfiguration", times=1)
    told = session.take_back("LIM-99")
    lab.faults.clear()
    assert len(places) == 2
    assert [line.split(": ", 1)[1] for line in told] == ["it is 6 though the request to put it back was answered"]
    assert session.take_back("LIM-99") == []
    assert {configuration.value(session.api, CPU_CEILING, place) for place in places} == {"0"}


@pytest.mark.parametrize("command", ["stopVirtualMachine", "updateVirtualMachine"])
def test_what_a_cache_answers_for_another_instance_is_no_finding(case: Case, lab: SimulatedLab, command: str) -> None:
    stage = case._stage
    assert stage is not None
    first, second = (stage.instance(stage.fixed(1, 500, size)) for size in (256, 512))
    _arm(lab, "replayed-answer", command=command, times=1)
    raised = None
    try:
        for instance in (first, second):
            instance.set_dynamic_scaling(False)
            instance.restart()
    except ApiAnswerError as failure:
        raised = failure
    verdict = case.judge(raised)
    assert (verdict.outcome, verdict.cause) == (Outcome.COULD_NOT_RUN, Cause.ENVIRONMENT)
    assert command in str(verdict.reason)


@pytest.mark.parametrize("command", ["createAccount", "registerUserKeys", "createNetwork"])
def test_the_keys_of_another_account_out_of_a_cache_are_not_taken_for_those_of_a_new_one(
    session: Session, lab: SimulatedLab, command: str
) -> None:
    stage = stage_of(session)
    _arm(lab, "replayed-answer", command=command, times=1)
    stage.account()
    try:
        with pytest.raises(ApiAnswerError, match=command):
            stage.account()
    finally:
        lab.faults.clear()
        assert stage.close() == []


def test_a_look_that_broke_off_is_had_again_and_told_in_the_evidence_of_a_case_that_passed(
    case: Case, lab: SimulatedLab, tmp_path: Path
) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    _arm(lab, "ssh-cut", times=1)
    _arm(lab, "server-error", command="listVirtualMachines", times=1)
    instance.restart()
    assert case.judge(None).outcome is Outcome.PASSED
    [told] = [tmp_path / file for file in case._evidence if file.endswith("not-answered.txt")]
    assert "listVirtualMachines: " in told.read_text()
    assert "host kvm1 " in told.read_text()


def test_a_connection_that_is_cut_at_the_very_first_look_is_made_again(lab: SimulatedLab) -> None:
    opened = session_of(load(lab.cloud_file))
    _arm(lab, "ssh-cut", times=1)
    try:
        opened.open()
        assert [fault.struck for fault in lab.faults.armed] == [1]
        assert opened.unreached == {}
    finally:
        lab.faults.clear()
        opened.close()


def test_a_host_that_cannot_be_looked_into_when_a_run_begins_is_gone_round_and_used_once_it_can_be(
    lab: SimulatedLab, tmp_path: Path
) -> None:
    environment = load(lab.cloud_file)
    with Verification(tmp_path) as verification:
        _arm(lab, "ssh-refused", host="kvm2")
        try:
            verification.connect(environment, None, leave_settings=False)
        finally:
            lab.faults.clear()
        context = verification.context
        assert "kvm2" not in context.session.inventory.facts
        [warning] = [line for line in verification.folder.record.warnings if "kvm2" in line]
        assert "cases go round it" in warning
        case = Case("LS-95", "What it shows.", "test", lambda _: None)
        with pytest.raises(HostBrokenError, match="host kvm2 broke in the first look at it: connection refused"):
            case.open_stage(context, Claim(alone="cluster", hosts=2))
        [file] = (verification.folder.path / ".broken-hosts").iterdir()
        os.utime(file, (0, 0))
        case.open_stage(context, Claim(alone="cluster", hosts=2))
        assert "kvm2" in context.session.inventory.facts
        case.close_stage()


def test_a_process_that_is_invited_asks_its_first_question_again(lab: SimulatedLab, tmp_path: Path) -> None:
    with Verification(tmp_path) as verification:
        verification.connect(load(lab.cloud_file), None, leave_settings=True)
        _arm(lab, "server-error", command="listCapabilities", times=1)
        try:
            joined = join(verification.invitation, "gw1")
            assert [fault.struck for fault in lab.faults.armed] == [1]
        finally:
            lab.faults.clear()
        assert joined.session.inventory.facts
        joined.session.close()


def test_where_no_host_can_be_looked_into_the_run_says_why(lab: SimulatedLab) -> None:
    opened = session_of(load(lab.cloud_file))
    for host in ("kvm1", "kvm2", "kvm3"):
        _arm(lab, "ssh-refused", host=host)
    try:
        with pytest.raises(EnvironmentFileError, match=r"hosts: host kvm1 .*connection refused"):
            opened.open()
    finally:
        lab.faults.clear()
        opened.close()


def test_after_a_host_broke_cases_go_round_it_and_say_at_once_where_they_cannot(
    session: Session, lab: SimulatedLab, tmp_path: Path
) -> None:
    context = RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main")

    def begun(case_id: str, hosts: int) -> Case:
        opened = Case(case_id, "What it shows.", "test", lambda _: None)
        opened.open_stage(context, Claim(alone="cluster", hosts=hosts))
        return opened

    first = begun("LS-91", 2)
    broken_name = first._stage.home.name if first._stage else ""
    _arm(lab, "ssh-refused", host=broken_name)
    try:
        with pytest.raises(HostFailure) as raised:
            _scaled(first, lab)
        assert first.judge(raised.value).outcome is Outcome.COULD_NOT_RUN
        first.close_stage()
        with pytest.raises(HostBrokenError, match=rf"host {broken_name} broke in LS-91: connection refused"):
            begun("LS-92", 2)
        third = begun("LS-93", 1)
        assert third._stage is not None
        assert third._stage.home.name != broken_name
        third.close_stage()
    finally:
        lab.faults.clear()
    # After a while it is looked at again, and used again where it is well.
    [file] = (tmp_path / ".broken-hosts").iterdir()
    os.utime(file, (0, 0))
    begun("LS-94", 2).close_stage()


def test_a_broken_host_is_looked_at_again_after_a_clock_jumped_back(tmp_path: Path) -> None:
    broken = BrokenHosts(tmp_path)
    broken.add("LS-91", "kvm1", "no route")
    assert broken.still(lambda _: None) == {"kvm1": "in LS-91: no route"}
    [file] = (tmp_path / ".broken-hosts").iterdir()
    os.utime(file, (time.time() + 7200,) * 2)
    assert broken.still(lambda _: None) == {}


def test_what_an_earlier_case_could_not_put_back_is_put_back_before_another_meets_it(
    session: Session, lab: SimulatedLab, tmp_path: Path
) -> None:
    context = RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main")
    places = [Place(cluster_id=cluster.id) for cluster in session.inventory.clusters]

    def ceilings() -> set[str]:
        return {configuration.value(session.api, CPU_CEILING, place) for place in places}

    def begun(case_id: str, claim: Claim) -> Case:
        opened = Case(case_id, "What it shows.", "test", lambda _: None)
        opened.open_stage(context, claim)
        return opened

    first = begun("LIM-91", Claim(alone="zone", hosts=2))
    assert first._stage is not None
    home = first._stage.home
    first._stage.setting(CPU_CEILING, "6")
    first._stage.global_setting(STRICT_HOST_TAGS, "left")
    first._stage.tag_host(home, "left")
    _arm(lab, "server-error", command="resetConfiguration", times=2)
    _arm(lab, "server-error", command="updateHost", times=1)
    first.close_stage()
    assert ceilings() == {"0", "6"}
    begun("LIM-92", Claim(alone="cluster", hosts=2)).close_stage()
    assert ceilings() == {"0"}
    assert configuration.value(session.api, STRICT_HOST_TAGS, Place()) == ""
    assert infrastructure.host_tags(session.api, home.id) == ""
    assert session.ledger.unsettled("LIM-91") == []


def test_a_case_that_would_meet_what_an_earlier_one_left_behind_could_not_run(
    session: Session, lab: SimulatedLab, tmp_path: Path
) -> None:
    context = RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main")
    first = Case("LIM-91", "What it shows.", "test", lambda _: None)
    stage = first.open_stage(context, Claim(alone="cluster", hosts=2))
    stage.setting(CPU_CEILING, "6")
    _arm(lab, "server-error", command="resetConfiguration")
    try:
        first.close_stage()
        second = Case("LIM-92", "What it shows.", "test", lambda _: None)
        with pytest.raises(
            LeftBehindError, match=rf"LIM-91 left behind setting {CPU_CEILING} back to 0 .* answered"
        ) as left:
            second.open_stage(context, Claim(alone="cluster", hosts=2))
        assert second.judge(left.value).outcome is Outcome.COULD_NOT_RUN
        # Elsewhere nobody meets it.
        third = Case("LIM-93", "What it shows.", "test", lambda _: None)
        third.open_stage(replace(context, homes={"LIM-93": "kvm3"}), Claim(alone="cluster", hosts=1))
        third.close_stage()
    finally:
        lab.faults.clear()


def test_a_host_on_which_a_domain_runs_on_is_broken_for_later_cases(
    session: Session, lab: SimulatedLab, tmp_path: Path
) -> None:
    context = RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main")
    first = Case("LS-91", "What it shows.", "test", lambda _: None)
    stage = first.open_stage(context, Claim(alone="cluster", hosts=2))
    instance = stage.instance(stage.fixed(1, 500, 256))
    host, domain = stage.home.name, instance.record.instance_name
    try:
        _arm(lab, "agent-disconnected", command="stop", times=1)
        instance.stop()
        assert first.judge(None).outcome is Outcome.COULD_NOT_RUN
        first.close_stage()
        second = Case("LS-92", "What it shows.", "test", lambda _: None)
        with pytest.raises(HostBrokenError, match=rf"host {host} broke in LS-91: domain {domain} runs on there"):
            second.open_stage(context, Claim(alone="cluster", hosts=2))
        # Once it is used again nobody expects its books to be drawn up as if that instance were not.
        assert not stage_of(session, "LS-93").has_the_books
    finally:
        lab.faults.clear()
        lab.hypervisors[host].destroy(domain)
    assert stage.close() == []
    assert stage_of(session, "LS-94").has_the_books


def test_a_libvirtd_that_starts_anew_is_waited_for(case: Case, lab: SimulatedLab) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    _arm(lab, "libvirtd-restarted", host=stage.home.name, lasts=1.0)
    instance.verify()
    assert case.judge(None).outcome is Outcome.PASSED


def test_a_domain_that_runs_on_though_cloudstack_says_stopped_is_not_lost(
    case: Case, session: Session, lab: SimulatedLab
) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    home = lab.hypervisors[stage.home.name]
    _arm(lab, "agent-disconnected", command="stop", times=1)
    [stayed] = stage.close()
    assert "CloudStack says that it is stopped, and its domain i-" in stayed
    assert f"runs on on host {stage.home.name}" in stayed
    # It is still there for CloudStack, which must be able to notice, and it is not forgotten.
    assert session.api.exists("listVirtualMachines", "virtualmachine", instance.id)
    [again] = stage.close()
    assert again == stayed
    [name] = home.domain_names()
    home.destroy(name)
    assert stage.close() == []
    assert not session.api.exists("listVirtualMachines", "virtualmachine", instance.id)


@pytest.mark.parametrize("jump_s", [-90_000.0, -120.0, 7200.0])
def test_a_clock_that_jumps_changes_no_verdict_and_ends_no_wait(
    case: Case, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + jump_s)
    instance.scale(stage.fixed(2, 500, 256))
    instance.restart()
    assert case.judge(None).outcome is Outcome.PASSED
    assert all(step.seconds is not None and step.seconds < 60 for step in case.steps.done)
    began = [step.began for step in case.steps.done]
    assert began == sorted(began)
    assert began[-1] - began[0] < 60
