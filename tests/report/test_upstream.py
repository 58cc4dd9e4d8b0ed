"""Texts for issues of the product."""

from pathlib import Path

from harness.report.upstream import upstream_texts
from harness.run.record import CallRecord, CaseRecord, LookRecord, Outcome
from tests.report.runs import HOSTILE, make_case, make_defect, make_run, make_scale

CALLS = [
    CallRecord(command="deployVirtualMachine", parameters={"name": "vm"}, began=0, job_id="job-1"),
    CallRecord(
        command="scaleVirtualMachine", parameters={"id": "i", "serviceofferingid": "o"}, began=1, job_id="job-2"
    ),
    CallRecord(command="destroyVirtualMachine", parameters={"id": "i"}, began=2, job_id="job-3"),
]


def _case(**changes: object) -> CaseRecord:
    values = {
        "known_defect": make_defect(id="DEF-03", title="The quota stays.", steps=["Deploy.", "Scale."]),
        "calls": CALLS,
        "scales": [make_scale()],
        "looks": [LookRecord(instance="i", host="kvm1", expected_xml="<domain/>", observed_xml=None)],
    }
    return make_case("CAP-09", Outcome.KNOWN_DEFECT, **(values | changes))


def test_a_defect_is_told_with_versions_calls_expected_seen_and_its_log_lines(tmp_path: Path) -> None:
    (tmp_path / "management.log").write_text("a job-1 begins\nsomething else\nb job-2 ends\n", encoding="utf-8")
    run = make_run(_case(evidence=["management.log", "../outside.log", "missing.log"]), hosts_kind="cloud")
    ((name, text),) = upstream_texts(run, tmp_path).items()
    assert name == "upstream-DEF-03.md"
    lines = text.splitlines()
    assert lines[0] == "# KVM live scaling: The quota stays."
    assert "| CloudStack | 4.23.0.0 |" in lines
    assert lines[lines.index("### Steps") + 2] == "1. Deploy."
    assert "scaleVirtualMachine id=i serviceofferingid=o  -> job job-2" in lines
    # A defect may show only once the instance is stopped or gone.
    assert any(line.startswith("destroyVirtualMachine id=i") for line in lines)
    assert lines[lines.index("### Expected") + 2] == "a"
    assert lines[lines.index("### What happens") + 2] == "b"
    assert lines[-4:] == ["```", "a job-1 begins", "b job-2 ends", "```"]


def test_each_defect_has_one_text_and_cases_without_one_have_none(tmp_path: Path) -> None:
    other = _case(known_defect=make_defect(id="DEF-04"))
    run = make_run(_case(), _case(), other, make_case("XML-01"), make_case("XML-02", Outcome.KNOWN_DEFECT))
    texts = upstream_texts(run, tmp_path)
    assert list(texts) == ["upstream-DEF-03.md", "upstream-DEF-04.md"]
    assert "kept no logs" in texts["upstream-DEF-03.md"]


def test_evidence_outside_of_the_runs_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "run"
    inside.mkdir()
    (tmp_path / "secret.log").write_text("job-1 secret", encoding="utf-8")
    (inside / "link.log").symlink_to(tmp_path / "secret.log")
    run = make_run(_case(evidence=["../secret.log", "link.log", str(tmp_path / "secret.log")]))
    assert "secret" not in upstream_texts(run, inside)["upstream-DEF-03.md"]


def test_hostile_text_leaves_neither_its_fence_nor_its_folder(tmp_path: Path) -> None:
    defect = make_defect(id="../../x", title=HOSTILE, promised=HOSTILE)
    call = CallRecord(command="c", parameters={"a": "```\n# heading"}, began=0)
    ((name, text),) = upstream_texts(make_run(_case(known_defect=defect, calls=[call])), tmp_path).items()
    assert name == "upstream--x.md"
    assert "# heading" not in text.splitlines()
    assert "<script" not in text.replace("\\<", "")


def test_what_the_lab_plays_is_not_to_be_reported_as_seen_on_a_server(tmp_path: Path) -> None:
    (played,) = upstream_texts(make_run(_case()), tmp_path).values()
    (seen,) = upstream_texts(make_run(_case(), hosts_kind="cloud"), tmp_path).values()
    assert "Not to be reported as it is" in played
    assert "Not to be reported as it is" not in seen
