"""A comparison for people: on a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.report.comparison import Change, Changed, Comparison
from harness.report.markdown_text import fitting, inline, table
from harness.report.quarantine import Held, held_ids

LONGEST_COMMENT = 65_536
SIGNS = {
    Change.NEW_FAILURE: "❌",
    Change.STILL_FAILING: "🔴",
    Change.FLAKY: "🎲",
    Change.NEW_DEFECT: "🐞",
    Change.NEWLY_NOT_VERIFIED: "⚪",
    Change.VANISHED: "👻",
    Change.SLOWER: "🐢",
    Change.FIXED: "✅",
    Change.APPEARED: "🆕",
}


def counted_changes(compared: Comparison, held: Iterable[Held]) -> list[Changed]:
    """The changes of cases that are not in quarantine."""
    left_out = held_ids(held)
    return [changed for changed in compared.changes if changed.id not in left_out]


def whole_run_line(compared: Comparison) -> str | None:
    ratio = compared.whole_run
    return None if ratio is None else f"the whole run takes {ratio:.2f} times as long as before"


def console_text(compared: Comparison, held: tuple[Held, ...] = ()) -> str:
    return "\n".join(_console_lines(compared, held)) + "\n"


def _console_lines(compared: Comparison, held: tuple[Held, ...]) -> Iterator[str]:
    yield f"{compared.base.name} -> {compared.new.name}: {compared.counted}"
    for name, (before, now) in compared.environment.items():
        yield f"environment: {name}: {before or '(none)'} -> {now or '(none)'}"
    if line := whole_run_line(compared):
        yield f"slower: {line}"
    for changed in counted_changes(compared, held):
        yield f"{changed.change}: {changed.id}: {changed.line}"
    for one in held:
        yield f"quarantine: {one.line}"


def comparison_markdown(compared: Comparison, held: tuple[Held, ...] = ()) -> str:
    """Below GitHub's limit for a comment."""
    kept, left_out = fitting(_markdown_lines(compared, held), LONGEST_COMMENT - 100)
    if left_out:
        kept += ["", f"and {left_out} more lines"]
    return "\n".join(kept) + "\n"


def _markdown_lines(compared: Comparison, held: tuple[Held, ...]) -> Iterator[str]:
    changes = counted_changes(compared, held)
    worst = changes[0].change if changes else None
    sign = SIGNS[worst] if worst is not None else "✅"
    yield f"## {sign} {inline(compared.base.name)} → {inline(compared.new.name)}: {compared.counted}"
    if line := whole_run_line(compared):
        yield from ("", f"{SIGNS[Change.SLOWER]} {line}")
    if compared.environment:
        yield from ("", "The environments differ:", "")
        rows = ([name, inline(before or ""), inline(now or "")] for name, (before, now) in compared.environment.items())
        yield from table(["", "before", "now"], rows)
    if changes:
        yield ""
        yield from table(
            ["", "case", "what"],
            (
                [f"{SIGNS[changed.change]} {changed.change}", f"**{inline(changed.id)}**", inline(changed.line)]
                for changed in changes
            ),
        )
    if held:
        yield from ("", "### Quarantine", "")
        yield from (f"- {inline(one.line, 500)}" for one in held)
