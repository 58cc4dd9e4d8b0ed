"""The rules of the reference on paper: complete, grouped, and fresh in the repository."""

from pathlib import Path

import pytest

from harness.reference.catalogue import RULES
from harness.report.rule_pages import MARKDOWN_COMMAND, UnknownRuleError, groups, rule_text, rules_markdown, rules_table

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_page_in_the_repository_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_markdown(), f"run `{MARKDOWN_COMMAND}`"


def test_every_rule_is_in_one_group() -> None:
    grouped = [rule.id for rules in groups().values() for rule in rules]
    assert sorted(grouped) == sorted(RULES)
    assert {rule.id[:4] for rule in groups()["Defects"]} == {"DEF-"}
    assert {rule.id[:4] for rule in groups()["Oddities"]} == {"odd-"}
    assert "scaling-down" in {rule.id for rule in groups()["Refusals"]}


def test_every_row_of_the_page_has_four_cells() -> None:
    rows = [line for line in rules_markdown().splitlines() if line.startswith("| `")]
    assert len(rows) == len(RULES)
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}


def test_the_table_has_a_line_for_each_rule() -> None:
    lines = rules_table().splitlines()
    assert len(lines) == len(RULES) + 1
    assert lines[0].split() == ["rule", "how", "sure", "what", "it", "says"]


def test_one_rule_is_told_in_full_in_whatever_case_its_id_is_written() -> None:
    lines = rule_text("def-03").splitlines()
    assert lines[0].startswith("DEF-03 (defect): A saved cpuSpeed outlives")
    assert lines[2].startswith("source: VirtualMachineManagerImpl.")
    assert lines[3] == "how sure: seen on a real management server with its own agents"


def test_a_rule_that_does_not_exist_is_an_error_that_says_where_to_look() -> None:
    with pytest.raises(UnknownRuleError, match="DEF-99: no such rule; `cs-harness rules` lists them"):
        rule_text("DEF-99")
