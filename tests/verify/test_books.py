"""Capacity that hosts count: what is compared, and how one recalculation more or less is judged."""

from dataclasses import replace

from harness.reference import rules
from harness.reference.capacity import Host
from harness.verify.books import compare_books
from harness.verify.finding import Layer

MIB = 1 << 20
HERE = Host("h1", "kvm1", "a", 8, 2000, 4096 * MIB, used_cpu_mhz=1000, used_memory_bytes=512 * MIB)
THERE = Host("h2", "kvm2", "a", 16, 2500, 8192 * MIB, used_cpu_mhz=500, used_memory_bytes=256 * MIB)


def _found(*seen: Host, ways: list[list[Host]] | None = None) -> list[tuple[str, str, str]]:
    comparison = compare_books(ways or [[HERE, THERE]], seen, rules.COUNTED_IN_PLACE)
    assert comparison.seen == {Layer.API}
    return [(finding.what, finding.expected, finding.observed) for finding in comparison.findings]


def test_hosts_that_count_as_they_must_are_no_finding() -> None:
    assert _found(HERE, THERE) == []


def test_each_amount_that_differs_is_a_finding_of_its_host() -> None:
    assert _found(replace(HERE, used_cpu_mhz=1500), replace(THERE, used_memory_bytes=0)) == [
        ("allocated MHz of kvm1", "1000", "1500"),
        ("allocated MiB of kvm2", "256.0", "0.0"),
    ]


def test_a_host_of_another_cluster_is_left_out() -> None:
    assert _found(HERE, THERE, replace(HERE, id="h3", used_cpu_mhz=7)) == []


def test_any_of_the_ways_will_do_and_none_is_told_by_the_first() -> None:
    recalculated = replace(THERE, used_memory_bytes=512 * MIB)
    ways = [[HERE, THERE], [HERE, recalculated]]
    assert _found(HERE, recalculated, ways=ways) == []
    assert _found(HERE, replace(THERE, used_memory_bytes=0), ways=ways) == [("allocated MiB of kvm2", "256.0", "0.0")]
    mixed = replace(HERE, used_cpu_mhz=0)
    assert [what for what, _, _ in _found(mixed, recalculated, ways=ways)] == [
        "allocated MHz of kvm1",
        "allocated MiB of kvm2",
    ]
