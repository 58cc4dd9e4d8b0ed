"""JUnit files as CI servers take them."""

from xml.etree import ElementTree

import pytest

from harness.report.junit import junit_xml
from harness.report.reading import printable
from harness.report.subject import Subject
from harness.run.record import Outcome, RunRecord
from tests.report.runs import HOSTILE, make_case, make_finding, make_run, make_step


def _parsed(run: RunRecord) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(Subject(run)))  # noqa: S314 - our own


def test_each_outcome_has_the_form_that_ci_counts() -> None:
    root = _parsed(
        make_run(
            make_case("XML-01"),
            make_case("XML-02", Outcome.FAILED, findings=[make_finding(), make_finding(what="quota")]),
            make_case("LS-01", Outcome.COULD_NOT_RUN, reason="the host is gone"),
            make_case("LS-02", Outcome.NOT_VERIFIED, reason="needs a second host"),
            make_case("LS-03", Outcome.KNOWN_DEFECT),
            make_case("LS-04"),
        )
    )
    counts = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "1", "errors": "1", "skipped": "2"}
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["XML-02"].find("failure")
    assert failure is not None
    assert failure.get("message") == "domain: shares should be 1, is 2 (virsh dumpxml; rule shares) (and 1 more)"
    assert failure.get("type") == "finding (shares)"
    error, skipped = cases["LS-01"].find("error"), cases["LS-02"].find("skipped")
    assert error is not None
    assert error.get("message") == "the host is gone"
    assert skipped is not None
    assert skipped.get("message") == "not verified: needs a second host"


def test_suites_are_sections_and_tell_the_environment() -> None:
    root = _parsed(make_run(make_case("XML-01"), make_case("LS-01")))
    assert [suite.get("name") for suite in root] == ["XML", "LS"]
    properties = {item.get("name"): item.get("value") for item in root[0].findall("properties/property")}
    assert properties["CloudStack"] == "4.23.0.0"
    assert properties["libvirt"] == "9.0.0"
    assert properties["hosts"] == "2 KVM hosts of the embedded lab"


def test_a_run_that_proved_nothing_is_an_error_there_too() -> None:
    root = _parsed(make_run(could_not_run="no API"))
    assert root.get("errors") == "1"
    (error,) = root.iter("error")
    assert "no API" in error.get("message", "")


def test_hostile_names_stay_names() -> None:
    name = printable(HOSTILE)
    case = make_case("X-1", Outcome.FAILED, title=name, reason=name, steps=[make_step(name, 0, 1)])
    root = _parsed(make_run(case, make_case("X-2")))
    (failure,) = root.iter("failure")
    assert failure.text == name


@pytest.mark.parametrize("tag", ["testsuite", "testcase", "property"])
def test_only_attributes_of_xunit2_are_used(tag: str) -> None:
    allowed = {
        "testsuite": {"name", "timestamp", "tests", "errors", "failures", "skipped", "time"},
        "testcase": {"name", "classname", "time"},
        "property": {"name", "value"},
    }
    root = _parsed(make_run(make_case("XML-01")))
    assert {name for element in root.iter(tag) for name in element.attrib} <= allowed[tag]
