"""The history takes runs and tells what flips and what drifts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser, expect

from harness.cli import main
from harness.report.comparison import compare
from harness.report.comparison_page import comparison_html
from harness.report.forms import write_all
from harness.report.history import History, HistoryError, Run, Trend, opened, releases
from harness.report.history_text import history_html, history_text
from harness.report.outcomes import Results, Status, Test, of_run, of_tests
from harness.run.record import Outcome
from tests.report.runs import HOSTILE, STARTED, make_case, make_run

P, F, N = Status.PASSED, Status.FAILED, Status.NOT_VERIFIED


def _results(number: int, *tests: Test, release: str | None = "4.23") -> Results:
    return Results(f"run-{number}", of_tests(tests), started=STARTED + timedelta(days=number), release=release)


def _filled(file: Path, *statuses: Status) -> None:
    with opened(file) as history:
        for number, status in enumerate(statuses):
            history.add(_results(number, Test("LS-01", status, 1.0 + number), Test("XML-01", P, 2.0)))


def _trends(file: Path, **wanted: object) -> tuple[list[Run], dict[str, Trend]]:
    with opened(file) as history:
        runs = history.runs(**wanted)
        return runs, {trend.id: trend for trend in history.trends(runs)}


def test_what_goes_in_comes_out_in_the_order_of_time(tmp_path: Path) -> None:
    file = tmp_path / "h.sqlite"
    with opened(file) as history:
        history.add(_results(2, Test("a", F, 3.0)))
        history.add(_results(1, Test("a", P, 1.0), Test("b", N, None)))
    runs, trends = _trends(file)
    assert [run.name for run in runs] == ["run-1", "run-2"]
    assert [(look.status, look.seconds) for look in trends["a"].looks] == [(P, 1.0), (F, 3.0)]
    assert (trends["a"].pass_rate, trends["b"].pass_rate) == (0.5, None)


def test_a_run_that_comes_again_replaces_itself(tmp_path: Path) -> None:
    file = tmp_path / "h.sqlite"
    for status in (F, P):
        with opened(file) as history:
            history.add(_results(1, Test("a", status, 1.0)))
    runs, trends = _trends(file)
    assert len(runs) == 1
    assert [look.status for look in trends["a"].looks] == [P]


@pytest.mark.parametrize(
    ("statuses", "flips", "flaky"),
    [
        ((P, P, P), 0, False),
        ((P, F, F), 1, False),
        ((F, F, P), 1, False),
        ((P, F, P), 2, True),
        ((P, N, F, N, P), 2, True),
        ((N, N), 0, False),
    ],
)
def test_flipping_twice_is_flaky_and_breaking_or_mending_once_is_not(
    tmp_path: Path, statuses: tuple[Status, ...], flips: int, flaky: bool
) -> None:
    _filled(tmp_path / "h.sqlite", *statuses)
    _, trends = _trends(tmp_path / "h.sqlite")
    assert (trends["LS-01"].flips, trends["LS-01"].is_flaky) == (flips, flaky)


def test_another_release_is_no_flakiness_and_has_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "h.sqlite"
    with opened(file) as history:
        for number, release in enumerate(["4.22", "4.23", "4.22", "4.23"]):
            history.add(_results(number, Test("a", P if release == "4.23" else F, 1.0), release=release))
    _, trends = _trends(file)
    assert trends["a"].flips == 0
    assert [(one.release, one.runs, one.failing) for one in releases([trends["a"]])] == [
        ("4.22", 2, ["a"]),
        ("4.23", 2, []),
    ]
    runs, _ = _trends(file, release="4.22")
    assert len(runs) == 2


def test_a_file_that_is_no_history_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "h.sqlite"
    file.write_text("no database" * 1000, encoding="utf-8")
    with pytest.raises(HistoryError, match="no history file"), opened(file):
        pass


def test_a_history_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "h.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(HistoryError, match="a history of version 9"), opened(file):
        pass


def test_each_run_is_taken_at_its_end_and_a_broken_history_costs_it_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "results.json").write_text(make_run(make_case("XML-01")).model_dump_json(), encoding="utf-8")
    assert write_all(folder) == []
    runs, _ = _trends(tmp_path / "history.sqlite")
    assert [run.name for run in runs] == ["r"]
    monkeypatch.setenv("CS_HARNESS_HISTORY", str(folder))
    (line,) = write_all(folder)
    assert line.startswith("the run is not in the history: ")


def test_the_terminal_shows_trends_flakiness_durations_and_releases(tmp_path: Path) -> None:
    _filled(tmp_path / "h.sqlite", P, F, P)
    done = CliRunner().invoke(main, ["history", "--file", str(tmp_path / "h.sqlite"), "--case", "LS-*"])
    assert done.exit_code == 0
    assert "LS-01  +F+       67%      2  flaky       2.0     3.0" in done.output.splitlines()
    assert "XML-01" not in done.output
    assert [line.split()[:4] for line in done.output.splitlines() if line.startswith("4.23")] == [["4.23", "3", "1"]]


def test_junit_and_trillians_comments_are_imported(tmp_path: Path) -> None:
    junit, comment = tmp_path / "a.xml", tmp_path / "c.md"
    junit.write_text('<testsuite name="s"><testcase classname="c" name="n"/></testsuite>', encoding="utf-8")
    comment.write_text(
        "<b>Trillian test result (tid-7)</b>\n\ntest_x | `Failure` | 1.00 | test_y.py\n", encoding="utf-8"
    )
    done = CliRunner().invoke(main, ["history", "--file", str(tmp_path / "h.sqlite"), str(junit), str(comment)])
    assert done.exit_code == 0, done.output
    assert {"c.n", "test_y.py::test_x"} <= {line.split("  ")[0] for line in done.output.splitlines()}


def test_an_empty_history_says_so() -> None:
    assert history_text([], []) == "no run is in the history\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_history_and_comparison_are_sound(browser: Browser, tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "h.sqlite"
    with opened(file) as history:
        _fill_hostile(history)
        runs = history.runs()
        trends = history.trends(runs)
    old = make_run(make_case("XML-01"), make_case(HOSTILE), run_id=HOSTILE)
    new = make_run(make_case("XML-01", Outcome.FAILED, reason=HOSTILE), make_case(HOSTILE, Outcome.NOT_VERIFIED))
    for text in (history_html(runs, trends), comparison_html(compare(of_run(old), of_run(new)))):
        (tmp_path / "page.html").write_text(text.replace("\x00", ""), encoding="utf-8")
        context = browser.new_context(color_scheme=scheme, bypass_csp=True, viewport={"width": 360, "height": 800})
        page = context.new_page()
        page.goto(f"file://{tmp_path}/page.html")
        expect(page.locator("main section").first).to_be_visible()
        assert page.title() != "owned"
        assert page.locator("script, img").count() == 0
        assert [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        context.close()


def _fill_hostile(history: History) -> None:
    for number in range(5):
        status = (P, F, N, Status.ERROR, Status.KNOWN_DEFECT)[number]
        history.add(_results(number, Test(HOSTILE, status, 1.0), Test("a", P, 1.0 + number), release=HOSTILE))


def test_time_without_a_zone_is_taken_as_told(tmp_path: Path) -> None:
    with opened(tmp_path / "h.sqlite") as history:
        history.add(Results("x", {}, started=datetime(2026, 1, 1, tzinfo=UTC)))
        assert history.runs()[0].started == datetime(2026, 1, 1, tzinfo=UTC)
