"""Turns a start or a scale of an instance into the plain facts that results.json keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cloud.client import Call
from harness.cloud.jobs import JobResult
from harness.hosts.observation import DomainView, Observation
from harness.reference.capacity import Host
from harness.reference.domain import Domain
from harness.reference.offering import Offering, Size
from harness.reference.scaling import Prediction
from harness.reference.settings import CPU_CEILING, MEMORY_CEILING, Settings
from harness.run.record import CallRecord, HostTotalsRecord, LookRecord, ScaleRecord, SizeRecord, StartRecord
from harness.verify.domain import is_prepared
from harness.verify.domain_fragment import domain_fragment, seen_fragment


def size_record(offering: Offering, size: Size) -> SizeRecord:
    return SizeRecord(
        offering_class=offering.offering_class.value,
        cpu_cap=offering.cpu_cap,
        cpus=size.cpus,
        speed_mhz=size.speed_mhz,
        memory_mib=size.memory_mib,
    )


@dataclass(frozen=True)
class Start:
    """A start as it was brought about; `switches`: zone, offering, template, instance, as they were then."""

    instance: str
    size: SizeRecord
    switches: tuple[bool, bool, bool, bool]
    host: Host
    settings: Settings
    expected: Domain


def start_record(start: Start, seen: Observation) -> StartRecord:
    domain = seen.domain if isinstance(seen.domain, DomainView) else None
    zone, offering, template, instance = start.switches
    host = start.host
    return StartRecord(
        instance=start.instance,
        size=start.size,
        zone_switch=zone,
        offering_switch=offering,
        template_switch=template,
        instance_switch=instance,
        host=HostTotalsRecord(
            name=host.name, cpus=host.cpus, speed_mhz=host.speed_mhz, memory_mib=host.memory_bytes // 1048576
        ),
        cpu_setting=start.settings.text(CPU_CEILING, host.cluster_id),
        memory_setting=start.settings.text(MEMORY_CEILING, host.cluster_id),
        prepared=None if domain is None else is_prepared(domain),
        max_vcpus=None if domain is None else domain.max_vcpus,
        max_memory_kib=None if domain is None else domain.max_memory_kib,
        expected_max_vcpus=start.expected.max_vcpus,
        expected_max_memory_kib=start.expected.max_memory_kib,
    )


def scale_record(
    instance: str,
    before: SizeRecord,
    after: SizeRecord,
    prediction: Prediction,
    expected: Domain | None,
    job: JobResult,
    hosts: tuple[str | None, str | None],
    host_speed_mhz: int | None,
    seen: Observation,
) -> ScaleRecord:
    """`expected` is None for a stopped instance. `hosts`: names before and after; `host_speed_mhz`: of the latter."""
    domain = seen.domain if isinstance(seen.domain, DomainView) else None
    return ScaleRecord(
        instance=instance,
        before=before,
        after=after,
        predicted=prediction.outcome.value,
        succeeded=job.succeeded,
        code=job.code,
        text=job.text,
        job_id=job.job_id,
        seconds=round(job.seconds, 3),
        host_before=hosts[0],
        host_after=hosts[1],
        host_speed_mhz=host_speed_mhz,
        expected_quota_us=None if expected is None else expected.quota_us,
        expected_period_us=None if expected is None else expected.period_us,
        quota_us=None if domain is None else domain.quota_us,
        period_us=None if domain is None else domain.period_us,
    )


def look_records(expected: Domain, seen: Observation) -> list[LookRecord]:
    """One where the domain was seen, none where it was not."""
    if not isinstance(seen.domain, DomainView):
        return []
    predicted, observed = domain_fragment(expected), seen_fragment(seen.domain)
    return [
        LookRecord(
            instance=seen.instance_name,
            host=seen.host,
            expected_xml=predicted,
            observed_xml=None if observed == predicted else observed,
        )
    ]


def call_record(call: Call, epoch: float, *, before_its_turn: bool) -> CallRecord:
    """`epoch` is the run's start as time.monotonic tells it."""
    return CallRecord(
        command=call.command,
        parameters=call.parameters,
        began=round(call.began - epoch, 3),
        before_its_turn=before_its_turn,
        job_id=call.job_id,
        error=call.error,
    )
