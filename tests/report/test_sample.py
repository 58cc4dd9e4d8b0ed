"""The sample and the baselines that are in the repository can be read by what is in it."""

from pathlib import Path

from harness.report.foreign import read_results
from harness.report.forms import FORMS
from harness.report.reading import read_run

REPORTS = Path(__file__).parents[2] / "reports"


def test_the_sample_is_a_whole_run_on_kvm_hosts_in_all_forms() -> None:
    record = read_run(REPORTS / "sample")
    assert record.environment is not None
    assert record.environment.hosts_kind == "kvm"
    assert record.finished is not None
    there = {path.name for path in (REPORTS / "sample").iterdir()}
    assert {"results.json", "page.png"} | {form.file for form in FORMS.values()} <= there


def test_each_baseline_is_of_the_release_that_it_is_named_for() -> None:
    files = list((REPORTS / "baselines").glob("*.xml"))
    assert files
    assert [(file.stem, read_results(file).release) for file in files] == [(file.stem, file.stem) for file in files]
