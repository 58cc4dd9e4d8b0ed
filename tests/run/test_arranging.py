"""What a stage arranges for a case beyond instances: offerings' states, global settings, CPU fillers, bad requests."""

import pytest

from harness.cloud import accounts, configuration, infrastructure
from harness.cloud.accounts import AccountCounts, Limited
from harness.cloud.client import ApiError
from harness.cloud.configuration import Place
from harness.lab.faults.order import FaultOrder
from harness.reference.oddities import COUNTED_FOR_THE_CALLER
from harness.reference.offering import Size
from harness.reference.settings import (
    CPU_CEILING,
    CPU_THRESHOLD,
    MAX_OFFERING_CPUS,
    MEMORY_OVERCOMMIT,
    STRICT_HOST_TAGS,
)
from harness.run.environment import Allowed, load
from harness.run.holds import Claim
from harness.run.permits import CannotArrangeError
from harness.run.room import free_mib, total_mib
from harness.run.session import Session
from harness.run.stage import Stage
from harness.run.witness import Witness
from harness.verify.ways import Shown
from tests.conftest import SimulatedLab
from tests.run.stages import session_of, stage_of


def test_cpu_fillers_take_the_hosts_cpu(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    stage.leave_cpu_mhz(400)
    host = stage.session.world().host(stage.home.id)
    assert 390 < host.cpu_mhz - host.used_cpu_mhz <= 400
    with pytest.raises(CannotArrangeError, match="needs room for the growth"):
        instance.scale(stage.fixed(2, 500, 256))


def test_the_memory_of_a_host_is_its_own_whatever_the_overcommit(stage: Stage) -> None:
    before = stage.session.world()
    stage.setting(MEMORY_OVERCOMMIT, "1.5")
    after = stage.session.world()
    total = before.host(stage.home.id).memory_bytes
    assert after.host(stage.home.id).memory_bytes == total
    assert total_mib(after, after.host(stage.home.id)) == total * 3 // 2 // 1048576


def test_what_others_set_is_seen_in_the_next_case_and_a_moment_later(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_others, place = session.calling_api(), Place(cluster_id=session.inventory.clusters[0].id)

    def seen() -> float:
        return session.world().settings.number(MEMORY_OVERCOMMIT, place.cluster_id)

    try:
        assert seen() == 1.0
        configuration.update(by_others, MEMORY_OVERCOMMIT, "1.5", place)
        session.watched_by(Witness(), repr)
        assert seen() == 1.5
        configuration.update(by_others, MEMORY_OVERCOMMIT, "2.0", place)
        monkeypatch.setattr("harness.run.session._SETTINGS_HOLD_S", 0.0)
        assert seen() == 2.0
    finally:
        configuration.reset(by_others, MEMORY_OVERCOMMIT, place)


def test_settings_are_not_asked_for_time_and_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = Witness()
    session.watched_by(witness, repr)
    monkeypatch.setattr("harness.run.session._SETTINGS_HOLD_S", 60.0)
    assert session.world().settings == session.world().settings
    asked = [exchange.command for exchange in witness.exchanges]
    assert asked.count("listHosts") == 2, "what hosts have allocated is never kept"
    narrow = 1 + len(session.inventory.clusters)
    assert asked.count("listConfigurations") - narrow in (1, 2), "the first time whether they are many is asked, too"


def test_memory_that_a_case_needs_on_the_home_host_is_there_or_its_lack_is_named(stage: Stage) -> None:
    stage.needs_mib(4096)
    stage.instance(stage.fixed(1, 500, 256))
    stage.needs_mib(3840)
    with pytest.raises(CannotArrangeError, match="needs 3841 MiB free on host kvm1; has 3840"):
        stage.needs_mib(3841)


def test_an_inactive_offering_is_refused_as_predicted(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    scaled = instance.scale(stage.made_inactive(stage.fixed(2, 500, 256)))
    assert scaled.refused_with(431, r"New service offering is inactive: \[.+\]\.")
    assert not scaled.refused_with(530, r"New service offering is inactive: \[.+\]\.")
    assert not scaled.refused_with(431, "New service offering")
    assert stage.comparison.findings == ()


def test_a_global_setting_is_put_back_when_the_case_ends(session: Session) -> None:
    stage = stage_of(session, "TEST-06")
    stage.global_setting(STRICT_HOST_TAGS, "a,b")
    assert configuration.value(session.api, STRICT_HOST_TAGS, Place()) == "a,b"
    listed = session.api.list("listConfigurations", "configuration", name=STRICT_HOST_TAGS)
    assert stage.close() == []
    assert configuration.value(session.api, STRICT_HOST_TAGS, Place()) == ""
    # One that was never set is told otherwise than one that was set to nothing.
    again = session.api.list("listConfigurations", "configuration", name=STRICT_HOST_TAGS)
    assert again == [{**item, "value": ""} for item in listed]


def test_a_setting_that_an_old_list_shows_as_it_was_is_put_back(session: Session, lab: SimulatedLab) -> None:
    stage, place = stage_of(session, "TEST-06"), Place()
    lab.faults.arm(FaultOrder.model_validate({"kind": "replayed-answer", "command": "listConfigurations"}))
    try:
        assert configuration.value(session.api, STRICT_HOST_TAGS, place) == ""
        stage.global_setting(STRICT_HOST_TAGS, "a,b")
        assert stage.close() == []
    finally:
        lab.faults.clear()
    assert configuration.value(session.api, STRICT_HOST_TAGS, place) == ""


def test_a_global_setting_is_not_changed_without_leave(lab: SimulatedLab) -> None:
    environment = load(lab.cloud_file).model_copy(update={"allow": frozenset(Allowed) - {Allowed.GLOBAL_SETTINGS}})
    session = session_of(environment)
    session.open()
    stage = stage_of(session, "TEST-07")
    stage.global_setting(CPU_CEILING, "0")
    with pytest.raises(CannotArrangeError, match=r'to be 5 globally \(it is 0\).*; add "global-settings" to'):
        stage.global_setting(CPU_CEILING, "5")
    assert configuration.value(session.api, CPU_CEILING, Place()) == "0"
    assert stage.close() == []
    assert session.take_back() == []
    session.close()


def test_a_request_that_must_be_refused_and_is_not_breaks_the_case(stage: Stage) -> None:
    assert stage.refused_at_once("scaleVirtualMachine", id="x").code == 431
    with pytest.raises(AssertionError, match=r"listZones with .* was accepted"):
        stage.refused_at_once("listZones")


def test_a_full_cluster_can_be_arranged(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    with pytest.raises(CannotArrangeError, match="it is below it all the same"):
        instance.scale_in_a_full_cluster(stage.fixed(2, 500, 256))
    stage.setting(CPU_THRESHOLD, stage.cpu_threshold_below(500))
    assert instance.scale_in_a_full_cluster(stage.fixed(2, 500, 256)).refused_with(530, ".*insufficient resources.")
    assert stage.comparison.findings == ()


def test_room_is_left_in_other_clusters_only(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    grown_mib = stage.leave_only_other_clusters(256)
    world = stage.session.world()
    free = {host.name: free_mib(world, host.id) for host in world.hosts}
    assert free["kvm1"] + 256 < grown_mib
    assert free["kvm2"] < grown_mib <= free["kvm3"]
    assert not instance.scale_without_room(stage.fixed(1, 500, grown_mib)).job.succeeded
    assert stage.comparison.findings == ()


def test_no_room_in_other_clusters_is_named(stage: Stage) -> None:
    with pytest.raises(CannotArrangeError, match="needs a host with more than 8192 MiB free in another cluster"):
        stage.leave_only_other_clusters(8192)


def test_an_instance_is_migrated_and_scaled_where_it_is_then(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    neighbour = stage.needs_a_neighbour_for(Size(1, 500, 256))
    instance.migrate_to(neighbour)
    assert instance.record.host_id == neighbour.id
    assert stage.comparison.findings == ()
    assert instance.scale(stage.fixed(2, 500, 384)).job.succeeded
    assert stage.comparison.findings == ()
    # It does not move by being said to.
    world = stage.session.world()
    instance.is_moved_to(world.host(stage.home.id), world)
    instance.verify()
    assert [finding.what for finding in stage.comparison.findings] == ["host"]


def test_an_accounts_limits_are_predicted_and_its_counts_read(stage: Stage) -> None:
    owner = stage.account()
    owner.limit_cpus(1)
    instance = stage.instance(stage.fixed(1, 500, 256), owner=owner)
    assert owner.counts() == AccountCounts(1, 256)
    assert instance.scale(stage.fixed(2, 500, 256)).refused_with(530, "Maximum amount of resources of Type = 'cpu'.*")
    assert stage.comparison.findings == ()
    # A limit that the case does not know of.
    accounts.set_limit(stage.api, owner.address, Limited.MEMORY, 300)
    instance.scale(stage.fixed(1, 500, 512))
    assert "job" in {finding.what for finding in stage.comparison.findings}


def test_an_account_that_can_have_no_instance_is_no_finding(stage: Stage) -> None:
    owner = stage.account()
    owner.limit_cpus(1)
    with pytest.raises(CannotArrangeError, match=r"needs an instance of account csh-.*: .*exceeded"):
        stage.instance(stage.fixed(2, 500, 256), owner=owner)


def test_facts_of_a_defect_are_kept(stage: Stage) -> None:
    stage.facts(COUNTED_FOR_THE_CALLER, "here", {"count": 1}, as_built={"count": 1}, mended={"count": 2})
    assert stage.shown == {COUNTED_FOR_THE_CALLER: Shown.AS_BUILT}
    stage.facts(COUNTED_FOR_THE_CALLER, "here", {"count": 3}, as_built={"count": 1}, mended={"count": 2})
    assert [str(finding.observed) for finding in stage.comparison.findings] == ["3"]


def test_what_the_caller_is_counted_for_another_is_put_right(session: Session, stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256), owner=stage.account())
    instance.scale(stage.fixed(2, 500, 256))
    name = session.api.call("getUser", userapikey=session.api.api_key)["user"]["account"]
    assert accounts.counts(session.api, name).cpus == 1
    stage.recount_callers_resources()
    assert accounts.counts(session.api, name).cpus == 0


def test_a_hosts_tags_are_put_back_when_the_case_ends(session: Session) -> None:
    stage = stage_of(session, "TEST-09")
    tag = stage.own_tag()
    stage.tag_host(stage.home, tag)
    assert infrastructure.host_tags(session.api, stage.home.id) == tag
    assert stage.close() == []
    assert infrastructure.host_tags(session.api, stage.home.id) == ""


def test_tags_that_a_host_had_before_are_put_back_in_whatever_order_the_cloud_keeps_them(session: Session) -> None:
    stage = stage_of(session, "TEST-11")
    infrastructure.set_host_tags(session.api, stage.home.id, "zeta,alpha")
    stage.tag_host(stage.home, stage.own_tag())
    assert stage.close() == []
    assert infrastructure.host_tags(session.api, stage.home.id) == "alpha,zeta"
    infrastructure.set_host_tags(session.api, stage.home.id, "")


def test_a_templates_flag_is_put_back_when_the_case_ends(session: Session) -> None:
    def flag() -> bool:
        zone_id = session.inventory.zone.id
        return infrastructure.template(session.api, zone_id, template.name).dynamically_scalable

    stage = stage_of(session, "TEST-10")
    template = stage.unscalable_template
    assert stage.switched(stage.switched(template, on=True), on=False) == template
    assert not flag()
    stage.switched(template, on=True)
    assert flag()
    with pytest.raises(CannotArrangeError, match=r"whose flag is off; it is on in .*, cloud\.unscalable_template in"):
        assert stage.unscalable_template
    assert stage.close() == []
    assert not flag()


def test_an_instances_own_flag_learns_of_its_templates_at_its_next_change_of_offering(session: Session) -> None:
    stage = stage_of(session, "TEST-11")
    template = stage.switched(stage.unscalable_template, on=True)
    switched, other = (
        stage.instance(stage.fixed(1, 500, 256), template=each) for each in (template, session.inventory.template)
    )
    stage.switched(template, on=False)
    for instance, stays in ((switched, False), (other, True)):
        assert instance.record.dynamically_scalable
        assert instance.scale(stage.fixed(1, 600, 256)).job.succeeded
        assert instance.record.dynamically_scalable is stays
    assert stage.comparison.findings == ()
    assert stage.close() == []


def test_only_a_case_that_holds_the_zone_switches_a_template(session: Session) -> None:
    stage = stage_of(session, "TEST-12", Claim(alone="cluster"))
    with pytest.raises(RuntimeError, match="a case that changes a template has to hold its place"):
        stage.switched(stage.session.inventory.template, on=False)


def test_only_a_case_that_holds_a_cluster_tags_a_host(session: Session) -> None:
    stage = stage_of(session, "TEST-13", Claim())
    with pytest.raises(RuntimeError, match="a case that changes a host's tags has to hold its place"):
        stage.tag_host(stage.home, stage.own_tag())


def test_an_offering_above_the_clouds_largest_sizes_is_a_lack_and_another_refusal_an_error(stage: Stage) -> None:
    stage.global_setting(MAX_OFFERING_CPUS, "4")
    stage.fixed(4, 500, 256)
    with pytest.raises(CannotArrangeError, match=r"does not allow: .* the cpu number value between 1 and 4"):
        stage.fixed(5, 500, 256)
    with pytest.raises(ApiError, match="specify the cpu speed"):
        stage.fixed(1, -1, 256)
