"""Records of runs that never happened, for tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from harness.run.record import (
    CaseRecord,
    EnvironmentRecord,
    FindingRecord,
    HostRecord,
    HostTotalsRecord,
    KnownDefectRecord,
    Outcome,
    RunRecord,
    ScaleRecord,
    SizeRecord,
    StartRecord,
    StepRecord,
)
from harness.run.steps import WaitsFor

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = {"api": "seen", "domain": "seen", "scheduler": "seen", "guest": "seen"}

# What a name must not do to a page, a table, an XML file, a terminal or a GitHub comment.
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "'\"&amp;]]>|`*_[x](javascript:alert(1)) @everyone \x00\x1b[31m\u202e ${7*7} {{7*7}} <!-- "
)


def make_host(name: str = "kvm1") -> HostRecord:
    return HostRecord(
        name=name,
        cpus=8,
        speed_mhz=2000,
        memory_kib=4194304,
        cgroup_version=2,
        libvirt="9.0.0",
        qemu="7.2.22",
        kernel="6.1.0",
    )


def make_environment(hosts_kind: str = "kvm", **changes: object) -> EnvironmentRecord:
    values = {
        "endpoint": "http://x",
        "cloudstack": "4.23.0.0",
        "release": "4.23",
        "hosts_kind": hosts_kind,
        "hosts": [make_host("kvm1"), make_host("kvm2")],
    }
    return EnvironmentRecord(**(values | changes))


def make_case(case_id: str, outcome: Outcome = Outcome.PASSED, **changes: object) -> CaseRecord:
    values = {
        "id": case_id,
        "section": case_id.split("-")[0],
        "title": f"What {case_id} shows [and more].",
        "source": f"test_{case_id.split('-')[0].lower()}.py::test_{case_id.lower().replace('-', '_')}",
        "outcome": outcome,
        "layers": SEEN,
        "findings": [],
        "reason": None,
        "steps": [],
        "seconds": 2.34,
    }
    return CaseRecord(**(values | changes))


def make_run(*cases: CaseRecord, hosts_kind: str = "kvm", **changes: object) -> RunRecord:
    values = {
        "run_id": "r",
        "started": STARTED,
        "finished": STARTED + timedelta(seconds=61),
        "environment": make_environment(hosts_kind),
        "cases": list(cases),
    }
    return RunRecord(**(values | changes))


def make_finding(**changes: object) -> FindingRecord:
    values = {
        "layer": "domain",
        "what": "shares",
        "expected": "1",
        "observed": "2",
        "read_from": "virsh dumpxml",
        "rule": "shares",
    }
    return FindingRecord(**(values | changes))


def make_size(offering_class: str = "fixed", cpu_cap: bool = False, speed_mhz: int = 500) -> SizeRecord:
    return SizeRecord(offering_class=offering_class, cpu_cap=cpu_cap, cpus=1, speed_mhz=speed_mhz, memory_mib=256)


def make_scale(**changes: object) -> ScaleRecord:
    values = {
        "instance": "i-2-3-VM",
        "before": make_size(),
        "after": make_size(cpu_cap=True, speed_mhz=1000),
        "predicted": "in place",
        "succeeded": True,
        "code": 0,
        "text": "",
        "job_id": "j",
        "seconds": 1.0,
        "host_before": "kvm1",
        "host_after": "kvm1",
        "host_speed_mhz": 2000,
        "expected_quota_us": 5000,
        "expected_period_us": 10000,
        "quota_us": 5000,
        "period_us": 10000,
    }
    return ScaleRecord(**(values | changes))


def make_start(**changes: object) -> StartRecord:
    values = {
        "instance": "i-2-3-VM",
        "size": make_size(),
        "zone_switch": True,
        "offering_switch": True,
        "template_switch": True,
        "instance_switch": True,
        "host": HostTotalsRecord(name="kvm1", cpus=8, speed_mhz=2000, memory_mib=4096),
        "cpu_setting": "0",
        "memory_setting": "0",
        "prepared": True,
        "max_vcpus": 8,
        "max_memory_kib": 4194304,
        "expected_max_vcpus": 8,
        "expected_max_memory_kib": 4194304,
    }
    return StartRecord(**(values | changes))


def make_step(name: str, began: float, seconds: float, waits_for: WaitsFor = WaitsFor.CLOUD) -> StepRecord:
    return StepRecord(name=name, waits_for=waits_for, began=began, seconds=seconds)


def make_defect(**changes: object) -> KnownDefectRecord:
    values = {"id": "DEF-01", "title": "Too little.", "promised": "a", "happens": "b", "steps": ["do"]}
    return KnownDefectRecord(**(values | changes))
