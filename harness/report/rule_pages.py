"""The rules of the reference for people: as a table, one by one, and as the page docs/reference.md."""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import HarnessError
from harness.reference import refusals
from harness.reference.catalogue import RULES
from harness.reference.rule import Kind, Rule
from harness.report.markdown_text import escaped
from harness.report.text_table import table_lines

# Underscores in names of settings are no emphasis; the page is readable as text too.
_SIGNS = "|*<>"

MARKDOWN_COMMAND = "cs-harness rules --markdown > docs/reference.md"


class UnknownRuleError(HarnessError):
    """No rule has this id."""


def groups() -> dict[str, list[Rule]]:
    """Heading and rules of each group, in the order of the catalogue."""
    declining = {id(value) for value in vars(refusals).values() if isinstance(value, Rule)}
    grouped: dict[str, list[Rule]] = {"Rules": [], "Refusals": [], "Oddities": [], "Defects": []}
    for rule in RULES.values():
        if rule.kind is Kind.DEFECT:
            grouped["Defects"].append(rule)
        elif rule.kind is Kind.ODDITY:
            grouped["Oddities"].append(rule)
        else:
            grouped["Refusals" if id(rule) in declining else "Rules"].append(rule)
    return grouped


def rules_table() -> str:
    """All of them, a line each: id, how it is known in one word, what it says."""
    rows = [(rule.id, rule.certainty.name.lower(), rule.says) for rules in groups().values() for rule in rules]
    return "\n".join(table_lines([("rule", "how sure", "what it says"), *rows])) + "\n"


def rule_text(rule_id: str) -> str:
    """One rule in full. Raises UnknownRuleError."""
    rule = {known.lower(): rule for known, rule in RULES.items()}.get(rule_id.lower())
    if rule is None:
        raise UnknownRuleError(f"{rule_id}: no such rule; `cs-harness rules` lists them")
    lines = [
        f"{rule.id} ({rule.kind}): {rule.says}",
        rule.note,
        f"source: {rule.source}",
        f"how sure: {rule.certainty}",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def rules_markdown() -> str:
    """The text of docs/reference.md."""
    return "\n".join(_markdown_lines()) + "\n"


_INTRODUCTIONS = {
    "Rules": "What CloudStack does.",
    "Refusals": "What it declines, and what a job ends with instead of success.",
    "Oddities": "What it does and a person would not expect.",
    "Defects": "Where it contradicts what is promised. A prediction that will show one says so.",
}


def _markdown_lines() -> Iterator[str]:
    yield "# The reference, rule by rule"
    yield ""
    yield f"Made by `{MARKDOWN_COMMAND}` from the code in `harness/reference`; do not edit it by hand."
    yield ""
    yield "Each finding of a run and each prediction names the rules it rests on by these ids. How each is known:"
    yield ""
    for certainty in dict.fromkeys(rule.certainty for rule in RULES.values()):
        yield f"- *{certainty.name.lower()}*: {certainty}"
    for heading, rules in groups().items():
        yield from ("", f"## {heading}", "", _INTRODUCTIONS[heading], "")
        yield "| id | what it says | source | how sure |"
        yield "|---|---|---|---|"
        for rule in rules:
            says = escaped(rule.says + (f" {rule.note}" if rule.note else ""), _SIGNS)
            yield f"| `{rule.id}` | {says} | {escaped(rule.source, _SIGNS)} | {rule.certainty.name.lower()} |"
