"""What a run leaves behind: facts for pictures, and every form."""

from pathlib import Path

from click.testing import CliRunner

from harness.cli import main
from harness.report.forms import FORMS
from harness.report.reading import read_run


def test_a_run_on_simulated_hosts_keeps_its_facts_and_has_every_form(tmp_path: Path) -> None:
    options = ["--hosts", "simulated", "--select", "LS-01,MIG-05", "--state", str(tmp_path / "lab")]
    done = CliRunner().invoke(main, ["verify", *options, "--reports", str(tmp_path)])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "latest"
    assert {form.file for form in FORMS.values()} <= {path.name for path in folder.iterdir()}
    record = read_run(folder)
    case = next(case for case in record.cases if case.id == "LS-01")
    assert [(call.command, call.job_id is not None, call.error) for call in case.calls[:4]] == [
        ("createServiceOffering", False, None),
        ("deployVirtualMachine", True, None),
        ("createServiceOffering", False, None),
        ("scaleVirtualMachine", True, None),
    ]
    (scale,) = case.scales
    assert scale.job_id == case.calls[3].job_id
    assert [(look.observed_xml, "<vcpu current='2'>" in look.expected_xml) for look in case.looks][-1] == (None, True)
    assert [start.prepared for start in case.starts] == [True]
