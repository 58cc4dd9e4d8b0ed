"""The page of a run in a real browser: for the eye, the keyboard and against hostile names."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from harness.report.page import run_html
from harness.report.page_data import Packer, details_json, script_json
from harness.report.reading import read_run
from harness.report.subject import Subject
from harness.run.record import CallRecord, LookRecord, NoteRecord, Outcome, RunRecord
from harness.run.steps import WaitsFor
from tests.report.runs import (
    HOSTILE,
    SEEN,
    make_case,
    make_defect,
    make_finding,
    make_run,
    make_scale,
    make_size,
    make_start,
    make_step,
)

LOOK = "<domain>\n  <vcpu current='1'>8</vcpu>\n  <cputune>\n    <shares>1000</shares>\n  </cputune>\n</domain>"


def _mixed_run() -> RunRecord:
    """Every outcome, every picture, two workers."""
    steps = [make_step("deploy i-2-3-VM", 1, 2), make_step("wait for the zone", 3, 1, WaitsFor.OTHERS)]
    other = make_scale(
        before=make_size("custom constrained"),
        host_after="kvm2",
        predicted="migrated",
        quota_us=2000,
    )
    look = LookRecord(
        instance="i-2-3-VM",
        host="kvm1",
        expected_xml=LOOK,
        observed_xml=LOOK.replace("1000", "1024").replace("8<", "4<"),
    )
    call = CallRecord(command="scaleVirtualMachine", parameters={"id": "i"}, began=1.0, job_id="j")
    return make_run(
        make_case("XML-01", starts=[make_start(), make_start(zone_switch=False, prepared=False)], steps=steps, began=1),
        make_case(
            "LS-01",
            Outcome.FAILED,
            findings=[make_finding(expected="7500", observed="5000", rule="max-memory")],
            scales=[other],
            looks=[look],
            calls=[call],
            steps=steps,
            worker="gw1",
            description="What LS-01 shows.\n\nPreconditions: a running instance.",
            evidence=["evidence/LS-01/domain.xml", "../../etc/passwd", "javascript:alert(1)"],
        ),
        make_case(
            "LS-02", Outcome.NOT_VERIFIED, reason="needs a second host", layers=SEEN | {"guest": "not verified: x"}
        ),
        make_case("LS-03", Outcome.KNOWN_DEFECT, known_defect=make_defect(), scales=[make_scale()]),
        make_case("MIG-01", Outcome.COULD_NOT_RUN, reason="the host is gone"),
        make_case("MIG-02", notes=[NoteRecord(rule="odd-threshold-units", says="It is odd.")]),
        workers=2,
    )


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page of a run from disk, without a network; whatever its script complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def show(run: RunRecord, address: str = "", **options: object) -> Page:
        file = tmp_path / "index.html"
        file.write_text(run_html(Subject(run)), encoding="utf-8")
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"file://{file}{address}")
        return page

    show.complaints = complaints
    yield show
    for context in contexts:
        context.close()
    assert complaints == []


def test_ten_seconds_suffice_to_see_what_is_wrong_and_what_nobody_looked_at(open_page) -> None:
    page = open_page(_mixed_run())
    expect(page.locator("h1")).to_have_text("Live scaling on CloudStack 4.23.0.0: not as predicted")
    expect(page.locator(".counts")).to_contain_text("1 failed")
    wrong = page.locator(".card", has_text="What is wrong")
    expect(wrong).to_contain_text("LS-01")
    expect(wrong).to_contain_text("shares should be 7500, is 5000")
    expect(wrong).to_contain_text("the host is gone")
    expect(page.locator(".card", has_text="What nobody looked at")).to_contain_text("needs a second host")
    expect(page.locator(".card", has_text="Known defects of CloudStack")).to_contain_text("DEF-01: Too little.")


def test_the_matrix_is_drawn(open_page) -> None:
    page = open_page(_mixed_run())
    cell = page.locator(".heat tbody tr", has_text="custom constrained").first.locator("td").nth(1)
    expect(cell).to_have_text("✗ differs")
    expect(page.locator(".switches tbody tr")).to_have_count(16)
    expect(page.locator(".switches tbody tr").first).to_contain_text("✓ prepared")
    expect(page.locator("svg circle.bad")).to_have_count(1)
    expect(page.locator("svg path.arrow")).to_have_count(1)
    expect(page.locator(".lane")).to_have_count(2)
    expect(page.locator("#time")).to_contain_text("Longest waits for other cases")


def test_cases_are_filtered_by_text_outcome_section_and_layer_and_the_address_keeps_it(open_page) -> None:
    page = open_page(_mixed_run())
    ids = page.locator("#rows .id")
    expect(ids).to_have_count(6)
    page.get_by_label("Outcome").select_option("failed")
    expect(ids).to_have_text(["LS-01"])
    expect(page.locator("#shown")).to_have_text("1 of 6 cases")
    assert page.url.endswith("#cases?outcome=failed")
    page.reload()
    expect(ids).to_have_text(["LS-01"])
    page.get_by_role("button", name="Clear").click()
    expect(ids).to_have_count(6)
    page.get_by_label("Section").select_option("MIG")
    expect(ids).to_have_text(["MIG-01", "MIG-02"])
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Layer").select_option("guest not seen")
    expect(ids).to_have_text(["LS-02"])
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Text").fill("shows MIG max")
    expect(ids).to_have_count(0)
    page.get_by_label("Text").fill("domain MAX-memory")
    expect(ids).to_have_text(["LS-01"])


def test_links_of_the_pictures_filter_the_cases(open_page) -> None:
    page = open_page(_mixed_run())
    page.locator(".heat td.o-failed a").click()
    expect(page.locator("#rows .id")).to_have_text(["LS-01"])
    page.locator(".counts a", has_text="could not run").click()
    expect(page.locator("#rows .id")).to_have_text(["MIG-01"])


def test_a_case_has_an_address_and_shows_the_differing_bytes(open_page) -> None:
    page = open_page(_mixed_run(), "#case/LS-01")
    case = page.locator("#case")
    expect(page.locator("#overview")).to_be_hidden()
    expect(case.locator("h1")).to_have_text("LS-01: What LS-01 shows [and more].")
    expect(case.locator("h1")).to_be_focused()
    expect(case).to_contain_text("Preconditions: a running instance.")
    expect(case.locator("mark")).to_have_text(["75", "50", "8", "00", "4", "24"])
    expect(case.locator(".steps li")).to_have_count(2)
    case.locator("summary", has_text="rule max-memory").click()
    expect(case.locator("details[open]")).to_contain_text("LibvirtVMDef")
    links = [link.get_attribute("href") for link in case.locator(".card", has_text="Evidence").locator("a").all()]
    assert links == ["evidence/LS-01/domain.xml"]


def test_everything_is_reached_by_the_keyboard(open_page) -> None:
    page = open_page(_mixed_run())
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Text")).to_be_focused()
    page.keyboard.type("LS-01")
    expect(page.locator("#rows .id")).to_have_text(["LS-01"])
    for _ in range(5):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#case h1")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#overview")).to_be_visible()
    expect(page.locator("#rows a").first).to_be_focused()


@pytest.mark.parametrize("address", ["", "#case/LS-01"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)])
def test_axe_has_nothing_to_say_and_nothing_is_too_wide(open_page, address: str, scheme: str, width: int) -> None:
    # axe comes as a script of its own, which the page's own policy refuses as it should.
    page = open_page(
        _mixed_run(), address, color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
    )
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("address", "label"), [("", "Known defects"), ("#case/LS-01", "API calls")])
def test_on_a_phone_long_texts_of_a_table_stand_below_each_other(open_page, address: str, label: str) -> None:
    page = open_page(_mixed_run(), address, viewport={"width": 360, "height": 800})
    region = page.get_by_role("region", name=label)
    assert region.evaluate("it => it.scrollWidth - it.clientWidth") == 0
    cells = [cell.bounding_box() for cell in region.locator("tbody tr").first.locator("td").all()]
    assert len(cells) > 2
    assert all(above["y"] < below["y"] for above, below in itertools.pairwise(cells))


def test_on_a_phone_a_step_has_its_name_and_time_in_one_line_and_its_bar_below(open_page) -> None:
    page = open_page(_mixed_run(), "#case/LS-01", viewport={"width": 360, "height": 800})
    for step in page.locator(".steps li").all():
        name, bar, seconds = (part.bounding_box() for part in step.locator("> span").all())
        assert name["y"] == pytest.approx(seconds["y"], abs=2)
        assert bar["y"] > seconds["y"]
        assert name["width"] > 150
        assert bar["width"] > 250


def test_hostile_names_stay_names_wherever_they_are(open_page, tmp_path: Path) -> None:
    hostile = make_case(
        "X-1",
        Outcome.FAILED,
        id=HOSTILE,
        section=HOSTILE,
        title=HOSTILE,
        description=HOSTILE * 2,
        source=HOSTILE,
        worker=HOSTILE,
        reason=HOSTILE,
        layers={HOSTILE: HOSTILE},
        findings=[make_finding(layer=HOSTILE, what=HOSTILE, observed=HOSTILE, read_from=HOSTILE, rule=HOSTILE)],
        steps=[make_step(HOSTILE, 0, 1, WaitsFor.OTHERS)],
        starts=[make_start(instance=HOSTILE)],
        scales=[make_scale(instance=HOSTILE, host_before=HOSTILE, host_after="b", predicted=HOSTILE, quota_us=1)],
        looks=[LookRecord(instance=HOSTILE, host=HOSTILE, expected_xml=HOSTILE, observed_xml="x")],
        calls=[CallRecord(command=HOSTILE, parameters={HOSTILE: HOSTILE}, began=0.0, error=HOSTILE)],
        known_defect=make_defect(title=HOSTILE, promised=HOSTILE, happens=HOSTILE),
        notes=[NoteRecord(rule=HOSTILE, says=HOSTILE)],
        evidence=[HOSTILE, "javascript:document.title='owned'", "//evil.example/x"],
    )
    run = make_run(
        hostile, make_case("X-2"), run_id=HOSTILE, leftovers=[HOSTILE], could_not_run=HOSTILE, selection=HOSTILE
    )
    (tmp_path / "results.json").write_text(run.model_dump_json(), encoding="utf-8")
    page = open_page(read_run(tmp_path))
    assert page.title().startswith("not as predicted")
    page.locator("#rows a").first.click()
    expect(page.locator("#case h1")).to_contain_text("<script>document.title='owned'</script>")
    for summary in page.locator("#case summary").all():
        summary.click()
    assert page.locator("img").count() == 0
    assert page.locator("script:not([type])").count() == 1
    assert page.evaluate("[...document.querySelectorAll('a')].every(a => a.getAttribute('href').startsWith('#'))")
    assert "owned" not in page.title().replace("='owned'", "")


def test_the_policy_runs_no_other_script(open_page) -> None:
    """Were a name to become markup all the same, the browser would still not run it."""
    page = open_page(_mixed_run(), bypass_csp=False)
    page.evaluate("""() => {
        const one = document.createElement('script');
        one.textContent = "document.title = 'owned'";
        document.body.append(one);
    }""")
    assert page.title() != "owned"
    assert [line for line in open_page.complaints if "script-src 'sha256-" in line]
    open_page.complaints.clear()


def test_without_scripts_the_verdict_the_matrix_and_the_cases_are_there(open_page) -> None:
    page = open_page(_mixed_run(), java_script_enabled=False)
    expect(page.locator(".switches tbody tr")).to_have_count(16)
    expect(page.locator("noscript tbody tr")).to_have_count(6)


def test_five_thousand_cases_are_interactive_within_a_second_and_8_mib(open_page) -> None:
    run = big_run(5000)
    text = run_html(Subject(run))
    assert len(text.encode()) <= 8 * 1024 * 1024
    page = open_page(run)
    # Until the script has run and the list answers; a second on an idle machine, with room here for a busy one.
    ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert ready < 5000
    expect(page.locator("#rows li")).not_to_have_count(5000)
    page.get_by_label("Text").fill("LS-04999")
    expect(page.locator("#rows .id")).to_have_text(["LS-04999"])
    page.locator("#rows a").click()
    expect(page.locator("#case h1")).to_contain_text("LS-04999")


def big_run(number: int) -> RunRecord:
    cases = []
    for count in range(number):
        outcome = Outcome.FAILED if count % 50 == 0 else Outcome.PASSED
        began = count * 0.8
        cases.append(
            make_case(
                f"LS-{count:05}",
                outcome,
                began=began,
                worker=f"gw{count % 4}",
                description=f"What it shows.\n\nPreconditions: number {count}.\nSteps: scale it.",
                findings=[make_finding(observed=str(count))] if outcome is Outcome.FAILED else [],
                steps=[make_step(f"step {step} of i-2-{count}-VM", began + step * 0.3, 0.25) for step in range(8)],
                starts=[make_start(instance=f"i-2-{count}-VM")],
                scales=[make_scale(instance=f"i-2-{count}-VM", job_id=f"{count:032x}")],
                looks=[LookRecord(instance=f"i-2-{count}-VM", host="kvm1", expected_xml=LOOK, observed_xml=None)] * 2,
                calls=[
                    CallRecord(command="scaleVirtualMachine", parameters={"id": f"{count:032x}-{call}"}, began=began)
                    for call in range(8)
                ],
            )
        )
    return make_run(*cases)


def test_what_does_not_fit_is_left_out_of_passes_and_said_so(open_page) -> None:
    page = open_page(big_run(5000), "#case/LS-00001")
    expect(page.locator("#case")).to_contain_text("left out of this page for its size")
    assert json.loads(details_json(make_run(make_case("X-1"))))["value"][1]


def test_a_script_element_cannot_be_left_from_inside() -> None:
    text = script_json({"a": f"{HOSTILE}</SCRIPT><!--\N{LINE SEPARATOR}"})
    assert not set("<>&\N{LINE SEPARATOR}") & set(text)
    assert json.loads(text) == {"a": f"{HOSTILE}</SCRIPT><!--\N{LINE SEPARATOR}"}


def test_packing_keeps_each_text_once() -> None:
    packer = Packer()
    packed = packer.pack([{"a": "x", "b": 1.5}, {"a": "x", "b": None}])
    assert packer.document(packed) == {
        "texts": ["x"],
        "shapes": [("a", "b")],
        "value": [0, [1, 0, "1.5"], [1, 0, None]],
    }
