"""Results files that are cut short, foreign or hostile end in one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.reading import LONGEST_TEXT, UnreadableResultError, printable, read_run, shortened
from tests.report.runs import make_case, make_run

GOOD = make_run(make_case("XML-01")).model_dump_json()


def test_a_folder_or_its_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(GOOD, encoding="utf-8")
    assert read_run(tmp_path) == read_run(tmp_path / "results.json") == make_run(make_case("XML-01"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON, or cut short"),
        (GOOD[:200].encode(), "not JSON, or cut short"),
        (b"\xff\xfe{\x00", "byte 0 is no UTF-8"),
        (b"[]", "no schema version"),
        (b'"\xc3\xa4"', "no schema version"),
        (b'{"schema_version": 1}', "schema version 1"),
        (b'{"schema_version": 2, "run_id": 3}', "run_id: Input should be a valid string"),
        (GOOD.replace('"passed"', '"grand"').encode(), "cases.0.outcome: Input should be"),
        (GOOD.replace("2.34", "NaN").encode(), "cases.0.seconds: Input should be a finite number"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_results_file_is_told_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(content)
    with pytest.raises(UnreadableResultError) as caught:
        read_run(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert says in line
    assert "\n" not in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResultError, match=r"no-run: No such file or directory"):
        read_run(tmp_path / "no-run")


def test_ten_megabytes_of_text_become_a_shortened_entry(tmp_path: Path) -> None:
    run = make_run(make_case("XML-01", reason="x" * 10_000_000 + "the end"))
    (tmp_path / "results.json").write_text(run.model_dump_json(), encoding="utf-8")
    reason = read_run(tmp_path).cases[0].reason
    assert reason is not None
    assert len(reason) < LONGEST_TEXT + 100
    assert reason.endswith("the end")
    assert "characters left out" in reason


@given(st.text(alphabet=st.characters(codec=None), max_size=50))
def test_printable_text_can_be_put_into_every_form(text: str) -> None:
    clean = printable(text)
    clean.encode("utf-8")
    assert not any(ord(char) < 32 and char not in "\t\n" for char in clean)


@given(st.text(), st.integers(min_value=4, max_value=100))
def test_shortening_keeps_begin_and_end(text: str, longest: int) -> None:
    short = shortened(text, longest)
    if len(text) <= longest:
        assert short == text
    else:
        assert short.startswith(text[: longest * 3 // 4])
        assert short.endswith(text[-1])
