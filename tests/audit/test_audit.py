"""An audit tells exactly what it could not see, goes on where it was cut off, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from harness.audit import Bounds, Grade, Selection
from harness.audit.audit import NotRunningError
from harness.audit.journal import AuditFileError, read_lines
from harness.audit.looking import HereEngine, Looked, Task
from harness.cloud import instances as commands
from harness.cloud.infrastructure import NoSuchEntityError
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from tests.audit.clouds import AuditedCloud, host_of, line_of
from tests.audit.connections import watched_connections

QUICK = Bounds(api_rate=None)


@dataclass
class CountingEngine:
    """Looks, keeps what was looked at, and is cut off after so many."""

    breaks_after: int | None = None
    seen: list[str] = field(default_factory=list)

    def look(self, tasks: Sequence[Task]) -> Iterator[Looked]:
        for looked in HereEngine(1).look(tasks):
            if self.breaks_after is not None and len(self.seen) >= self.breaks_after:
                raise KeyboardInterrupt
            self.seen.append(looked.host_id)
            yield looked


@pytest.fixture(autouse=True)
def fresh(cloud: AuditedCloud) -> None:
    cloud.fresh()


def test_a_host_that_is_away_is_named_with_all_that_was_not_seen_there(cloud: AuditedCloud) -> None:
    hidden, seen = cloud.deploy(host="kvm2"), cloud.deploy()
    cloud.lab.faults.arm(FaultOrder(kind=Fault.SSH_REFUSED, host="kvm2"))
    found = cloud.audit()

    assert "connection refused" in host_of(found, "kvm2").not_seen[0]
    line = line_of(found, hidden)
    assert (line.prepared, line.states, line.is_ready) == (None, [], False)
    assert "its host" in line.not_seen[0]
    assert line_of(found, seen).is_ready
    assert found.unseen == 2
    assert found.end is not None
    assert sum(found.end.not_seen.values()) == 2

    cloud.lab.faults.clear()
    again = cloud.audit(resume=True)
    assert again.unseen == 0
    assert {line.id for line in again.instances} == {hidden, seen}


def test_there_are_never_more_connections_than_allowed_though_hosts_say_nothing(cloud: AuditedCloud) -> None:
    cloud.lab.faults.arm(FaultOrder(kind=Fault.SSH_HANGING, lasts=5))
    with watched_connections(cloud) as connections:
        found = cloud.audit(bounds=replace(QUICK, max_ssh=2))

    assert connections.most == 2
    assert (len(found.hosts), found.unseen) == (3, 0)


def test_an_audit_that_was_cut_off_goes_on_where_it_was(cloud: AuditedCloud) -> None:
    made = [cloud.deploy(host=host) for host in ("kvm1", "kvm2", "kvm3")]
    first = CountingEngine(breaks_after=2)
    with pytest.raises(KeyboardInterrupt):
        cloud.audit(bounds=replace(QUICK, engine=first))
    rest = CountingEngine()
    found = cloud.audit(bounds=replace(QUICK, engine=rest), resume=True)

    assert len(first.seen) == 2
    assert len(rest.seen) == 1
    assert not set(first.seen) & set(rest.seen)
    assert [line_of(found, one).is_ready for one in made] == [True, True, True]
    assert found.file is not None
    kinds = [line.kind for line in read_lines(found.file)]
    assert kinds == ["cloud", *["host"] * 3, *["instance"] * 3, "end"]


def test_what_has_changed_since_it_was_cut_off_is_looked_at_again(cloud: AuditedCloud) -> None:
    stays, moves, ends = cloud.deploy(host="kvm3"), cloud.deploy(), cloud.deploy(host="kvm2")
    cloud.audit()
    cloud.migrate(moves, "kvm2")
    assert commands.stop(cloud.api, 20, ends).succeeded
    comes = cloud.deploy()
    rest = CountingEngine()
    found = cloud.audit(bounds=replace(QUICK, engine=rest), resume=True)

    assert {cloud.host_id(name) for name in ("kvm1", "kvm2")} == set(rest.seen)
    assert {line.id: line.host for line in found.instances} == {stays: "kvm3", moves: "kvm2", comes: "kvm1"}


def test_what_was_begun_of_something_else_is_not_gone_on_with(cloud: AuditedCloud) -> None:
    cloud.deploy()
    cloud.audit()
    with pytest.raises(AuditFileError, match="selection the whole zone"):
        cloud.audit(Selection(cluster="cluster-a"), resume=True)


def test_each_selection_leaves_over_what_it_says(cloud: AuditedCloud) -> None:
    here, there = cloud.deploy(host="kvm1"), cloud.deploy(host="kvm3")
    name = cloud.domain(there).name
    for selection, hosts, instances in (
        (Selection(cluster="cluster-a"), {"kvm1", "kvm2"}, {here}),
        (Selection(host="kvm3"), {"kvm3"}, {there}),
        (Selection(account="admin"), {"kvm1", "kvm3"}, {here, there}),
        (Selection(instance=here), {"kvm1"}, {here}),
        (Selection(instance=name), {"kvm3"}, {there}),
    ):
        found = cloud.audit(selection, QUICK)
        assert {line.name for line in found.hosts} == hosts, selection
        assert {line.id for line in found.instances} == instances, selection
        assert all(line.is_ready for line in found.instances)


def test_an_instance_that_does_not_run_where_it_is_selected_is_no_audit_of_nothing(cloud: AuditedCloud) -> None:
    stopped, runs = cloud.deploy(), cloud.deploy()
    assert commands.stop(cloud.api, 20, stopped).succeeded
    for selection in (Selection(instance=stopped), Selection(instance=runs, host="kvm3")):
        with pytest.raises(NotRunningError, match="only running instances"):
            cloud.audit(selection)
    with pytest.raises(NoSuchEntityError, match="KVM host in cluster-a 'kvm3'; it has kvm1, kvm2"):
        cloud.audit(Selection(cluster="cluster-a", host="kvm3"))


def test_books_are_not_judged_where_instances_are_left_out_and_that_is_told(cloud: AuditedCloud) -> None:
    one, _ = cloud.deploy(), cloud.deploy()
    found = cloud.audit(Selection(instance=one))
    host = host_of(found, "kvm1")
    assert host.states == []
    assert host.not_seen == ["books: the selection leaves instances of this host out"]
    # It was not asked for, so it is nothing that could not be seen.
    assert found.unseen == 0


@pytest.mark.parametrize(
    "selection",
    [
        Selection(zone="nowhere"),
        Selection(cluster="nowhere"),
        Selection(host="nowhere"),
        Selection(account="nobody"),
        Selection(instance="nothing"),
        Selection(instance="00000000-0000-0000-0000-000000000000"),
    ],
)
def test_a_selection_of_what_there_is_not_is_refused(cloud: AuditedCloud, selection: Selection) -> None:
    with pytest.raises(NoSuchEntityError):
        cloud.audit(selection)


def test_a_scale_between_two_looks_is_told_as_nothing_wrong(cloud: AuditedCloud) -> None:
    """The API is read before the scale and the host after it."""
    instance, larger = cloud.deploy(), cloud.offering(2, 800, 512, cpu_cap=True)
    done: list[bool] = []

    class ScalesMeanwhile:
        def look(self, tasks: Sequence[Task]) -> Iterator[Looked]:
            if not done:
                done.append(cloud.scale(instance, larger))
            yield from HereEngine(2).look(tasks)

    found = cloud.audit(bounds=replace(QUICK, engine=ScalesMeanwhile()))
    assert done == [True]
    line = line_of(found, instance)
    assert (line.cpus, line.domain_cpus, line.states) == (2, 2, [])
    assert [host.states for host in found.hosts] == [[], [], []]


def test_a_migration_between_two_looks_is_told_as_nothing_wrong(cloud: AuditedCloud) -> None:
    instance, done = cloud.deploy(), []

    class MovesMeanwhile:
        def look(self, tasks: Sequence[Task]) -> Iterator[Looked]:
            if not done:
                done.append(cloud.migrate(instance, "kvm2"))
            yield from HereEngine(2).look(tasks)

    found = cloud.audit(bounds=replace(QUICK, engine=MovesMeanwhile()))
    line = line_of(found, instance)
    assert (line.host, [state.grade for state in line.states if state.grade is Grade.WRONG]) == ("kvm2", [])
    assert [state.state for host in found.hosts for state in host.states] == []


def test_nothing_is_changed_on_the_cloud(cloud: AuditedCloud) -> None:
    cloud.deploy()
    events = len(cloud.api.list("listEvents", "event", listall=True))
    cloud.audit(bounds=Bounds(guests=True, api_rate=None))
    assert len(cloud.api.list("listEvents", "event", listall=True)) == events


def test_an_instance_of_a_removed_offering_is_told_as_not_wholly_seen(cloud: AuditedCloud) -> None:
    offering = cloud.offering()
    instance = cloud.deploy(offering)
    cloud.api.call("deleteServiceOffering", id=offering)
    line = line_of(cloud.audit(), instance)
    assert any("offering was removed" in reason for reason in line.not_seen)
    assert not line.is_ready
