"""Domain XML that CloudStack's own agents wrote, held against the domain that the reference computes."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.reference.domain import domain_at_start
from harness.reference.offering import Offering, Size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_OVERCOMMIT, Settings
from tests.reference.worlds import SMALL, fixed

_XML = Path(__file__).parents[1] / "data" / "lab" / "domain-xml"
_CONSTRAINED = Offering("c", "c", None, 500, None, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=1024)
_ONE, _TWO = Size(1, 500, 256), Size(2, 500, 256)
_PLAIN = Settings()
_OVERCOMMITTED = Settings(clusters={"a": {CPU_OVERCOMMIT: "2", MEMORY_OVERCOMMIT: "2"}})


@pytest.mark.parametrize(
    ("file", "release", "settings", "offering", "size", "cap", "prepared"),
    [
        # Not prepared in truth: the overcommit of 2 gives it a maximum (caveat 1 of the fact sheet).
        ("4.22-prepared-capped", BEFORE, _OVERCOMMITTED, fixed(2, 500, 512), Size(2, 500, 512), True, False),
        ("4.22-prepared-uncapped", BEFORE, _PLAIN, _CONSTRAINED, _ONE, False, True),
        ("4.22-unprepared-capped", BEFORE, _PLAIN, fixed(2, 500, 256), _TWO, True, False),
        ("4.22-unprepared-uncapped", BEFORE, _PLAIN, fixed(1, 500, 256), _ONE, False, False),
        ("4.23-prepared-capped", SINCE, _PLAIN, fixed(2, 500, 256), _TWO, True, True),
        ("4.23-prepared-uncapped", SINCE, _PLAIN, fixed(1, 500, 256), _ONE, False, True),
        ("4.23-unprepared-uncapped", SINCE, _PLAIN, fixed(1, 500, 256), _ONE, False, False),
    ],
)
def test_a_domain_at_start_has_the_values_of_the_recorded_xml(
    file: str, release: Release, settings: Settings, offering: Offering, size: Size, cap: bool, prepared: bool
) -> None:
    xml = ElementTree.fromstring((_XML / f"{file}.xml").read_text(encoding="utf-8"))  # noqa: S314 (our own data)
    domain = domain_at_start(release, settings, SMALL, offering, size, cpu_cap=cap, prepared=prepared)
    assert xml.findtext("memory") == xml.findtext("currentMemory") == str(domain.memory_kib)
    assert _number(xml.findtext("maxMemory")) == domain.max_memory_kib
    cell = xml.find("cpu/numa/cell")
    if domain.max_memory_kib is None:
        assert cell is None
    else:
        assert cell is not None
        assert (cell.get("cpus"), cell.get("memory")) == (domain.numa_cpus, str(domain.numa_memory_kib))
    vcpu = xml.find("vcpu")
    assert vcpu is not None
    assert (vcpu.get("current"), vcpu.text) == (str(domain.vcpus), str(domain.max_vcpus))
    topology = xml.find("cpu/topology")
    assert topology is not None
    assert {name: int(value) for name, value in topology.attrib.items()} == vars(domain.topology)
    assert _number(xml.findtext("cputune/shares")) == domain.shares
    assert _number(xml.findtext("cputune/quota")) == domain.quota_us
    assert _number(xml.findtext("cputune/period")) == domain.period_us


def test_every_recorded_xml_is_looked_at() -> None:
    marks = test_a_domain_at_start_has_the_values_of_the_recorded_xml.pytestmark
    looked_at = {parameters[0] for mark in marks for parameters in mark.args[1]}
    assert looked_at == {file.stem for file in _XML.glob("*.xml")}


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
