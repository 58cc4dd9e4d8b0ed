"""A run as Markdown: a text to paste under a pull request, and the longer one for GitHub's step summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.report import matrix
from harness.report.markdown_text import fitting, inline, table
from harness.report.overview import Overview, Verdict, overview
from harness.report.subject import Subject
from harness.run.record import CaseRecord, Outcome, RunRecord

# GitHub refuses longer comments, and drops a step's summary of more than 1 MiB as a whole. Both are bytes here.
LONGEST_COMMENT = 65_536
LONGEST_SUMMARY = 1_000_000

SIGNS = {
    Outcome.PASSED: "✅",
    Outcome.KNOWN_DEFECT: "🐞",
    Outcome.FAILED: "❌",
    Outcome.NOT_VERIFIED: "⚪",
    Outcome.COULD_NOT_RUN: "💥",
}
VERDICT_SIGNS = {Verdict.GOOD: "✅", Verdict.BAD: "❌", Verdict.UNPROVEN: "⚪", Verdict.UNFINISHED: "⏳"}


def report_markdown(about: Subject) -> str:
    return _document(about, LONGEST_COMMENT)


def summary_markdown(about: Subject) -> str:
    return _document(about, LONGEST_SUMMARY)


def _document(about: Subject, limit: int) -> str:
    """Head and matrix are always whole; of what went wrong and of the cases as much is told as fits."""
    record = about.record
    seen = overview(record)
    text = _Bounded(limit)
    text.add(_head(record, seen))
    text.add(_since(about), at_most=limit // 8)
    text.add(_problems(record), at_most=limit // 3)
    text.add(_known_defects(record), at_most=limit // 8)
    text.add(_unverified(record, seen), at_most=limit // 8)
    text.add(_matrix(record), at_most=limit // 8)
    text.add(["", "<details><summary>All cases</summary>", ""])
    text.add(_cases(record.cases), at_most=limit - text.size - 200)
    text.add(["", "</details>"])
    return text.text


class _Bounded:
    """Lines up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: list[str] = []
        self.size = 0

    def add(self, lines: Iterable[str], at_most: int | None = None) -> None:
        room = self._limit if at_most is None else min(self._limit, self.size + at_most)
        kept, left_out = fitting(lines, room - 50, self.size)
        if left_out:
            kept += ["", f"and {left_out} more lines: see the whole report"]
        self._lines += kept
        self.size += sum(len(line.encode()) + 1 for line in kept)

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


def _head(record: RunRecord, seen: Overview) -> Iterator[str]:
    on = f" on CloudStack {inline(record.environment.cloudstack)}" if record.environment else ""
    yield f"## {VERDICT_SIGNS[seen.verdict]} Live scaling{on}: {seen.verdict}"
    yield ""
    seconds = "" if seen.seconds is None else f" in {seen.seconds:.0f} s"
    yield f"{inline(seen.why, 1000)}. **{seen.counted}**{seconds} (run `{inline(record.run_id)}`)."
    yield ""
    outcomes = [outcome for outcome in Outcome if seen.counts[outcome] or outcome is Outcome.PASSED]
    if seen.sections:
        heading = ["section", *(f"{SIGNS[outcome]} {outcome}" for outcome in outcomes)]
        rows = (
            [inline(section), *(str(counts[outcome] or "") for outcome in outcomes)]
            for section, counts in sorted(seen.sections.items())
        )
        yield from table(heading, rows)
        yield ""
    facts = [(name, value) for name, value in seen.environment if name != "CloudStack"]
    yield "; ".join(f"{name} {inline(value)}" for name, value in facts)
    spent = ", ".join(f"{whose} {seconds:.0f} s" for whose, seconds in seen.spent.items() if seconds >= 0.5)
    if spent:
        yield ""
        yield f"The cases' time went to: {spent}."


def _since(about: Subject) -> Iterator[str]:
    if about.since is not None:
        yield from ("", f"Since {inline(about.since.base.name)}: {about.since.counted}.")
        yield from ("", *(f"- {changed.change}: **{inline(changed.id)}**" for changed in about.since.changes[:20]))
    if about.held:
        yield from ("", "### Quarantine", "", *(f"- {inline(one.line, 500)}" for one in about.held))


def _problems(record: RunRecord) -> Iterator[str]:
    wrong = [case for case in record.cases if case.outcome in (Outcome.FAILED, Outcome.COULD_NOT_RUN)]
    if wrong:
        yield from ("", "### What is wrong", "")
    for case in wrong:
        yield f"- {SIGNS[case.outcome]} **{inline(case.id)}** {inline(case.title)}"
        for finding in case.findings:
            yield (
                f"  - {inline(finding.layer)}: {inline(finding.what)} should be **{inline(finding.expected)}**, is "
                f"**{inline(finding.observed)}** ({inline(finding.read_from)}; rule `{inline(finding.rule)}`)"
            )
        if case.reason is not None:
            whose = f" ({case.cause})" if case.cause else ""
            yield f"  - {inline(case.reason)}{whose}"
    if record.unmet:
        yield from ("", "### Required and not verified", "", *(f"- {inline(line)}" for line in record.unmet))
    if record.warnings:
        yield from ("", "### Warnings", "", *(f"- {inline(line)}" for line in record.warnings))
    if record.leftovers:
        yield from ("", "### Left behind", "")
        yield from (f"- {inline(line)}" for line in record.leftovers)


def _known_defects(record: RunRecord) -> Iterator[str]:
    cases = [case for case in record.cases if case.outcome is Outcome.KNOWN_DEFECT]
    if not cases:
        return
    yield from ("", "### Known defects of CloudStack that show here", "")
    for case in cases:
        defect = case.known_defect
        yield f"- {SIGNS[case.outcome]} **{inline(case.id)}** {inline(case.title)}"
        if defect is not None:
            yield f"  - **{inline(defect.id)}** {inline(defect.title)}"
            yield f"  - promised: {inline(defect.promised, 600)}"
            yield f"  - seen: {inline(defect.happens, 600)}"


def _unverified(record: RunRecord, seen: Overview) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for case in record.cases:
        if case.outcome is Outcome.NOT_VERIFIED:
            reasons.setdefault(case.reason or "no reason was told", []).append(case.id)
    for reason, ids in seen.unseen.items():
        reasons.setdefault(f"passed without a look at a layer: {reason}", []).extend(ids)
    if reasons:
        yield from ("", "### What nobody looked at", "")
    for reason, ids in reasons.items():
        yield f"- {SIGNS[Outcome.NOT_VERIFIED]} {inline(', '.join(ids))}: {inline(reason)}"


def _matrix(record: RunRecord) -> Iterator[str]:
    moves = matrix.transitions(record)
    if moves:
        yield from ("", "### From offering (rows) to offering (columns)", "")
        yield from table(
            ["", *(matrix.class_name(*kind) for kind in matrix.CLASSES)],
            (
                [
                    f"**{matrix.class_name(*before)}**",
                    *(_cell(moves.get((before, after))) for after in matrix.CLASSES),
                ]
                for before in matrix.CLASSES
            ),
        )
    rows = matrix.switches(record)
    if rows:
        yield from ("", "### The four switches at a start", "")
        yield from table(
            [*matrix.SWITCHES, "domain"],
            ([*("on" if on else "off" for on in row), _cell(rows[row])] for row in sorted(rows, reverse=True)),
        )


def _cell(tally: matrix.Tally | None) -> str:
    if tally is None:
        return ""
    sign = "❌" if tally.differed else "🐞" if tally.known_defect else "✅"
    return f"{sign} {inline(tally.words)}"


def _cases(cases: Iterable[CaseRecord]) -> Iterator[str]:
    yield from table(
        ["case", "", "s", "what it shows"],
        (
            [inline(case.id), f"{SIGNS[case.outcome]} {case.outcome}", f"{case.seconds:.1f}", inline(case.title)]
            for case in cases
        ),
    )
