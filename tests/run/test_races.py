"""Two things at once are judged by how they may end, in either order; a third thing is a finding."""

import pytest

from harness.reference.oddities import CONCURRENT_GROWTH, CONCURRENT_SCALES
from harness.reference.offering import Size
from harness.reference.settings import MEMORY_THRESHOLD
from harness.run.races import scale_during_migration, scale_one_instance_twice, scale_two_instances
from harness.run.stage import Stage
from harness.verify.ways import Shown
from tests.conftest import SimulatedLab


def test_of_two_scales_of_one_instance_the_second_is_lost_as_built(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    first, second = instance.request(stage.fixed(2, 500, 256)), instance.request(stage.fixed(3, 500, 256))
    done = scale_one_instance_twice(first, second)
    assert [each.job.succeeded for each in done] == [True, True]
    assert instance.record.cpus == 2
    assert stage.comparison.findings == ()
    assert stage.shown == {CONCURRENT_SCALES: Shown.AS_BUILT}
    # It goes on from where it is.
    assert instance.scale(stage.fixed(4, 500, 256)).job.succeeded
    assert stage.comparison.findings == ()


def test_a_third_end_of_two_scales_is_a_finding(stage: Stage, lab: SimulatedLab) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    first, second = instance.request(stage.fixed(2, 500, 256)), instance.request(stage.fixed(3, 500, 256))
    hypervisor, name = lab.hypervisors[stage.home.name], instance.record.instance_name
    answer = second.wait

    def tampering_wait():
        ended = answer()
        hypervisor.set_vcpus(name, 5)
        return ended

    second.wait = tampering_wait
    scale_one_instance_twice(first, second)
    assert {finding.what for finding in stage.comparison.findings} >= {"current vCPUs"}
    assert stage.shown == {}


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_instances_either_may_come_first(stage: Stage, turned: bool) -> None:
    stage.setting(MEMORY_THRESHOLD, "1.0")
    pair = [stage.instance(stage.fixed(1, 500, 256)) for _ in range(2)]
    stage.leave_memory_mib(1792)
    larger = stage.fixed(1, 500, 1280)
    requests = [instance.request(larger) for instance in pair]
    # Sent in the other order than they are told.
    if turned:
        send = requests[0].send
        requests[0].send = lambda: requests[1]
        second_send = requests[1].send
        requests[1].send = lambda: (second_send(), send())
    done = scale_two_instances(*requests)
    assert sorted(each.job.succeeded for each in done) == [False, True]
    assert done[0].job.succeeded is not turned
    assert [instance.record.memory_mib for instance in pair] == [1280, 1280]
    assert stage.comparison.findings == ()
    assert stage.shown == {CONCURRENT_GROWTH: Shown.AS_BUILT}


def test_a_scale_during_a_migration_is_judged_at_the_destination(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    neighbour = stage.needs_a_neighbour_for(Size(2, 500, 512))
    scale_during_migration(neighbour, instance.request(stage.fixed(2, 500, 512)))
    assert instance.record.host_id == neighbour.id
    assert stage.comparison.findings == ()


def test_what_was_not_sent_cannot_be_waited_for(stage: Stage) -> None:
    request = stage.instance(stage.fixed(1, 500, 256)).request(stage.fixed(2, 500, 256))
    with pytest.raises(RuntimeError, match="send\\(\\) comes first"):
        request.wait()
    with pytest.raises(RuntimeError, match="look\\(\\) comes first"):
        request.send().settle(request.built, stage.comparison)
