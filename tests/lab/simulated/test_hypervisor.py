"""A simulated host obeys and refuses as libvirt does; texts were seen on libvirt 9.0 with QEMU 7.2."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.hypervisor import HypervisorError
from harness.lab.simulated import ranges
from harness.lab.simulated.hypervisor import SimulatedHypervisor

AgentXml = Callable[..., str]
DimmXml = Callable[[int], str]
NAME = "i-2-7-VM"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"vcpus": 9},
            "unsupported configuration: maximum vCPU count must not be less than current vCPU count",
        ),
        ({"topology": (2, 3, 1)}, "unsupported configuration: CPU topology doesn't match maximum vcpu count"),
        (
            {"max_memory_kib": 131072},
            "XML error: maximum memory size must be equal or greater than the actual memory size",
        ),
        (
            {"cputune": {"shares": 1}},
            "unsupported configuration: Value of cputune 'shares' must be in range [2, 262144]",
        ),
        ({"name": "../x"}, "XML error: name ../x cannot contain '/'"),
        (
            {"cputune": {"quota": 999}},
            "unsupported configuration: Value of cputune 'quota' must be in range [1000, 17592186044415]",
        ),
        (
            {"cputune": {"period": 1000001}},
            "unsupported configuration: Value of cputune 'period' must be in range [1000, 1000000]",
        ),
    ],
)
def test_a_domain_that_libvirt_would_not_start_is_refused_with_its_text(
    host_one: SimulatedHypervisor, agent_xml: AgentXml, values: dict[str, object], text: str
) -> None:
    with pytest.raises(HypervisorError) as refusal:
        host_one.start(agent_xml(**values))

    assert str(refusal.value) == text
    assert host_one.domain_names() == ()


@pytest.mark.parametrize("broken", ["<domain", "<domain type='qemu'/>", "<pool/>", "<!DOCTYPE domain><domain/>"])
def test_a_document_that_is_no_domain_is_refused(host_one: SimulatedHypervisor, broken: str) -> None:
    with pytest.raises(HypervisorError):
        host_one.start(broken)


def test_a_name_and_a_uuid_can_be_there_once(host_one: SimulatedHypervisor, agent_xml: AgentXml) -> None:
    host_one.start(agent_xml())

    with pytest.raises(HypervisorError, match="domain 'i-2-7-VM' is already active"):
        host_one.start(agent_xml())
    with pytest.raises(HypervisorError, match="already exists with uuid"):
        host_one.start(agent_xml(uuid="11111111-5cbb-4700-b841-5bff677a42e7"))
    with pytest.raises(HypervisorError, match="is already defined with uuid"):
        host_one.start(agent_xml(name="i-2-8-VM"))


def test_an_unknown_domain_is_named_in_every_refusal(host_one: SimulatedHypervisor, dimm: DimmXml) -> None:
    for act in (
        lambda: host_one.dump_xml("nope"),
        lambda: host_one.destroy("nope"),
        lambda: host_one.reboot("nope"),
        lambda: host_one.press_power_button("nope"),
        lambda: host_one.max_memory_kib("nope"),
        lambda: host_one.running_vcpus("nope"),
        lambda: host_one.attach_device("nope", dimm(131072)),
        lambda: host_one.set_vcpus("nope", 1),
        lambda: host_one.scheduler_parameters("nope"),
        lambda: host_one.set_scheduler_parameter("nope", "cpu_shares", 2),
    ):
        with pytest.raises(HypervisorError, match="Domain not found: no domain with matching name 'nope'"):
            act()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (
            9,
            "invalid argument: requested vcpus is greater than max allowable vcpus for the live domain: 9 > 8",
        ),
        (0, "nvcpus in virDomainSetVcpusFlags must not be zero"),
        (
            1,
            "unsupported configuration: failed to find appropriate hotpluggable vcpus to reach the desired target "
            "vcpu count",
        ),
    ],
)
def test_vcpus_stay_between_those_of_the_boot_and_the_maximum(
    host_one: SimulatedHypervisor, agent_xml: AgentXml, count: int, text: str
) -> None:
    host_one.start(agent_xml(vcpus=2))

    with pytest.raises(HypervisorError) as refusal:
        host_one.set_vcpus(NAME, count)

    assert str(refusal.value) == text
    assert host_one.running_vcpus(NAME) == 2


def test_dimms_stop_at_the_ceiling_at_the_sixteenth_slot_and_at_odd_mebibytes(
    host_one: SimulatedHypervisor, agent_xml: AgentXml, dimm: DimmXml
) -> None:
    host_one.start(agent_xml())

    with pytest.raises(HypervisorError, match=r"size '4194304' would exceed domain's maxMemory config size '4194304'"):
        host_one.attach_device(NAME, dimm(4194304))
    with pytest.raises(HypervisorError, match="backend memory size must be multiple of 0x200000"):
        host_one.attach_device(NAME, dimm(13 * 1024))
    with pytest.raises(HypervisorError, match="doesn't take value '0'"):
        host_one.attach_device(NAME, dimm(0))
    assert host_one.max_memory_kib(NAME) == 262144

    host_one.attach_device(NAME, dimm(1025))
    assert host_one.max_memory_kib(NAME) == 262144 + 2048, "libvirt rounds up to whole MiB"
    for _ in range(15):
        host_one.attach_device(NAME, dimm(131072))
    with pytest.raises(HypervisorError, match="memory device count '17' exceeds slots count '16'"):
        host_one.attach_device(NAME, dimm(131072))


def test_an_unprepared_domain_takes_no_dimm(host_one: SimulatedHypervisor, agent_xml: AgentXml, dimm: DimmXml) -> None:
    host_one.start(agent_xml(max_memory_kib=None))

    with pytest.raises(HypervisorError, match="can't add memory backend as guest has no NUMA nodes configured"):
        host_one.attach_device(NAME, dimm(131072))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("vcpu_quota", 999, "value of 'vcpu_quota' is out of range [1000, 17592186044415]"),
        ("vcpu_quota", 17592186044416, "value of 'vcpu_quota' is out of range [1000, 17592186044415]"),
        ("vcpu_period", 999, "value of 'vcpu_period' is out of range [1000, 1000000]"),
        ("vcpu_period", 1000001, "value of 'vcpu_period' is out of range [1000, 1000000]"),
        ("cpu_shares", 1, "shares '1' must be in range [2, 262144]"),
        ("cpu_shares", 262145, "shares '262145' must be in range [2, 262144]"),
    ],
)
def test_scheduler_values_outside_their_range_change_nothing(
    host_one: SimulatedHypervisor, agent_xml: AgentXml, name: str, value: int, text: str
) -> None:
    host_one.start(agent_xml())
    before = host_one.scheduler_parameters(NAME), host_one.dump_xml(NAME)

    with pytest.raises(HypervisorError) as refusal:
        host_one.set_scheduler_parameter(NAME, name, value)

    assert str(refusal.value) == f"invalid argument: {text}"
    assert (host_one.scheduler_parameters(NAME), host_one.dump_xml(NAME)) == before


@given(quota=st.integers(-(2**63), 2**63 - 1))
def test_a_running_domain_takes_exactly_the_quotas_that_libvirt_takes(quota: int) -> None:
    taken = quota <= 0 or 1000 <= quota <= 17592186044415

    try:
        ranges.check_parameter("vcpu_quota", quota, 1)
    except HypervisorError:
        assert not taken
    else:
        assert taken


def test_a_quota_shows_in_the_live_xml_and_zero_changes_nothing(
    host_one: SimulatedHypervisor, agent_xml: AgentXml
) -> None:
    host_one.start(agent_xml(cputune={}))
    assert "<cputune>" not in host_one.dump_xml(NAME)

    host_one.set_scheduler_parameter(NAME, "vcpu_quota", 5000)
    host_one.set_scheduler_parameter(NAME, "vcpu_quota", 0)

    assert "<quota>5000</quota>" in host_one.dump_xml(NAME)
    assert "<period>" not in host_one.dump_xml(NAME)
    parameters = host_one.scheduler_parameters(NAME)
    assert (parameters["cpu_shares"], parameters["vcpu_period"], parameters["vcpu_quota"]) == (1024, 100000, 5000)


def test_cgroup_version_2_has_weights_and_shows_unlimited_as_libvirts_maximum(
    host_two: SimulatedHypervisor, agent_xml: AgentXml
) -> None:
    host_two.start(agent_xml(cputune={}))

    assert host_two.scheduler_parameters(NAME)["cpu_shares"] == 100
    assert host_two.scheduler_parameters(NAME)["vcpu_quota"] == 17592186044415
    with pytest.raises(HypervisorError, match=r"shares '10001' must be in range \[1, 10000\]"):
        host_two.set_scheduler_parameter(NAME, "cpu_shares", 10001)
    host_two.set_scheduler_parameter(NAME, "cpu_shares", 10000)


def test_a_migrated_domain_keeps_what_was_plugged_and_takes_the_tuning_of_its_xml(
    host_one: SimulatedHypervisor, host_two: SimulatedHypervisor, agent_xml: AgentXml, dimm: DimmXml
) -> None:
    host_one.start(agent_xml(vcpus=2, cputune={"shares": 1000, "quota": 2500, "period": 10000}))
    host_one.set_vcpus(NAME, 3)
    host_one.attach_device(NAME, dimm(131072))

    xml = host_one.dump_xml(NAME).replace("<shares>1000</shares>", "<shares>63</shares>")
    host_one.migrate(NAME, host_two, xml, 5)

    assert host_one.domain_names() == ()
    assert host_two.running_vcpus(NAME) == 3
    assert host_two.max_memory_kib(NAME) == 262144 + 131072
    assert host_two.scheduler_parameters(NAME)["cpu_shares"] == 63
    assert host_two.scheduler_parameters(NAME)["vcpu_quota"] == 2500


def test_a_refused_migration_leaves_the_domain_where_it_was(
    host_one: SimulatedHypervisor, host_two: SimulatedHypervisor, agent_xml: AgentXml
) -> None:
    host_one.start(agent_xml())
    host_two.start(agent_xml())
    xml = host_one.dump_xml(NAME)

    with pytest.raises(HypervisorError, match="already active"):
        host_one.migrate(NAME, host_two, xml, 5)
    host_two.destroy(NAME)
    with pytest.raises(HypervisorError, match="Target domain vCPU max 4 does not match source 8"):
        host_one.migrate(NAME, host_two, agent_xml(max_vcpus=4), 5)
    with pytest.raises(HypervisorError, match="doesn't match source maximum size"):
        host_one.migrate(NAME, host_two, agent_xml(max_memory_kib=524288), 5)
    with pytest.raises(HypervisorError, match="same host"):
        host_one.migrate(NAME, host_one, xml, 5)

    assert host_one.domain_names() == (NAME,)
    assert host_two.domain_names() == ()


def test_the_power_button_ends_the_domain_and_a_reboot_does_not(
    host_one: SimulatedHypervisor, agent_xml: AgentXml
) -> None:
    host_one.start(agent_xml())
    host_one.reboot(NAME)
    assert host_one.domain_names() == (NAME,)

    host_one.press_power_button(NAME)
    assert host_one.domain_names() == ()


def test_crossing_migrations_do_not_wait_for_each_other(
    host_one: SimulatedHypervisor, host_two: SimulatedHypervisor, agent_xml: AgentXml
) -> None:
    host_one.start(agent_xml(name="i-2-1-VM", uuid="1"))
    host_two.start(agent_xml(name="i-2-2-VM", uuid="2"))

    def back_and_forth(name: str, here: SimulatedHypervisor, there: SimulatedHypervisor) -> None:
        for _ in range(30):
            here.migrate(name, there, here.dump_xml(name), 5)
            there.migrate(name, here, there.dump_xml(name), 5)

    with ThreadPoolExecutor(2) as both:
        crossing = [
            both.submit(back_and_forth, "i-2-1-VM", host_one, host_two),
            both.submit(back_and_forth, "i-2-2-VM", host_two, host_one),
        ]
        for one in crossing:
            one.result(timeout=30)

    assert (host_one.domain_names(), host_two.domain_names()) == (("i-2-1-VM",), ("i-2-2-VM",))


def test_a_dump_keeps_no_vnc_password(host_one: SimulatedHypervisor, agent_xml: AgentXml) -> None:
    host_one.start(agent_xml())

    assert "passwd" not in host_one.dump_xml(NAME)


@pytest.mark.parametrize(("max_vcpus", "cpus"), [(1, "0"), (2, "0-1"), (8, "0-7")])
def test_a_cell_of_one_cpu_is_told_as_that_cpu(
    host_one: SimulatedHypervisor, agent_xml: AgentXml, max_vcpus: int, cpus: str
) -> None:
    host_one.start(agent_xml(max_vcpus=max_vcpus))
    assert f'cpus="{cpus}"' in host_one.dump_xml(NAME).replace("'", '"')
