"""The pytest door: cases under plain pytest, with the verdict that was seen and not the one that was asserted."""

import json
from pathlib import Path

import pytest

from tests.conftest import SimulatedLab

CASE = """
import pytest
from harness.verify.domain import seen_domain

@pytest.mark.case("{id}")
def test_case(stage):
    '''What it shows.'''
    {body}
"""


@pytest.fixture
def run(pytester: pytest.Pytester, lab: SimulatedLab):
    def run_body(body: str, *options: str, case_id: str = "XML-99"):
        pytester.makepyfile(CASE.format(id=case_id, body=body))
        result = pytester.runpytest_subprocess(f"--cloud={lab.cloud_file}", "-W", "error", *options)
        results = pytester.path / "reports" / "latest" / "results.json"
        return result, json.loads(results.read_text()) if results.exists() else None

    return run_body


def test_a_case_that_is_as_predicted_passes(run) -> None:
    result, record = run("stage.instance(stage.fixed(1, 500, 256)).verify()")
    assert result.ret == 0
    [case] = record["cases"]
    assert (case["id"], case["section"], case["outcome"], case["title"]) == (
        "XML-99",
        "XML",
        "passed",
        "What it shows.",
    )
    assert case["layers"] == {"api": "seen", "domain": "seen", "scheduler": "seen", "guest": "seen"}
    assert case["findings"] == []
    assert [step["name"].split()[0] for step in case["steps"]][:4] == ["wait", "create", "deploy", "look"]
    assert record["environment"]["release"] == "4.23"
    assert {host["name"] for host in record["environment"]["hosts"]} == {"kvm1", "kvm2", "kvm3"}
    result.stdout.fnmatch_lines(["*1 passed on CloudStack 4.23*", "report: reports/*/index.html"])


def test_a_finding_fails_a_case_whose_assertions_all_hold(run) -> None:
    # The case changes a quota behind its own back, as a wrong cloud would.
    body = """
    from dataclasses import replace
    instance = stage.instance(stage.fixed(1, 500, 256))
    domain = replace(instance.domain, quota_us=2500, period_us=10000)
    instance._now = replace(instance._now, cpu_cap=True, domain=domain)
    instance.verify()
    """
    result, record = run(body)
    assert result.ret == 1
    [case] = record["cases"]
    assert case["outcome"] == "failed"
    assert case["findings"][0]["what"] == "quota in us"
    assert case["findings"][0]["rule"] == "no-quota"
    result.stdout.fnmatch_lines(["*quota in us should be 2500, is None*"])


def test_an_assertion_of_the_case_itself_is_a_finding_too(run) -> None:
    result, record = run("stage.instance(stage.fixed(1, 500, 256)).verify(); assert 1 == 2")
    assert result.ret == 1
    assert record["cases"][0]["findings"][-1]["rule"] == "literal"


def test_a_case_that_never_looked_is_not_verified_and_the_run_no_success(run) -> None:
    result, record = run("pass")
    assert result.ret == 2
    [case] = record["cases"]
    assert case["outcome"] == "not verified"
    assert case["reason"].startswith("api: never looked at")


def test_what_the_cloud_lacks_is_not_verified(run) -> None:
    result, record = run("stage.instance(stage.fixed(1, 500, 99999))")
    assert result.ret == 2
    assert record["cases"][0]["outcome"] == "not verified"
    assert "needs room for" in record["cases"][0]["reason"]


def test_an_error_of_the_case_could_not_run_and_leaves_nothing(run, lab: SimulatedLab) -> None:
    result, record = run("stage.instance(stage.fixed(1, 500, 256)); raise KeyError('oops')")
    assert result.ret == 1
    [case] = record["cases"]
    assert (case["outcome"], case["reason"]) == ("could not run", "KeyError: 'oops'")
    assert record["leftovers"] == []
    assert all(hypervisor.domain_names() == () for hypervisor in lab.hypervisors.values())


def test_tests_that_are_no_cases_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    assert pytester.runpytest_subprocess().ret == 0
    assert not (pytester.path / "reports").exists()


def test_cases_of_one_parametrised_test_are_told_apart_by_their_parameters(
    pytester: pytest.Pytester, lab: SimulatedLab
) -> None:
    pytester.makepyfile("""
    import pytest

    @pytest.mark.parametrize("memory", [pytest.param(256, marks=pytest.mark.case("XML-98")),
                                        pytest.param(512, marks=pytest.mark.case("XML-99"))])
    def test_case(stage, memory):
        '''An instance with {memory} MiB.'''
        stage.instance(stage.fixed(1, 500, memory)).verify()
    """)
    assert pytester.runpytest_subprocess(f"--cloud={lab.cloud_file}").ret == 0
    record = json.loads((pytester.path / "reports" / "latest" / "results.json").read_text())
    titles = {case["id"]: case["title"] for case in record["cases"]}
    assert titles == {"XML-98": "An instance with 256 MiB.", "XML-99": "An instance with 512 MiB."}


def test_a_selection_runs_what_it_names_and_refuses_what_is_not_there(run) -> None:
    result, record = run("pass", "--select=xml-9*")
    assert [case["id"] for case in record["cases"]] == ["XML-99"]
    result, _ = run("pass", "--select=NEG")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--select NEG: no such case; there are XML-99*"])


def test_a_run_that_cannot_start_says_why_and_ends_with_two(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(CASE.format(id="XML-99", body="pass"))
    result = pytester.runpytest_subprocess(f"--cloud={tmp_path}/none.toml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*none.toml: cannot be read: No such file or directory*"])
