"""On a cloud that has the known defects mended cases about them pass, and no other case fails for that."""

import pytest

from harness.reference.oddities import HALVED_QUOTA, MOVED_FOR_NOTHING, STALE_SPEED, UNUSABLE_DIMM
from harness.reference.offering import CustomParameters
from harness.reference.release import SINCE, Release
from harness.reference.settings import CPU_OVERCOMMIT
from harness.run.stage import Stage
from harness.verify.ways import Shown


@pytest.fixture(scope="module")
def lab_release() -> Release:
    return SINCE.mended


def test_memory_that_the_guest_could_not_use_is_refused_in_any_words(stage: Stage) -> None:
    scaled = stage.instance(stage.fixed(1, 500, 256)).scale(stage.fixed(1, 500, 300))
    assert not scaled.job.succeeded
    assert stage.comparison.findings == ()
    assert stage.shown == {UNUSABLE_DIMM: Shown.MENDED}
    assert "DEF-05" not in stage.notes


def test_an_instance_that_cannot_grow_is_not_moved(stage: Stage) -> None:
    instance = stage.instance(stage.fixed(1, 500, 256))
    scaled = instance.scale_without_room(stage.fixed(1, 500, 5120))
    assert not scaled.job.succeeded
    assert instance.is_on_home
    assert stage.comparison.findings == ()
    assert stage.shown == {MOVED_FOR_NOTHING: Shown.MENDED}


def test_the_next_start_has_the_new_speed(stage: Stage) -> None:
    instance = stage.instance(stage.unconstrained(), CustomParameters("1", "600", "256"))
    instance.scale(stage.constrained((1, 4), 700, (256, 1024), cap=True), CustomParameters("2", memory_mib="512"))
    assert stage.shown == {STALE_SPEED: Shown.MENDED}
    instance.restart()
    assert instance.domain.shares == 1400
    assert stage.comparison.findings == ()


def test_a_live_quota_is_that_of_a_start(stage: Stage) -> None:
    stage.setting(CPU_OVERCOMMIT, "2")
    scaled = stage.instance(stage.fixed(1, 300, 256)).scale(stage.fixed(1, 600, 256, cap=True))
    assert scaled.bandwidth == (3000, 10000)
    assert stage.comparison.findings == ()
    assert stage.shown == {HALVED_QUOTA: Shown.MENDED}
