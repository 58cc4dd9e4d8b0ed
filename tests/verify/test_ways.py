"""Of several right ways the one that fits is found, and what fits none is a finding."""

import pytest

from harness.cloud.entities import InstanceRecord, read
from harness.reference.oddities import HALVED_QUOTA, STALE_SPEED
from harness.reference.offering import CustomParameters, Size
from harness.reference.scaling import predict
from harness.verify.finding import Comparison, Finding, Layer
from harness.verify.instance import compare_saved_speed
from harness.verify.ways import Shown, Way, compare_facts, which
from tests.reference.worlds import UNCONSTRAINED, running, world

AS_BUILT: dict[str, object] = {"quota": 1500, "shares": 300}
MENDED: dict[str, object] = {"quota": 3000, "shares": 300}


def _compare(seen: int):
    def compare(expected: int) -> Comparison:
        finding = Finding(Layer.API, "number", str(expected), str(seen), "here", "in-place")
        return Comparison(() if seen == expected else (finding,), frozenset({Layer.API}), {})

    return compare


@pytest.mark.parametrize(("seen", "shown"), [(1, Shown.AS_BUILT), (2, Shown.MENDED)])
def test_the_way_that_fits_is_taken(seen: int, shown: Shown) -> None:
    ways = [Way(1, {STALE_SPEED: Shown.AS_BUILT}), Way(2, {STALE_SPEED: Shown.MENDED})]
    way, comparison, fits = which(ways, _compare(seen))
    assert fits
    assert way.defects == {STALE_SPEED: shown}
    assert comparison.findings == ()


def test_where_no_way_fits_the_first_says_what_differs() -> None:
    way, comparison, fits = which([Way(1), Way(2)], _compare(3))
    assert not fits
    assert way.expected == 1
    assert [finding.expected for finding in comparison.findings] == ["1"]


@pytest.mark.parametrize(
    ("seen", "shown"),
    [(AS_BUILT, Shown.AS_BUILT), (MENDED, Shown.MENDED), ({"quota": 2500, "shares": 300}, Shown.MENDED)],
)
def test_facts_are_as_built_or_mended(seen: dict[str, object], shown: Shown) -> None:
    mended = (MENDED, {"quota": 2500, "shares": 300})
    comparison, found = compare_facts(HALVED_QUOTA, Layer.DOMAIN, "virsh", seen, as_built=AS_BUILT, mended=mended)
    assert comparison.findings == ()
    assert comparison.seen == {Layer.DOMAIN}
    assert found is shown


def test_a_third_thing_is_a_finding_for_each_fact_that_is_not_as_built() -> None:
    seen: dict[str, object] = {"quota": 2000, "shares": 300}
    comparison, shown = compare_facts(HALVED_QUOTA, Layer.DOMAIN, "virsh", seen, as_built=AS_BUILT, mended=(MENDED,))
    [finding] = comparison.findings
    assert shown is None
    assert (finding.what, finding.expected, finding.observed, finding.rule_id) == (
        "quota",
        "1500 (as built) or 3000 (mended)",
        "2000",
        "DEF-04",
    )


def test_half_a_mend_is_a_third_thing() -> None:
    as_built: dict[str, object] = {"first": 1, "second": 1}
    mended: dict[str, object] = {"first": 2, "second": 2}
    seen: dict[str, object] = {"first": 1, "second": 2}
    comparison, shown = compare_facts(STALE_SPEED, Layer.API, "api", seen, as_built=as_built, mended=(mended,))
    assert shown is None
    assert [finding.what for finding in comparison.findings] == ["second"]


@pytest.mark.parametrize(
    ("details", "differs"), [({"cpuSpeed": "600"}, False), ({"cpuSpeed": "500"}, True), ({}, True)]
)
def test_a_saved_speed_that_is_not_as_predicted_is_caught(details: dict[str, str], differs: bool) -> None:
    instance = running(world(), UNCONSTRAINED, Size(1, 500, 256))
    prediction = predict(world(), instance, UNCONSTRAINED, CustomParameters("2", "600", "256"))
    record = read(
        InstanceRecord,
        {
            "id": "i",
            "name": "n",
            "instancename": "i-2-3-VM",
            "state": "Running",
            "zoneid": "z",
            "serviceofferingid": "u",
            "cpunumber": 2,
            "cpuspeed": 600,
            "memory": 256,
            "isdynamicallyscalable": True,
            "details": details,
        },
    )
    assert bool(compare_saved_speed(prediction, record).findings) is differs
