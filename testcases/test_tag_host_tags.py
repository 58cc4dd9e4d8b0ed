"""TAG: host tags that an offering demands, where they are strict and where they are not."""

import pytest

from harness.reference.offering import Size
from harness.reference.settings import STRICT_HOST_TAGS
from harness.run.stage import Stage

FAILED = (530, "Failed to scale the VM")


@pytest.mark.case("TAG-01")
@pytest.mark.alone("zone")
def test_a_strict_tag_that_the_host_lacks_refuses(stage: Stage) -> None:
    """An offering that demands a strict host tag is refused where the instance's host lacks it.

    Preconditions: a tag that no host has is in vm.strict.host.tags; a running instance of an offering without tags.
    Steps: scale it to 2 vCPUs with an offering that demands the tag.
    Expected: 530 "Failed to scale the VM", on every release; every layer as before.
    """
    tag, speed = stage.own_tag(), stage.speed(0.25)
    stage.global_setting(STRICT_HOST_TAGS, tag)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)))
    scaled = instance.scale(*stage.scalable(Size(2, speed, 256), tags=frozenset({tag})))
    assert (scaled.job.code, scaled.job.text) == FAILED


@pytest.mark.case("TAG-02")
@pytest.mark.alone("zone")
def test_a_strict_tag_that_the_host_has_is_no_hindrance(stage: Stage) -> None:
    """An offering that demands a strict host tag is taken where the instance's host has it.

    Preconditions: a tag is in vm.strict.host.tags and on the instance's host.
    Steps: scale the instance to 2 vCPUs with an offering that demands the tag.
    Expected: the job succeeds on every release, on the same host.
    """
    tag, speed = stage.own_tag(), stage.speed(0.25)
    stage.tag_host(stage.home, tag)
    stage.global_setting(STRICT_HOST_TAGS, tag)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)))
    assert instance.scale(*stage.scalable(Size(2, speed, 256), tags=frozenset({tag}))).job.succeeded
    assert instance.is_on_home


@pytest.mark.case("TAG-03")
@pytest.mark.smoke
def test_a_tag_that_is_not_strict_is_passed_over_in_place(stage: Stage) -> None:
    """A tag that is not strict does not keep an instance from being scaled on a host without it.

    Preconditions: a tag that no host has and that is not in vm.strict.host.tags; a running instance.
    Steps: scale it to 2 vCPUs with an offering that demands the tag.
    Expected: the job succeeds on every release, on the same host.
    """
    tags, speed = frozenset({stage.own_tag()}), stage.speed(0.25)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)))
    assert instance.scale(*stage.scalable(Size(2, speed, 256), tags=tags)).job.succeeded
    assert instance.is_on_home


@pytest.mark.case("TAG-04")
@pytest.mark.alone("cluster", hosts=2)
def test_a_host_without_the_tag_is_no_destination(stage: Stage) -> None:
    """Auto-migration takes no host that lacks a tag of the new offering, strict or not.

    Preconditions: a filler leaves 512 MiB free on the host; another host of the cluster has room, and no host the tag.
    Steps: scale the instance from 256 to 1280 MiB with an offering that demands the tag.
    Expected: 530 "Failed to scale the VM", on every release; host, size and domain are as before.
    """
    grown = Size(1, stage.speed(0.25), 1280)
    stage.needs_a_neighbour_for(grown)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    stage.leave_memory_mib(512)
    scaled = instance.scale_without_room(*stage.scalable(grown, tags=frozenset({stage.own_tag()})))
    assert (scaled.job.code, scaled.job.text) == FAILED
    assert instance.is_on_home


@pytest.mark.case("TAG-05")
@pytest.mark.alone("cluster", hosts=2)
def test_a_host_with_the_tag_is_the_destination(stage: Stage) -> None:
    """Auto-migration takes a host that has the tags of the new offering.

    Preconditions: as TAG-04, and the other host has the tag.
    Steps: as TAG-04.
    Expected: the job succeeds on every release; the instance runs on the tagged host with 1280 MiB.
    """
    tag, grown = stage.own_tag(), Size(1, stage.speed(0.25), 1280)
    neighbour = stage.needs_a_neighbour_for(grown)
    stage.tag_host(neighbour, tag)
    instance = stage.instance(*stage.scalable(Size(1, stage.speed(0.25), 256)))
    stage.leave_memory_mib(512)
    assert instance.scale_without_room(*stage.scalable(grown, tags=frozenset({tag}))).job.succeeded
    assert instance.record.host_id == neighbour.id
