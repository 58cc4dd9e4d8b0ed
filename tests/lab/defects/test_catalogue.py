"""The catalogue: complete, documented, and each entry a change of the lab that can be switched on and off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.lab.defects import best
from harness.lab.defects.best import AS_MANY, BEST_CASES_COMMAND, BEST_CASES_FILE, best_cases
from harness.lab.defects.catalogue import CATALOGUE, UnknownDefectError, found
from harness.lab.defects.defect import Defect
from harness.lab.defects.pages import MARKDOWN_COMMAND, catalogue_markdown
from harness.lab.seams import Seams
from harness.verify.finding import Layer
from tests.lab.api.conftest import Lab, LabMaker

_SECTIONS = {"XML", "LS", "CAP", "LIM", "MIG", "NEG", "MEM", "SWT", "TAG", "TRN", "UPG"}
_DOCS = Path(__file__).parents[3] / "docs" / "defects.md"
_CASES = _DOCS.with_name("cases.md")
_EVERY = [pytest.param(defect, id=defect.id) for defect in CATALOGUE.values()]


def test_there_are_eighty_or_more() -> None:
    assert len(CATALOGUE) >= 80


@pytest.mark.parametrize("defect", _EVERY)
def test_a_defect_is_told_in_one_sentence_with_its_story_and_sections(defect: Defect) -> None:
    for text in (defect.says, defect.story):
        assert re.fullmatch(r"\S.*\.", text)
        assert "\n" not in text
    assert set(defect.sections.split(",")) <= _SECTIONS
    assert defect.sign.layer in set(Layer)
    assert defect.sign.quantities


@pytest.mark.parametrize("defect", _EVERY)
def test_a_defect_changes_one_seam(defect: Defect) -> None:
    plain = vars(Seams())
    assert [name for name, seam in vars(defect.seams).items() if seam is not plain[name]] != []


def test_the_best_cases_are_known_for_every_defect() -> None:
    known = _CASES.read_text(encoding="utf-8")
    assert list(best_cases()) == list(CATALOGUE), f"run {BEST_CASES_COMMAND}"
    for defect, cases in best_cases().items():
        assert 1 <= len(cases) <= AS_MANY, defect
        assert [case for case in cases if f"| {case} |" not in known] == [], defect


def test_the_cases_that_name_a_defect_are_kept_and_one_that_was_not_tried_or_not_caught_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(best_cases())
    file = tmp_path / "best_cases.toml"
    file.write_text(BEST_CASES_FILE.read_text("utf-8"), encoding="utf-8")
    monkeypatch.setattr(best, "BEST_CASES_FILE", file)
    best.keep(CATALOGUE, {"quota-not-set": ("CAP-07", "CAP-01", "CAP-03"), "xml-fifteen-slots": ()})
    assert best_cases() == before | {"quota-not-set": ("CAP-07", "CAP-01")}
    assert list(best_cases()) == list(CATALOGUE)
    monkeypatch.undo()
    best_cases.cache_clear()


def test_all_defects_have_a_sentence_of_their_own() -> None:
    assert len({defect.says for defect in CATALOGUE.values()}) == len(CATALOGUE)


def test_the_page_is_as_the_catalogue_is() -> None:
    assert _DOCS.read_text(encoding="utf-8") == catalogue_markdown(), f"run {MARKDOWN_COMMAND}"


def test_an_unknown_defect_is_refused_in_one_line() -> None:
    with pytest.raises(UnknownDefectError, match=r"no-such: no such defect; docs/defects\.md lists them"):
        found("no-such")


def test_a_defect_is_switched_on_and_off_while_the_lab_runs(lab: Lab) -> None:
    def prepared() -> bool:
        return "<maxMemory" in lab.xml("kvm1", lab.deploy(lab.fixed(), "kvm1"))

    assert prepared()
    lab.cloud.set_defect("start-no-max-memory")
    assert not prepared()
    lab.cloud.set_defect(None)
    assert prepared()
    with pytest.raises(UnknownDefectError):
        lab.cloud.set_defect("no-such")


@pytest.mark.parametrize("first", [None, "shown-memory-in-bytes"])
def test_a_fresh_cloud_has_the_defect_of_the_beginning_and_no_other(make_lab: LabMaker, first: str | None) -> None:
    lab = make_lab(defect=first)
    lab.cloud.set_defect("shown-flag-inverted")
    lab.cloud.reset()
    lab.deploy(lab.fixed(dynamicscalingenabled="false"))
    (shown,) = lab.api.listVirtualMachines()["virtualmachine"]
    assert (shown["isdynamicallyscalable"], shown["memory"]) == (False, 256 if first is None else 256 << 20)


def test_an_instance_still_moves_between_hosts_that_a_defect_lies_over(lab: Lab) -> None:
    lab.cloud.set_defect("shares-doubled")
    instance = lab.deploy(lab.fixed(), "kvm1")
    moved = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm2"))
    assert lab.instance_of(moved)["hostname"] == "kvm2"
