"""A prediction as people and programs read it."""

from pathlib import Path

import pytest

from harness.hosts.domain_xml import read_domain
from harness.reference.domain import MEMORY_SLOTS
from harness.report.prediction import PredictionDocument, prediction_document
from harness.report.prediction_text import prediction_text
from harness.run.offline import load
from harness.run.question import Question, answer, question
from harness.verify.domain_fragment import domain_fragment

FILE = """
{release}
[[hosts]]
name = "kvm1"
cpus = 8
speed_mhz = 2000
memory_mib = 4096
{host}
[[hosts]]
name = "kvm2"
cpus = 16
speed_mhz = 2500
memory_mib = 8192
[settings.zone]
enable.dynamic.scale.vm = true
{settings}
[instance]
name = "web"
{instance}
[instance.offering]
name = "small"
cpus = 2
speed_mhz = 1000
memory_mib = 1024
{small}
[request]
{request}
[request.offering]
name = "large"
cpus = 4
speed_mhz = 1000
memory_mib = {memory_mib}
{large}
"""
DEFAULTS = dict.fromkeys(("release", "host", "settings", "instance", "small", "request", "large"), "")


@pytest.fixture
def ask(tmp_path: Path):
    def predicted(memory_mib: int = 2048, **parts: str) -> tuple[Question, PredictionDocument]:
        file = tmp_path / "question.toml"
        file.write_text(FILE.format(memory_mib=memory_mib, **{**DEFAULTS, **parts}))
        offline = load(file)
        asked = question(offline)
        return asked, prediction_document(asked, answer(offline, asked))

    return predicted


def test_a_scale_in_place_is_told_with_sizes_domain_and_books(ask) -> None:
    _, document = ask(large="cpu_cap = true")
    lines = prediction_text(document).splitlines()
    assert lines[0] == "CloudStack 4.23: web is scaled in place on kvm1."
    assert "size              2 x 1000 MHz, 1024 MiB  4 x 1000 MHz, 2048 MiB" in lines
    assert "quota             never set               5000 us" in lines
    assert "saved parameters  none                    =" in lines
    assert "guest sees        2 CPUs, 1024 MiB        4 CPUs, 2048 MiB" in lines
    assert "      <target><size unit='KiB'>1048576</size><node>0</node></target>" in lines
    assert "kvm1          cluster  2000   4000  16000  1024   2048  4096" in lines
    assert (
        "  vcpu-hotplug: A live scale sets the vCPU count where fewer run; libvirt refuses a count above the maximum."
        in lines
    )


def test_a_migration_names_the_hosts_and_what_is_odd(ask) -> None:
    _, document = ask(host="used_memory_mib = 4000")
    text = prediction_text(document)
    assert text.startswith("CloudStack 4.23: web is migrated to kvm2 and then scaled.\n")
    assert "odd, but so it is:\n  odd-undercounted: " in text
    assert [book.memory_mib_after for book in document.books] == [2976, 1024]


def test_the_host_on_which_it_lands_comes_first(ask) -> None:
    third = "used_memory_mib = 4000\n" + '[[hosts]]\nname = "kvm3"\ncpus = 16\nspeed_mhz = 2500\nmemory_mib = 8192'
    _, document = ask(host=third, request='lands_on = "kvm2"')
    assert document.hosts == ["kvm2", "kvm3"]
    assert "migrated to kvm2 (or kvm3) and" in prediction_text(document)
    assert [book.memory_mib_after for book in document.books if book.host == "kvm2"] == [1024]


def test_a_refusal_is_told_with_code_and_text_and_leaves_the_rest(ask) -> None:
    _, document = ask(small="dynamic_scaling = false", large="dynamic_scaling = false")
    lines = prediction_text(document).splitlines()
    assert lines[0].startswith("CloudStack 4.23: web is refused: 530 Unable to scale <vm> as it does not have tools")
    assert lines[1].startswith("What stands in <> is CloudStack's own rendering")
    assert lines[2] == "It is on kvm1 afterwards."
    assert "domain after: the same" in lines
    assert document.refusal is not None
    assert document.refusal.rule == "no-tools"
    assert document.before == document.after


def test_what_contradicts_a_promise_is_told_as_promised_and_built(ask) -> None:
    _, document = ask(memory_mib=1088, request='caller = "admin"')
    text = prediction_text(document)
    assert "DEF-05: promised: the guest sees 1088 MiB, or the request is refused; but built: the guest sees" in text
    assert (
        "DEF-07: promised: the resource counts of owner change; but built: the resource counts of admin change\n"
        in text
    )
    assert {"DEF-05", "DEF-07"} <= {rule.id for rule in document.rules}


def test_of_a_stopped_instance_the_domain_of_its_next_start_is_told(ask) -> None:
    _, document = ask(instance='state = "Stopped"', large="cpu_cap = true")
    assert prediction_text(document).startswith(
        "CloudStack 4.23: web is stopped; its new size is stored for its next start."
    )
    assert "domain at the next start after:" in prediction_text(document)
    assert document.domain_after.quota_us == 5000
    assert document.domain_after.guest_memory_mib == 2048


def test_settings_that_the_release_lacks_are_named(ask) -> None:
    _, document = ask(release='release = "4.22"', settings="[settings.global]\nkvm.cpu.dynamic.scaling.capacity = 4")
    assert "kvm.cpu.dynamic.scaling.capacity is ignored: 4.22 does not have it." in prediction_text(document)


def test_a_quota_that_was_removed_reads_as_none(ask) -> None:
    _, document = ask(small="cpu_cap = true")
    assert (
        "quota             5000 us                 17592186044415 us (none)" in prediction_text(document).splitlines()
    )


def test_rules_are_told_once_each_with_source_and_certainty(ask) -> None:
    _, document = ask()
    ids = [rule.id for rule in document.rules]
    assert len(ids) == len(set(ids))
    assert all(rule.says and rule.source and rule.certainty for rule in document.rules)


@pytest.mark.parametrize("start", ["", "prepared = false", "cpus = 1", "memory_mib = 512"])
def test_the_fragment_is_read_as_the_domain_that_it_is_of(ask, start: str) -> None:
    same = "" if start != "prepared = false" else "cpu_cap = true"
    asked, _ = ask(instance=f"[instance.start]\n{start}\n", small=same)
    domain = asked.instance.domain
    view = read_domain(domain_fragment(domain))
    assert (view.memory_kib, view.current_memory_kib) == (domain.memory_kib, domain.memory_kib)
    assert view.max_memory_kib == domain.max_memory_kib
    assert view.memory_slots == (MEMORY_SLOTS if domain.max_memory_kib else None)
    assert (view.vcpus, view.max_vcpus) == (domain.vcpus, domain.max_vcpus)
    assert (view.numa_cpus, view.numa_memory_kib) == (domain.numa_cpus, domain.numa_memory_kib)
    assert (view.shares, view.quota_us, view.period_us) == (domain.shares, domain.quota_us, domain.period_us)
    assert view.dimms_kib == domain.dimms_kib
    assert view.topology is not None
    assert (view.topology.sockets, view.topology.cores) == (domain.topology.sockets, domain.topology.cores)


def test_the_document_survives_json(ask) -> None:
    _, document = ask(host="used_memory_mib = 4000")
    again = PredictionDocument.model_validate_json(document.model_dump_json())
    assert again == document
