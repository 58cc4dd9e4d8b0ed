"""All rules in one place: unique, explained, sourced."""

import re
from pathlib import Path

import pytest

import harness.reference
from harness.reference import oddities, refusals, rules
from harness.reference.catalogue import RULES
from harness.reference.rule import Certainty, Kind, Rule

DECLARED = [rule for module in (rules, refusals, oddities) for rule in vars(module).values() if isinstance(rule, Rule)]
SOURCES = sorted(Path(harness.reference.__path__[0]).glob("*.py"))


def test_ids_are_unique_and_all_rules_are_in_the_catalogue() -> None:
    ids = [rule.id for rule in DECLARED]
    assert len(set(ids)) == len(ids)
    assert list(RULES) == ids
    assert all(RULES[rule.id] is rule for rule in DECLARED)


@pytest.mark.parametrize("module", [rules, refusals, oddities])
def test_no_rule_is_declared_twice(module) -> None:
    text = Path(module.__file__).read_text(encoding="utf-8")
    names = re.findall(r"^([A-Z_]+) = Rule\(", text, re.M)
    assert sorted(set(names)) == sorted(names)
    assert len(names) == sum(isinstance(value, Rule) for value in vars(module).values())


@pytest.mark.parametrize("rule", DECLARED, ids=lambda rule: rule.id)
def test_every_rule_is_one_sentence_with_a_source(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Za-z].*[^.]\.", rule.says)
    assert "\n" not in rule.says
    assert rule.source
    assert not rule.source.endswith(".")
    assert rule.certainty in Certainty
    assert rule.note == "" or rule.note.endswith(".")


@pytest.mark.parametrize("rule", DECLARED, ids=lambda rule: rule.id)
def test_the_kind_of_a_rule_is_that_of_its_module_and_id(rule: Rule) -> None:
    if rule.id.startswith("DEF-"):
        assert rule.kind is Kind.DEFECT
    elif rule.id.startswith("odd-"):
        assert rule.kind is Kind.ODDITY
    else:
        assert rule.kind is Kind.RULE
    assert (rule in vars(oddities).values()) is (rule.kind is not Kind.RULE)
    assert rule.kind is Kind.RULE or rule.note


def test_the_seven_defects_are_there_and_were_seen() -> None:
    defects = {rule.id: rule.certainty for rule in RULES.values() if rule.kind is Kind.DEFECT}
    assert defects == {f"DEF-{number:02}": Certainty.SEEN for number in range(1, 8)}


def test_every_rule_that_is_declared_is_used_by_the_reference() -> None:
    declaring = {"rules.py", "refusals.py", "oddities.py"}
    text = "\n".join(source.read_text(encoding="utf-8") for source in SOURCES if source.name not in declaring)
    unused = [
        name
        for module in (rules, refusals, oddities)
        for name, value in vars(module).items()
        if isinstance(value, Rule) and not re.search(rf"\b{name}\b", text)
    ]
    assert sorted(unused) == sorted(NOT_OF_A_PREDICTION)


# What no prediction can show: arithmetic, and what other rooms judge by.
NOT_OF_A_PREDICTION = [
    "BUILT_AT_START",
    "GONE_WHEN_STOPPED",
    "GUEST_SURVIVES",
    "HUGE_CEILINGS",
    "INSTANCE_FLAG",
    "OLD_SERVER_NEW_AGENT",
    "PREPARED",
    "PREPARED_BEFORE",
    "RUNNING_VCPUS",
    "STALE_TEXT",
]


def test_no_line_of_the_reference_is_excluded_from_the_measure_of_its_tests() -> None:
    assert [source.name for source in SOURCES if "pragma" in source.read_text(encoding="utf-8")] == []
