"""The catalogue of known defects has all that the reference knows, each told completely."""

from harness.reference.catalogue import RULES
from harness.reference.known_defects import KNOWN_DEFECTS
from harness.reference.rule import Kind


def test_every_defect_of_the_reference_is_told() -> None:
    assert {rule.id for rule in RULES.values() if rule.kind is Kind.DEFECT} == set(KNOWN_DEFECTS)


def test_each_has_a_title_of_its_own_and_all_parts() -> None:
    defects = KNOWN_DEFECTS.values()
    assert len({defect.title for defect in defects}) == len(defects)
    for defect in defects:
        assert not defect.title.endswith(".")
        assert defect.promised.endswith(".")
        assert defect.happens.endswith(".")
        assert len(defect.steps) >= 3
