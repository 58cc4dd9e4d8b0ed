"""A run as JUnit XML (xunit2): a suite for each section, with the environment as properties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult, SystemOut

from harness.report.overview import Overview, Verdict, environment_facts, overview, test_file
from harness.report.quarantine import Held, Standing
from harness.report.subject import Subject
from harness.run.record import CaseRecord, Outcome, RunRecord

_LONGEST_MESSAGE = 500


def junit_xml(about: Subject) -> str:
    """Findings are failures, what could not run is an error, what was not verified and known defects are skipped.

    A failure in quarantine is skipped too; an entry that expired or is no longer needed fails.
    """
    record = about.record
    held = {one.entry.id: one for one in about.held}
    document = JUnitXml("cs-harness")
    for section in dict.fromkeys(case.section for case in record.cases):
        document.append(_suite(record, section, held))
    seen = overview(record)
    if seen.verdict in (Verdict.UNPROVEN, Verdict.UNFINISHED):
        document.append(_run_itself(seen))
    document.update_statistics()
    text: bytes = document.tostring()
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text.decode("utf-8")}\n'


def _suite(record: RunRecord, section: str, held: Mapping[str, Held]) -> TestSuite:
    suite = TestSuite(section)
    members = [case for case in record.cases if case.section == section]
    suite.timestamp = (record.started + timedelta(seconds=members[0].began)).strftime("%Y-%m-%dT%H:%M:%S")
    for name, value in [("run", record.run_id), *environment_facts(record.environment)]:
        suite.add_property(name, value)
    suite.add_testcases([_case(case, held.get(case.id)) for case in members])
    return suite


def _run_itself(seen: Overview) -> TestSuite:
    """So that a run which proved too little is not green where only this file is looked at."""
    suite = TestSuite("run")
    case = TestCase("the run as a whole", classname="cs-harness", time=0.0)
    case.result = [Error(_line(seen.why), str(seen.verdict))]
    suite.add_testcase(case)
    return suite


def _case(case: CaseRecord, held: Held | None) -> TestCase:
    made = TestCase(case.id, classname=f"{test_file(case).removesuffix('.py')}.{case.section}", time=case.seconds)
    properties = Properties()
    facts = {"title": case.title, "worker": case.worker} | {f"layer {name}": seen for name, seen in case.layers.items()}
    for name, value in facts.items():
        properties.append(Property(name, value))
    made.append(properties)
    result = _result(case) if held is None else _quarantined(case, held)
    if result is not None:
        made.result = [result]
    lines = [f"{step.began:9.3f} {step.seconds:8.3f} s  {step.name} ({step.waits_for})" for step in case.steps]
    lines += [f"note {note.rule}: {note.says}" for note in case.notes]
    if lines:
        out = SystemOut()
        out.text = "\n".join(lines)
        made.append(out)
    return made


def _quarantined(case: CaseRecord, held: Held) -> FinalResult | None:
    if held.standing is Standing.HELD:
        return Skipped(f"quarantined: {held.line}", "quarantined")
    if held.standing in (Standing.EXPIRED, Standing.PASSING):
        return Failure(f"quarantine: {held.line}", "quarantine")
    return _result(case)


def _result(case: CaseRecord) -> FinalResult | None:
    told = [str(finding) for finding in case.findings]
    if case.reason is not None:
        told.append(case.reason)
    message = _line(told[0]) if told else ""
    if len(told) > 1:
        message += f" (and {len(told) - 1} more)"
    if case.outcome is Outcome.FAILED:
        rules = ", ".join(dict.fromkeys(finding.rule for finding in case.findings))
        result: FinalResult = Failure(message, f"finding ({rules})" if rules else "finding")
    elif case.outcome is Outcome.COULD_NOT_RUN:
        result = Error(message, "could not run")
    elif case.outcome in (Outcome.NOT_VERIFIED, Outcome.KNOWN_DEFECT):
        result = Skipped(f"{case.outcome}: {message}" if message else str(case.outcome), str(case.outcome))
    else:
        return None
    result.text = "\n".join(told)
    return result


def _line(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= _LONGEST_MESSAGE else first[:_LONGEST_MESSAGE] + " ..."
