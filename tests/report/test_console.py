"""What a person reads at the end of a run, and while it goes on."""

import io
from pathlib import Path

from rich.console import Console

from harness.report.console import Progress, plain_summary, print_result
from harness.run.record import FindingRecord, Outcome
from harness.run.steps import Step, WaitsFor
from tests.report.runs import SEEN, make_case, make_run

FOLDER = Path("reports/r")


def test_a_good_run_is_summed_up_in_two_lines() -> None:
    assert list(plain_summary(make_run(make_case("XML-01"), make_case("LS-01")), FOLDER)) == [
        "2 passed on CloudStack 4.23.0.0 in 61 s",
        "report: reports/r/results.json",
    ]


def test_a_finding_is_told_with_layer_place_and_rule() -> None:
    finding = FindingRecord(
        layer="domain", what="shares", expected="1", observed="2", read_from="virsh dumpxml", rule="shares"
    )
    lines = list(plain_summary(make_run(make_case("XML-01", Outcome.FAILED, findings=[finding])), FOLDER))
    assert lines[0] == "XML-01: domain: shares should be 1, is 2 (virsh dumpxml; rule shares)"
    assert lines[1] == "0 passed, 1 failed on CloudStack 4.23.0.0 in 61 s"


def test_what_was_not_verified_is_told_with_the_reason() -> None:
    no_guest = SEEN | {"guest": "not verified: no agent"}
    run = make_run(
        make_case("XML-01", layers=no_guest),
        make_case("XML-02", layers=no_guest),
        make_case("XML-11", Outcome.NOT_VERIFIED, reason="needs a template"),
    )
    assert list(plain_summary(run, FOLDER))[:3] == [
        "XML-11: not verified: needs a template",
        "guest: not verified: no agent (XML-01, XML-02)",
        "2 passed, 1 not verified on CloudStack 4.23.0.0 in 61 s",
    ]


def test_simulated_hosts_leftovers_and_a_run_that_could_not_go_on_are_told() -> None:
    run = make_run(hosts_kind="simulated", leftovers=["instance x: refused"], could_not_run="no API")
    lines = list(plain_summary(run, FOLDER))
    assert lines[0].startswith("simulated hosts: domain, scheduler and guest were not verified on real parts")
    again = f"to take it back: cs-harness cleanup --run {run.run_id} --reports {FOLDER.parent}"
    assert lines[1:4] == ["left behind: instance x: refused", again, "could not run: no API"]


def test_the_table_has_every_case_and_takes_no_text_for_markup() -> None:
    out = io.StringIO()
    print_result(
        Console(file=out, width=100), make_run(make_case("XML-01"), make_case("LS-01", Outcome.FAILED)), FOLDER
    )
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert "XML-01  passed      2.3  What XML-01 shows [and more]." in lines
    assert "LS-01   failed      2.3  What LS-01 shows [and more]." in lines


def test_without_a_terminal_each_case_is_a_line_and_steps_are_quiet() -> None:
    out = io.StringIO()
    with Progress(Console(file=out, width=100)) as progress:
        progress.step("XML-01", Step("deploy", WaitsFor.CLOUD, 0.0, None))
        progress.step("XML-01", Step("deploy", WaitsFor.CLOUD, 0.0, 1.0))
        progress.case(make_case("XML-01"))
    assert out.getvalue() == "XML-01    passed            2.3 s  What XML-01 shows [and more].\n"


def test_on_a_terminal_the_step_being_done_is_shown_with_its_seconds() -> None:
    out = io.StringIO()
    with Progress(Console(file=out, width=100, force_terminal=True)) as progress:
        progress.step("XML-01", Step("deploy i-2-3-VM", WaitsFor.CLOUD, 0.0, None))
        progress.refresh()
    assert "XML-01: deploy i-2-3-VM  0 s" in out.getvalue()


def test_an_order_that_was_drawn_is_told_so_that_it_can_be_had_again() -> None:
    run = make_run(make_case("XML-01"))
    run.shuffle_seed = 7
    assert "in an order drawn anew: --shuffle 7 repeats it" in plain_summary(run, FOLDER)
    run.shuffle_seed = None
    assert not any("--shuffle" in line for line in plain_summary(run, FOLDER))


def test_what_is_taken_back_at_the_end_is_told_thing_by_thing_on_a_terminal_and_once_elsewhere() -> None:
    out = io.StringIO()
    with Progress(Console(file=out, width=100)) as progress:
        progress.take_back("instance a", 2)
        progress.take_back("offering b", 1)
    assert out.getvalue() == "taking back instance a, 1 more after it\n"
    out = io.StringIO()
    with Progress(Console(file=out, width=100, force_terminal=True)) as progress:
        progress.take_back("instance a", 2)
        progress.refresh()
        progress.take_back("offering b", 1)
        progress.refresh()
    assert "taking back instance a, 1 more after it" in out.getvalue()
    assert "taking back offering b" in out.getvalue()
