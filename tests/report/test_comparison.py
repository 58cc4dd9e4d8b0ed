"""What counts as a change from one result to another, and what as noise."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.comparison import Change, Comparison, compare
from harness.report.outcomes import Results, Status, Test, of_run, of_tests
from harness.run.record import Outcome
from tests.report.runs import make_case, make_environment, make_run

P, D, F, E, N = Status.PASSED, Status.KNOWN_DEFECT, Status.FAILED, Status.ERROR, Status.NOT_VERIFIED


def _results(*tests: Test, whole: bool = True) -> Results:
    return Results("r", of_tests(tests), whole=whole)


def _changes(compared: Comparison) -> dict[str, Change]:
    return {changed.id: changed.change for changed in compared.changes}


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (P, F, Change.NEW_FAILURE),
        (P, E, Change.NEW_FAILURE),
        (N, F, Change.NEW_FAILURE),
        (D, F, Change.NEW_FAILURE),
        (None, F, Change.NEW_FAILURE),
        (F, F, Change.STILL_FAILING),
        (E, F, Change.STILL_FAILING),
        (F, P, Change.FIXED),
        (D, P, Change.FIXED),
        (P, D, Change.NEW_DEFECT),
        (P, N, Change.NEWLY_NOT_VERIFIED),
        (F, N, Change.NEWLY_NOT_VERIFIED),
        (P, None, Change.VANISHED),
        (F, None, Change.VANISHED),
        (None, P, Change.APPEARED),
        (P, P, None),
        (N, N, None),
        (N, P, None),
        (F, D, None),
    ],
)
def test_each_change_has_its_name(before: Status | None, now: Status | None, change: Change | None) -> None:
    base = _results(*([Test("x", before, 1.0)] if before else []))
    new = _results(*([Test("x", now, 1.0)] if now else []))
    assert _changes(compare(base, new)) == ({} if change is None else {"x": change})


def test_a_test_that_failed_and_passed_in_one_result_is_flaky() -> None:
    new = _results(Test("x", F, 1.0), Test("x", P, 1.0), Test("y", F, 1.0), Test("y", F, 1.0))
    assert _changes(compare(_results(Test("x", P, 1.0)), new)) == {"x": Change.FLAKY, "y": Change.NEW_FAILURE}


def test_a_source_that_names_only_what_is_not_well_makes_nothing_vanish() -> None:
    base = _results(Test("a", F, 1.0), Test("b", P, 1.0))
    assert _changes(compare(base, _results(whole=False))) == {"a": Change.FIXED}
    assert _changes(compare(_results(whole=False), base)) == {"a": Change.NEW_FAILURE}


def test_environments_that_differ_are_shown_beside() -> None:
    old = make_run(make_case("XML-01"))
    new = make_run(make_case("XML-01"), environment=make_environment(cloudstack="4.23.1.0"))
    assert compare(of_run(old), of_run(new)).environment == {"CloudStack": ("4.23.0.0", "4.23.1.0")}


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), sigma=st.floats(0, 0.4), number=st.integers(1, 400), shift=st.floats(0.3, 3))
def test_noise_passes(seed: int, sigma: float, number: int, shift: float) -> None:
    """Durations that scatter by the same factor in both runs are not slower, also where a whole machine is slower."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    shift = shift if number >= 8 else 1.0
    sigma = sigma if number >= 8 else min(sigma, 0.2)
    true = [math.exp(chance.uniform(-2, 6)) for _ in range(number)]
    runs = [
        _results(
            *(Test(str(n), P, seconds * factor * math.exp(chance.gauss(0, sigma))) for n, seconds in enumerate(true))
        )
        for factor in (1.0, shift)
    ]
    slower = compare(*runs).of(Change.SLOWER)
    # Six deviations are a few in a billion for many; the deviation of a few is itself uncertain.
    assert len(slower) <= (0 if number > 60 else 1)


def test_one_case_that_takes_four_times_as_long_is_slower_among_noise() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    base = [Test(str(n), P, 4 * math.exp(chance.gauss(0, 0.1))) for n in range(50)]
    new = [Test(str(n), P, (16 if n == 7 else 4) * math.exp(chance.gauss(0, 0.1))) for n in range(50)]
    compared = compare(_results(*base), _results(*new))
    assert _changes(compared) == {"7": Change.SLOWER}
    assert compared.whole_run is None


def test_a_run_that_is_slower_as_a_whole_is_told_once_and_not_case_by_case() -> None:
    base = [Test(str(n), P, 4.0 + n / 10) for n in range(20)]
    new = [Test(str(n), P, 2 * (4.0 + n / 10)) for n in range(20)]
    compared = compare(_results(*base), _results(*new))
    assert _changes(compared) == {}
    assert compared.whole_run == pytest.approx(2.0)


def test_milliseconds_are_not_slower() -> None:
    base = [Test(str(n), P, 0.010) for n in range(20)]
    new = [Test(str(n), P, 0.9 if n == 3 else 0.010) for n in range(20)]
    assert _changes(compare(_results(*base), _results(*new))) == {}


def test_failures_are_not_compared_by_duration() -> None:
    base = [Test(str(n), P, 4.0) for n in range(20)]
    new = [Test(str(n), F if n == 3 else P, 40.0 if n == 3 else 4.0) for n in range(20)]
    assert _changes(compare(_results(*base), _results(*new))) == {"3": Change.NEW_FAILURE}


def test_the_sum_counts_every_kind() -> None:
    old = make_run(make_case("XML-01"), make_case("XML-02"), make_case("XML-03", Outcome.FAILED))
    new = make_run(make_case("XML-01", Outcome.FAILED), make_case("XML-02"), make_case("XML-03"))
    assert compare(of_run(old), of_run(new)).counted == "1 new failure, 1 fixed, 1 unchanged"
