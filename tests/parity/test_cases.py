"""The matrix as a part of the corpus: what counts as a difference between two runs of the same cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.console_run import RunOptions
from harness.parity.cases import SeenCases, case_differences, comparable_case, load_cases, seen_cases
from harness.parity.exchanges import CorpusError
from harness.report.reading import UnreadableResultError, homes_of, read_run
from harness.run.record import CaseRecord
from tests.parity.runs import run_there

CASES = "XML-01,LS-01,LS-02,CAP-02,MIG-01,NEG-08,DEF-05,TRN-F0-C1"


def seen(folder: Path) -> SeenCases:
    return seen_cases(read_run(folder), homes_of(folder))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("there")
    return run_there(
        RunOptions(hosts="simulated", select=CASES, shuffle=3, state=folder / "state", reports=folder / "reports")
    )


@pytest.fixture(scope="module")
def here(there: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("here")
    options = RunOptions(
        hosts="simulated", select=CASES, shuffle=8, like=there, state=folder / "state", reports=folder / "reports"
    )
    return run_there(options)


def case(folder: Path, case_id: str) -> CaseRecord:
    return next(each for each in read_run(folder).cases if each.id == case_id)


def changed(folder: Path, case_id: str, change: dict[str, object]) -> CaseRecord:
    """A case's record with other values, by paths such as scales.0.quota_us."""
    tree = case(folder, case_id).model_dump(mode="json")
    for path, value in change.items():
        *parts, last = path.split(".")
        node = tree
        for part in parts:
            node = node[int(part)] if isinstance(node, list) else node[part]
        node[last] = value
    return CaseRecord.model_validate(tree)


def test_two_runs_of_one_behaviour_do_not_differ_when_each_case_is_where_it_was(there: Path, here: Path) -> None:
    real, ours = seen(there), seen(here)
    assert sorted(real.cases) == sorted(CASES.split(","))
    assert real.homes == ours.homes
    assert list(case_differences(real.cases, ours.cases)) == []


def test_ids_times_and_names_of_a_run_are_no_part_of_what_is_compared(there: Path) -> None:
    text = json.dumps(seen(there).cases)
    assert read_run(there).run_id not in text
    assert "i-" not in text.replace("csh-<run>-mig", "")
    assert "seconds" not in text
    assert '"zoneid": "<uuid>"' in text
    assert '"instance": "<instance 1>"' in text


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("scales.0.code", 530, "case.scales.0.code"),
        ("scales.0.text", "Unable to reconfigure VM.", "case.scales.0.text"),
        ("scales.0.host_after", "kvm3", "case.scales.0.host_after"),
        ("scales.0.quota_us", 4711, "case.scales.0.quota_us"),
        ("starts.0.max_vcpus", 3, "case.starts.0.max_vcpus"),
        ("calls.0.error", "431 no", "case.calls.0.error"),
        ("calls.1.parameters.name", "another", "case.calls.1.parameters.name"),
        ("outcome", "failed", "case.outcome"),
    ],
)
def test_another_answer_job_scheduler_value_or_place_is_a_difference(
    there: Path, path: str, value: object, said: str
) -> None:
    run_id = read_run(there).run_id
    real = {"MIG-01": comparable_case(case(there, "MIG-01"), run_id)}
    ours = {"MIG-01": comparable_case(changed(there, "MIG-01", {path: value}), run_id)}
    assert [difference.path for difference in case_differences(real, ours)] == [said]


def test_numbers_of_a_database_and_a_network_that_only_one_zone_needs_are_no_difference(there: Path) -> None:
    run_id, one = read_run(there).run_id, case(there, "LS-01")
    texts = [f'VM instance {{"id":{number},"state":"Running"}} is no more' for number in (22, 43)]
    real, ours = (changed(there, "LS-01", {"scales.0.text": text}) for text in texts)
    network = one.calls[-1].model_copy(update={"command": "createNetwork"})
    other_name = dict.fromkeys(("name", "displaytext"), f"csh-{run_id}-ls-01-9")
    renamed = ours.calls[0].model_copy(update={"parameters": ours.calls[0].parameters | other_name})
    ours = ours.model_copy(update={"calls": [network, renamed, *ours.calls[1:]]})
    real_case, our_case = ({"LS-01": comparable_case(each, run_id)} for each in (real, ours))
    assert list(case_differences(real_case, our_case)) == []


def test_what_is_arranged_before_the_turn_is_the_doing_of_whoever_comes_first(there: Path, here: Path) -> None:
    """Of all cases NEG-08 alone wants the setting off, so it has to switch it off itself, and then to do its work."""
    for folder in (there, here):
        switched, *others = case(folder, "NEG-08").calls
        assert (switched.command, switched.before_its_turn) == ("updateConfiguration", True)
        assert not any(call.before_its_turn for call in others)
        compared = comparable_case(case(folder, "NEG-08"), read_run(folder).run_id)["calls"]
        assert [call["command"] for call in compared] == [call.command for call in others]


def test_another_domain_is_a_difference_that_names_the_line(there: Path) -> None:
    run_id, one = read_run(there).run_id, case(there, "LS-01")
    xml = one.looks[0].expected_xml
    other = changed(there, "LS-01", {"looks.0.observed_xml": xml.replace("<shares>", "<shares>9")})
    (found,) = case_differences({"LS-01": comparable_case(one, run_id)}, {"LS-01": comparable_case(other, run_id)})
    assert found.path.startswith("case.looks.0.domain.")
    assert "<shares>9" in found.ours


def test_a_case_that_came_to_no_verdict_on_our_lab_is_a_difference() -> None:
    (found,) = case_differences({"LS-01": {}}, {})
    assert (found.exchange, found.ours) == ("LS-01", "did not")


def test_a_case_goes_where_it_was_only_if_that_suits_it(there: Path, tmp_path: Path) -> None:
    # MIG-01 needs two hosts in its cluster; the other cluster has one.
    record = read_run(there).model_dump(mode="json")
    for each in record["cases"]:
        each["starts"] = [start | {"host": start["host"] | {"name": "kvm3"}} for start in each["starts"]]
    (tmp_path / "like").mkdir()
    (tmp_path / "like" / "results.json").write_text(json.dumps(record), encoding="utf-8")
    options = RunOptions(
        hosts="simulated",
        select="MIG-01,LS-01",
        like=tmp_path / "like",
        state=tmp_path / "state",
        reports=tmp_path / "reports",
    )
    homes = homes_of(run_there(options))
    assert homes["LS-01"] == "kvm3"
    assert homes["MIG-01"] != "kvm3"


def test_what_is_kept_of_a_run_is_read_again_as_it_was(there: Path, tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(seen(there).model_dump_json(), encoding="utf-8")
    assert load_cases(file) == seen(there)
    file.write_text('{"version": "4.22"}', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"cases\.json: release"):
        load_cases(file)


def test_a_case_goes_to_the_host_that_was_kept_for_it(there: Path, tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(seen(there).model_dump_json(), encoding="utf-8")
    assert homes_of(file) == seen(there).homes
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(UnreadableResultError, match="neither a run nor what"):
        homes_of(file)
