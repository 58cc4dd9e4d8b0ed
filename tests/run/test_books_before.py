"""What hosts count up to 4.22, where capacity is released by the new size and only from what is used."""

from collections.abc import Iterator

import pytest

from harness.reference.offering import CustomParameters
from harness.reference.release import BEFORE, Release
from harness.run.scale_request import ScaleRequest
from harness.run.stage import Stage


@pytest.fixture(scope="module")
def lab_release() -> Release:
    return BEFORE


@pytest.fixture(autouse=True)
def right_at_first(stage: Stage) -> None:
    recalculate(stage)


def recalculate(stage: Stage) -> None:
    stage.session.api.call("listCapacity", fetchlatest="true")


def grown(stage: Stage) -> ScaleRequest:
    """A scale to twice the speed, not sent yet."""
    instance = stage.instance(stage.unconstrained(), CustomParameters("1", "300", "256"))
    return instance.request(stage.unconstrained(), CustomParameters("1", "600", "256"))


def told(stage: Stage) -> Iterator[str]:
    return (finding.what for finding in stage.comparison.findings)


def test_what_is_reserved_for_a_stopped_instance_is_not_released_in_a_scale(stage: Stage) -> None:
    stage.instance(stage.fixed(1, 1500, 256)).stop()
    assert grown(stage).send().finish_alone().job.succeeded
    assert list(told(stage)) == []


def test_a_recalculation_just_before_the_release_is_no_finding(stage: Stage) -> None:
    # More is counted than runs: the first of these was released by its new size, so by nothing.
    assert grown(stage).send().finish_alone().job.succeeded
    request = grown(stage)
    recalculate(stage)
    assert request.send().finish_alone().job.succeeded
    assert list(told(stage)) == []


def test_a_count_that_nothing_explains_is_a_finding(stage: Stage) -> None:
    request = grown(stage).send()
    request.wait()
    other = stage.instance(stage.fixed(1, 100, 128))
    recalculate(stage)
    other.stop()
    assert request.finish_alone().job.succeeded
    assert list(told(stage)) == ["allocated MHz of kvm1", "allocated MiB of kvm1"]
