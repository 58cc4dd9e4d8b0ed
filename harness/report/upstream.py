"""A text for each known defect that a run shows, to be pasted into an issue: words, API calls, log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.report.markdown_text import inline, table
from harness.report.overview import PLAYED_KINDS, environment_facts, host_lines
from harness.report.reading import printable, shortened
from harness.run.record import CallRecord, CaseRecord, KnownDefectRecord, Outcome, RunRecord

_MOST_LOG_LINES = 60
_LARGEST_LOG = 20_000_000
_PLAYED = """\
> Not to be reported as it is: this was seen on the harness's own lab, which plays the defect as its catalogue has it.
> Run the case on a CloudStack server first: `cs-harness verify --cloud FILE --select ID`."""


def upstream_texts(record: RunRecord, folder: Path) -> dict[str, str]:
    """By file name: one text for each defect, of the first case that shows it. `folder` is where evidence lies."""
    texts: dict[str, str] = {}
    for case in record.cases:
        defect = case.known_defect
        if case.outcome is Outcome.KNOWN_DEFECT and defect is not None:
            name = f"upstream-{re.sub(r'[^A-Za-z0-9-]+', '-', defect.id)}.md"
            if name not in texts:
                texts[name] = "\n".join(_lines(record, case, defect, folder)) + "\n"
    return texts


def _lines(record: RunRecord, case: CaseRecord, defect: KnownDefectRecord, folder: Path) -> Iterator[str]:
    yield f"# KVM live scaling: {inline(defect.title)}"
    if record.environment is not None and record.environment.hosts_kind in PLAYED_KINDS:
        yield from ("", _PLAYED)
    yield from ("", "### Versions", "")
    facts = [(name, inline(value)) for name, value in environment_facts(record.environment) if name != "API"]
    yield from table(["", ""], facts)
    yield from ("", *(f"- {inline(line)}" for line in host_lines(record.environment)))
    yield from ("", "### Steps", "")
    yield from (f"{number}. {inline(step, 600)}" for number, step in enumerate(defect.steps, 1))
    if case.calls:
        yield from ("", "As API calls:", "", "```")
        yield from map(_call, case.calls)
        yield "```"
    yield from ("", "### Expected", "", inline(defect.promised, 2000))
    yield from ("", "### What happens", "", inline(defect.happens, 2000))
    for scale in case.scales:
        end = "succeeded" if scale.succeeded else f"failed: {scale.code} {scale.text}"
        yield f"- the scale of {inline(scale.instance)} (job {inline(scale.job_id)}) {inline(end, 600)}"
    for look in case.looks[-1:]:
        yield from ("", f"The domain of {inline(look.instance)} afterwards:", "", "```xml")
        yield _fenced(look.observed_xml or look.expected_xml)
        yield "```"
    yield from ("", "### Log lines of the jobs", "")
    lines = _log_lines(case, folder)
    if lines:
        yield from ("```", *map(_fenced, lines), "```")
    else:
        yield "The run kept no logs of the management server or the agents."


def _call(call: CallRecord) -> str:
    parameters = " ".join(f"{name}={value}" for name, value in call.parameters.items())
    end = call.error or (f"job {call.job_id}" if call.job_id else "")
    return _fenced(f"{call.command} {parameters}{f'  -> {end}' if end else ''}".replace("\n", " "))


def _fenced(text: str) -> str:
    """Text that does not end the fence it stands in."""
    return text.replace("```", "'''")


def _log_lines(case: CaseRecord, folder: Path) -> list[str]:
    """Lines of the case's evidence that name one of its jobs."""
    jobs = [call.job_id for call in case.calls if call.job_id]
    if not jobs:
        return []
    # CloudStack's logs name a job by the first eight characters of its id.
    wanted = re.compile("|".join(re.escape(job[:8]) for job in jobs))
    found: list[str] = []
    root = folder.resolve()
    for name in (name for name in case.evidence if name.endswith(".log")):
        file = (root / name).resolve()
        if not file.is_relative_to(root) or not file.is_file() or file.stat().st_size > _LARGEST_LOG:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [shortened(printable(line), 500) for line in text.splitlines() if wanted.search(line)]
    return found[:_MOST_LOG_LINES]
