"""Known failures are held until their day, and not a day longer than needed."""

from datetime import date
from pathlib import Path

import pytest

from harness.report.outcomes import of_run
from harness.report.quarantine import QuarantineFileError, Standing, exit_code, read_quarantine, standings
from harness.run.record import Outcome, RunRecord
from tests.report.runs import make_case, make_finding, make_run

FILE = """
[[case]]
id = "LS-01"
reason = "the kernel of the CI's machine"
link = "https://example.org/1"
expires = 2026-06-30
"""
TODAY = date(2026, 6, 30)


def _file(folder: Path, text: str = FILE) -> Path:
    file = folder / "quarantine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _run(outcome: Outcome) -> RunRecord:
    findings = [make_finding()] if outcome is Outcome.FAILED else []
    return make_run(make_case("XML-01"), make_case("LS-01", outcome, findings=findings), make_case("LS-02"))


@pytest.mark.parametrize(
    ("outcome", "day", "standing", "code"),
    [
        (Outcome.FAILED, TODAY, Standing.HELD, 0),
        (Outcome.COULD_NOT_RUN, TODAY, Standing.HELD, 0),
        (Outcome.FAILED, date(2026, 7, 1), Standing.EXPIRED, 1),
        (Outcome.PASSED, TODAY, Standing.PASSING, 1),
        (Outcome.NOT_VERIFIED, TODAY, Standing.NOT_RUN, 0),
    ],
)
def test_an_entry_holds_a_failure_until_its_day(
    tmp_path: Path, outcome: Outcome, day: date, standing: Standing, code: int
) -> None:
    run = _run(outcome)
    entries = read_quarantine(_file(tmp_path))
    assert [one.standing for one in standings(entries, of_run(run), day)] == [standing]
    assert exit_code(run, entries, day) == code


def test_other_failures_count_all_the_same(tmp_path: Path) -> None:
    run = make_run(make_case("LS-01", Outcome.FAILED), make_case("LS-02", Outcome.FAILED), make_case("LS-03"))
    assert exit_code(run, read_quarantine(_file(tmp_path, FILE.replace("2026", "2999")))) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FILE.replace("link", "url"), r"case\.0\.(link: missing|url: unknown key)"),
        (FILE.replace("2026-06-30", '"soon"'), r"case\.0\.expires: "),
        (FILE * 2, "LS-01 is there 2 times"),
        ("[[case]", "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(QuarantineFileError, match=says):
        read_quarantine(_file(tmp_path, text))
