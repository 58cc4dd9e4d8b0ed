"""Every case of the matrix on our own lab, held against what it did and saw on a real CloudStack.

The records are of `cs-harness lab parity --record-cases`; docs/real-cloudstack.md says how they are made anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.console_run import RunOptions
from harness.parity.accepted import load_accepted
from harness.parity.cases import case_differences, load_cases, seen_cases
from harness.report.reading import homes_of, read_run
from tests.parity.runs import run_there

DATA = Path(__file__).parents[1] / "data" / "lab"
RECORDED = sorted(DATA.glob("cases-*.json"))
NUMBERS = {"cases-4.22": 175, "cases-4.23": 175}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("recorded", RECORDED, ids=lambda file: file.stem)
def test_on_our_lab_each_case_does_and_sees_what_it_did_on_a_real_one(recorded: Path, tmp_path: Path) -> None:
    real = load_cases(recorded)
    options = RunOptions(
        hosts="simulated",
        release=real.release,
        select=",".join(real.cases),
        like=recorded,
        state=tmp_path / "state",
        reports=tmp_path / "reports",
    )
    run = run_there(options)
    ours = seen_cases(read_run(run), homes_of(run))
    accepted = load_accepted(DATA / "accepted-differences.toml")
    found = [each for each in case_differences(real.cases, ours.cases) if accepted.reason(each) is None]
    assert found == []
    assert len(real.cases) == NUMBERS[recorded.stem]


def test_there_are_records() -> None:
    assert [file.stem for file in RECORDED] == list(NUMBERS)
