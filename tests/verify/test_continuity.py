"""Whether a domain went on, or another one was started in its place."""

from dataclasses import replace

import pytest

from harness.hosts.domain_xml import read_domain
from harness.hosts.observation import Absent, NotSeen, Observation
from harness.reference import rules
from harness.verify.finding import NOTHING_SEEN, Layer
from harness.verify.instance import compare_continuity


def _look(number: int, host: str = "kvm1") -> Observation:
    xml = f"<domain id='{number}'><memory>1</memory><currentMemory>1</currentMemory><vcpu>1</vcpu></domain>"
    unseen = NotSeen("not asked for")
    return Observation("i-2-3-VM", host, "ssh", read_domain(xml), unseen, unseen, unseen, unseen)


def test_a_domain_that_goes_on_keeps_its_number() -> None:
    comparison = compare_continuity(_look(3), _look(3))
    assert (comparison.findings, comparison.seen) == ((), {Layer.DOMAIN})


def test_another_number_on_the_same_host_is_another_start() -> None:
    (finding,) = compare_continuity(_look(3), _look(4)).findings
    assert (finding.what, finding.expected, finding.observed) == ("libvirt's id of the domain", "3", "4")
    assert finding.rule_id == rules.GUEST_SURVIVES.id


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        (None, _look(4)),
        (_look(3, "kvm2"), _look(4)),
        (replace(_look(3), domain=Absent()), _look(4)),
        (_look(3), replace(_look(4), domain=NotSeen("no answer"))),
    ],
    ids=["first look", "another host", "it was not there", "not seen"],
)
def test_looks_that_cannot_tell_say_nothing(before: Observation | None, seen: Observation) -> None:
    assert compare_continuity(before, seen) == NOTHING_SEEN
