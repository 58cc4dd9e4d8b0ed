"""What was seen of a domain, in the form in which the reference's domain is shown."""

from dataclasses import replace

from harness.hosts.domain_xml import read_domain
from harness.verify.domain_fragment import seen_fragment

XML = """\
<domain>
  <maxMemory slots='16' unit='KiB'>4194304</maxMemory>
  <memory unit='KiB'>524288</memory>
  <currentMemory unit='KiB'>524288</currentMemory>
  <vcpu current='2'>8</vcpu>
  <cputune>
    <shares>500</shares>
    <period>10000</period>
    <quota>5000</quota>
  </cputune>
  <cpu>
    <topology sockets='2' cores='4' threads='1'/>
    <numa>
      <cell id='0' cpus='0-7' memory='262144' unit='KiB'/>
    </numa>
  </cpu>
  <devices>
    <memory model='dimm'>
      <target><size unit='KiB'>262144</size><node>0</node></target>
    </memory>
  </devices>
</domain>"""


def test_a_domain_that_was_seen_is_shown_as_it_is() -> None:
    assert seen_fragment(read_domain(XML)) == XML


def test_what_it_lacks_is_not_shown() -> None:
    view = replace(read_domain(XML), max_memory_kib=None, memory_slots=None, topology=None, shares=None, dimms_kib=())
    text = seen_fragment(view)
    assert not any(word in text for word in ("maxMemory", "topology", "shares", "dimm"))


def test_a_wrong_number_of_slots_shows() -> None:
    assert "<maxMemory slots='15' " in seen_fragment(replace(read_domain(XML), memory_slots=15))
