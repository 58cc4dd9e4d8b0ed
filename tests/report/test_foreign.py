"""JUnit files and comments of others, also broken ones."""

from pathlib import Path

import pytest

from harness.report.foreign import read_results
from harness.report.junit import junit_xml
from harness.report.outcomes import Status, of_run
from harness.report.outline import outline, read_outline
from harness.report.reading import LONGEST_TEXT, UnreadableResultError, read_run
from harness.report.subject import Subject
from harness.report.trillian import trillian
from harness.run.record import Outcome
from tests.report.runs import HOSTILE, make_case, make_finding, make_run

NOSE = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="nosetests" tests="4" errors="1" failures="1" skip="1">
<testcase classname="test_scale_vm.TestScaleVm" name="test_01_scale_vm" time="12.500"></testcase>
<testcase classname="test_scale_vm.TestScaleVm" name="test_02" time="1"><failure type="AssertionError" message="no"><![CDATA[trace]]></failure></testcase>
<testcase classname="test_scale_vm.TestScaleVm" name="test_03" time="abc"><skipped type="unittest.case.SkipTest" message="no kvm"></skipped></testcase>
<testcase classname="nose.failure.Failure" name="runTest" time="0.001"><error type="ImportError" message="no module"/></testcase>
</testsuite>
"""  # noqa: E501


def _file(folder: Path, content: str | bytes) -> Path:
    file = folder / "result.xml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_a_file_of_noses_is_read(tmp_path: Path) -> None:
    tests = read_results(_file(tmp_path, NOSE)).tests
    assert {test.id: (test.status, test.seconds, test.text) for test in tests.values()} == {
        "test_scale_vm.TestScaleVm.test_01_scale_vm": (Status.PASSED, 12.5, ""),
        "test_scale_vm.TestScaleVm.test_02": (Status.FAILED, 1.0, "no\ntrace"),
        "test_scale_vm.TestScaleVm.test_03": (Status.NOT_VERIFIED, None, "no kvm"),
        "nose.failure.Failure.runTest": (Status.ERROR, 0.001, "no module"),
    }


def test_our_own_junit_says_the_same_as_the_results(tmp_path: Path) -> None:
    run = make_run(
        make_case("XML-01"),
        make_case("XML-02", Outcome.FAILED, findings=[make_finding()]),
        make_case("LS-01", Outcome.COULD_NOT_RUN, reason="gone"),
        make_case("LS-02", Outcome.NOT_VERIFIED, reason="needs a host"),
        make_case("LS-03", Outcome.KNOWN_DEFECT),
    )
    read, known = read_results(_file(tmp_path, junit_xml(Subject(run)))), of_run(run)
    assert {test.id: test.status for test in read.tests.values()} == {
        test.id: test.status for test in known.tests.values()
    }
    assert (read.environment, read.name, read.release) == (known.environment, known.name, known.release)


@pytest.mark.parametrize(
    "content",
    [
        NOSE.replace("UTF-8", "utf-16").encode("utf-16"),
        NOSE.replace("UTF-8", "iso-8859-1").replace("trace", "tr\xe4ce").encode("latin-1"),
        NOSE.replace("trace", "tr\xe4ce").encode("latin-1"),
        NOSE.replace("UTF-8", "no-such-encoding").encode(),
        NOSE.replace("trace", "\x1b[31mtrace\x00").encode(),
        NOSE.replace('message="no"', 'message="&#x1b;&#0;no"').encode(),
        b"\xef\xbb\xbf" + NOSE.encode(),
    ],
)
def test_strange_encodings_are_read_all_the_same(tmp_path: Path, content: bytes) -> None:
    results = read_results(_file(tmp_path, content))
    assert len(results.tests) == 4
    assert all(char >= " " or char == "\n" for test in results.tests.values() for char in test.text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (NOSE[:300], "no XML, or cut short"),
        ("<html><body>busy</body></html>", "XML, but no JUnit"),
        ("hello", "neither a results.json nor JUnit XML"),
        ("", "neither a results.json nor JUnit XML"),
        ("<!DOCTYPE x [<!ENTITY a 'aa'>]><testsuite/>", "no document type"),
        ("{", "not JSON, or cut short"),
    ],
)
def test_what_is_no_result_is_told_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(UnreadableResultError, match=says) as caught:
        read_results(_file(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_message_of_ten_megabytes_is_shortened(tmp_path: Path) -> None:
    results = read_results(_file(tmp_path, NOSE.replace("trace", "x" * 10_000_000)))
    assert len(results.tests["test_scale_vm.TestScaleVm.test_02"].text) < LONGEST_TEXT + 100


def test_retries_and_repeated_tests_are_flaky(tmp_path: Path) -> None:
    text = """<testsuites><testsuite name="s">
    <testcase classname="c" name="a"><flakyFailure message="m"/></testcase>
    <testcase classname="c" name="b"><failure message="m"/></testcase><testcase classname="c" name="b"/>
    <testcase classname="c" name="c"><rerunFailure message="m"/><failure message="m"/></testcase>
    </testsuite></testsuites>"""
    tests = read_results(_file(tmp_path, text)).tests
    assert {test_id: test.flaky for test_id, test in tests.items()} == {"c.a": True, "c.b": True, "c.c": False}


def test_trillians_comment_is_read_and_ours_too(tmp_path: Path) -> None:
    text = """<b>[SF] Trillian test result (tid-16026)</b>
Environment: kvm-ol8 (x2), zone: Advanced Networking with Mgmt server ol8
Total time taken: 49004 seconds

Test | Result | Time (s) | Test File
--- | --- | --- | ---
test_01_volume_usage | `Failure` | 194.15 | test_usage.py
all_test_create_network | `Skipped` | --- | test_create_network.py
"""
    results = read_results(_file(tmp_path, text))
    assert (results.name, results.whole) == ("tid-16026", False)
    assert results.environment["environment"].startswith("kvm-ol8 (x2)")
    assert {test.id: (test.status, test.seconds) for test in results.tests.values()} == {
        "test_usage.py::test_01_volume_usage": (Status.FAILED, 194.15),
        "test_create_network.py::all_test_create_network": (Status.NOT_VERIFIED, None),
    }
    ours = read_results(_file(tmp_path, trillian(make_run(make_case("LS-02", Outcome.FAILED)))))
    assert list(ours.tests) == ["test_ls.py::LS-02 test_ls_02"]


def test_the_outline_says_the_same_as_the_whole(tmp_path: Path) -> None:
    run = make_run(
        make_case("XML-01"),
        make_case("XML-02", Outcome.FAILED, findings=[make_finding()] * 2),
        make_case("LS-01", Outcome.COULD_NOT_RUN, reason=HOSTILE + "x" * 10_000),
        make_case("LS-01"),
    )
    (tmp_path / "results.json").write_text(run.model_dump_json(), encoding="utf-8")
    assert read_outline(tmp_path) == outline(read_run(tmp_path))
