"""Live domain XML is read to the last KiB, and what is no domain XML is refused with the reason."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.hosts.domain_xml import MAX_BYTES, MalformedDomainXml, is_running, read_domain
from harness.hosts.observation import DomainView, Topology

LIVE = """<domain type='kvm' id='7'>
  <name>i-2-7-VM</name>
  <maxMemory slots='16' unit='KiB'>4194304</maxMemory>
  <memory unit='KiB'>524288</memory>
  <currentMemory unit='KiB'>524288</currentMemory>
  <vcpu placement='static' current='2'>8</vcpu>
  <cputune>
    <shares>1000</shares>
    <period>10000</period>
    <quota>2500</quota>
  </cputune>
  <cpu mode='custom' match='exact' check='full'>
    <topology sockets='2' dies='1' cores='4' threads='1'/>
    <numa>
      <cell id='0' cpus='0-7' memory='262144' unit='KiB'/>
    </numa>
  </cpu>
  <devices>
    <memory model='dimm'>
      <target>
        <size unit='KiB'>131072</size>
        <node>0</node>
      </target>
    </memory>
    <memory model='nvdimm'><target><size unit='KiB'>1</size></target></memory>
    <memory model='dimm'><target><size unit='KiB'>131072</size><node>0</node></target></memory>
  </devices>
</domain>
"""


def _with(old: str, new: str) -> str:
    assert old in LIVE
    return LIVE.replace(old, new)


def test_a_prepared_capped_and_grown_domain_is_read_whole() -> None:
    assert read_domain(LIVE) == DomainView(
        memory_kib=524288,
        current_memory_kib=524288,
        max_memory_kib=4194304,
        memory_slots=16,
        vcpus=2,
        max_vcpus=8,
        numa_cpus="0-7",
        numa_memory_kib=262144,
        topology=Topology(sockets=2, cores=4, threads=1),
        shares=1000,
        quota_us=2500,
        period_us=10000,
        dimms_kib=(131072, 131072),
        xml=LIVE,
        number=7,
    )


def test_what_a_domain_does_not_have_is_none() -> None:
    view = read_domain(
        "<domain id='1'><memory>262144</memory><currentMemory>262144</currentMemory><vcpu>2</vcpu></domain>"
    )

    assert (view.max_memory_kib, view.memory_slots, view.numa_cpus, view.numa_memory_kib) == (None, None, None, None)
    assert (view.topology, view.shares, view.quota_us, view.period_us, view.dimms_kib) == (None, None, None, None, ())
    assert (view.vcpus, view.max_vcpus) == (2, 2)


@pytest.mark.parametrize(
    ("unit", "kib"),
    [
        ("KiB", 3),
        ("k", 3),
        ("MiB", 3072),
        ("M", 3072),
        ("GiB", 3145728),
        ("G", 3145728),
        ("TiB", 3 * 2**30),
        ("b", 1),
        ("bytes", 1),
        ("KB", 3),
        ("MB", 2930),
        ("GB", 2929688),
        ("TB", 2929687500),
    ],
)
def test_every_unit_of_libvirt_is_converted_and_rounded_up(unit: str, kib: int) -> None:
    xml = _with("<memory unit='KiB'>524288<", f"<memory unit='{unit}'>3<")

    assert read_domain(xml).memory_kib == kib


def test_dies_multiply_into_sockets() -> None:
    view = read_domain(_with("dies='1'", "dies='3'"))

    assert view.topology == Topology(sockets=6, cores=4, threads=1)


def test_several_numa_cells_are_joined() -> None:
    view = read_domain(_with("<numa>", "<numa><cell id='1' cpus='8-9' memory='2' unit='MiB'/>"))

    assert (view.numa_cpus, view.numa_memory_kib) == ("8-9,0-7", 262144 + 2048)


@pytest.mark.parametrize("quota", [-1, 17592186044415])
def test_quotas_of_any_size_and_sign_are_read(quota: int) -> None:
    assert read_domain(_with("2500", str(quota))).quota_us == quota


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("", "not well-formed"),
        ("<domain>", "not well-formed"),
        ("<html/>", "root element is 'html'"),
        ("<domain/>", "has no <vcpu>"),
        (_with("<memory unit='KiB'>524288</memory>", ""), "has no <memory>"),
        (_with("current='2'", "current='0'"), "vcpu current is 0"),
        (_with("current='2'", "current='two'"), "vcpu current is 'two'"),
        (_with(">524288</memory", ">-1</memory"), "memory is -1"),
        (_with(">524288</memory", ">1e9</memory"), "memory is '1e9'"),
        (_with("unit='KiB'>524288</memory", "unit='KiX'>524288</memory"), "unknown unit 'KiX'"),
        (_with("<size unit='KiB'>131072</size>\n", ""), "has no <target/size>"),
        (_with("2500", "2500us"), "quota is '2500us'"),
        (_with("2500", "9" * 5000), "quota is '999"),
        ("<!DOCTYPE domain [<!ENTITY a 'aaaa'>]><domain>&a;</domain>", "DOCTYPE"),
        (LIVE + " " * MAX_BYTES, "larger than 1048576 bytes"),
        (_with("i-2-7-VM", "é" * (MAX_BYTES // 2)), "larger than 1048576 bytes"),
        ("\x00", "not well-formed"),
    ],
)
def test_what_is_no_domain_xml_is_refused_with_the_reason(xml: str, reason: str) -> None:
    with pytest.raises(MalformedDomainXml, match=reason):
        read_domain(xml)


@given(st.text() | st.text(alphabet="<>/='& domainvcpumemory0123").map("<domain>{}</domain>".format))
def test_no_text_whatever_raises_anything_else(text: str) -> None:
    with contextlib.suppress(MalformedDomainXml):
        read_domain(text)


@given(
    memory=st.integers(1, 2**50),
    maximum=st.integers(1, 4096),
    data=st.data(),
    dimms=st.lists(st.integers(1, 2**40), max_size=16),
)
def test_numbers_come_out_as_they_went_in(memory: int, maximum: int, data: st.DataObject, dimms: list[int]) -> None:
    current = data.draw(st.integers(1, maximum))
    devices = "".join(
        f"<memory model='dimm'><target><size unit='KiB'>{size}</size></target></memory>" for size in dimms
    )

    view = read_domain(
        f"<domain id='1'><memory unit='KiB'>{memory}</memory><currentMemory>{memory}</currentMemory>"
        f"<vcpu current='{current}'>{maximum}</vcpu><devices>{devices}</devices></domain>"
    )

    assert (view.memory_kib, view.vcpus, view.max_vcpus) == (memory, current, maximum)
    assert view.dimms_kib == tuple(dimms)


def test_only_a_dump_with_an_id_is_of_a_running_domain() -> None:
    assert is_running(LIVE)
    assert not is_running(_with(" id='7'", ""))
