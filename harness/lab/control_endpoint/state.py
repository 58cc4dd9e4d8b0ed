"""What a lab tells of itself from behind: hosts, capacity, instances, jobs, faults, parameters without effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel

from harness.lab.faults.armed import ArmedFault
from harness.lab.faults.catalogue import KINDS, FaultKind
from harness.lab.faults.order import FaultOrder
from harness.lab.management.cloud import Cloud
from harness.lab.management.jobs import Job, JobStatus
from harness.lab.management.model import InstanceRecord, State
from harness.reference import settings as names
from harness.reference.capacity import Host

if TYPE_CHECKING:
    from harness.lab.api.lab_cloud import LabCloud

# Enough to see what happened last; listEvents has it all.
_JOBS = 50


class Capacity(BaseModel):
    """`total` with overcommit; `reserved` is kept for instances that are stopped."""

    cpu_mhz_allocated: int
    cpu_mhz_reserved: int
    cpu_mhz_total: int
    memory_bytes_allocated: int
    memory_bytes_reserved: int
    memory_bytes_total: int


class HostState(BaseModel):
    id: str
    name: str
    cluster: str
    is_up: bool
    cpus: int
    speed_mhz: int
    memory_bytes: int
    running_instances: int
    capacity: Capacity


class ClusterState(BaseModel):
    id: str
    name: str
    capacity: Capacity


class InstanceState(BaseModel):
    """`host` is None where it runs nowhere; the size is that of its next start."""

    id: str
    name: str
    display_name: str
    instance_name: str
    account: str
    state: State
    host: str | None
    offering: str
    cpus: int
    speed_mhz: int
    memory_mib: int
    is_scalable: bool


class JobState(BaseModel):
    id: str
    command_class: str
    instance_id: str | None
    status: JobStatus
    created: datetime
    completed: datetime | None
    error: str | None


class FaultState(BaseModel):
    """`matched` are the calls that the order's filters left over, `struck` those of them that were struck.

    One that is `in_force` holds whoever calls, and counts once.
    """

    number: int
    order: FaultOrder
    in_force: bool
    matched: int
    struck: int


class KindState(BaseModel):
    """A kind of fault that can be armed; `options` with their defaults."""

    id: str
    layer: str
    says: str
    filters: list[str]
    options: dict[str, float]
    is_condition: bool


class IgnoredParameter(BaseModel):
    """A parameter that was given with calls of a command `count` times and that the command did not look at."""

    command: str
    parameter: str
    count: int


class LabState(BaseModel):
    """All of it, at about one moment. `jobs` are the last ones, newest first; `job_counts` by status of all."""

    release: str
    hosts: list[HostState]
    clusters: list[ClusterState]
    instances: list[InstanceState]
    jobs: list[JobState]
    job_counts: dict[JobStatus, int]
    faults: list[FaultState]


def lab_state(lab: LabCloud) -> LabState:
    cloud = lab.inside
    with cloud.state.lock:
        hosts = {host_id: cloud.state.host(host_id) for host_id in cloud.state.hosts}
        instances = sorted(cloud.state.instances.values(), key=lambda each: each.database_id)
        running = Counter(each.host_id for each in instances if each.state is State.RUNNING)
        shown_instances = [_instance(cloud, each) for each in instances]
    jobs = cloud.jobs.records()
    return LabState(
        release=cloud.state.release.name,
        hosts=[_host(cloud, host, running[host.id]) for host in hosts.values()],
        clusters=[
            ClusterState(
                id=cluster.id,
                name=cluster.name,
                capacity=_capacity(cloud, [host for host in hosts.values() if host.cluster_id == cluster.id]),
            )
            for cluster in cloud.state.clusters.values()
        ],
        instances=shown_instances,
        jobs=[_job(each) for each in reversed(jobs[-_JOBS:])],
        job_counts=dict(Counter(each.status for each in jobs)),
        faults=armed_faults(lab),
    )


def armed_faults(lab: LabCloud) -> list[FaultState]:
    return [fault_state(each) for each in lab.faults.armed]


def fault_state(armed: ArmedFault) -> FaultState:
    return FaultState(
        number=armed.number, order=armed.order, in_force=armed.in_force, matched=armed.matched, struck=armed.struck
    )


def kinds() -> list[KindState]:
    return [_kind(each) for each in KINDS.values()]


def ignored_parameters(lab: LabCloud) -> list[IgnoredParameter]:
    """Sorted by command and parameter."""
    return [
        IgnoredParameter(command=command, parameter=parameter, count=count)
        for (command, parameter), count in sorted(lab.ignored.counts().items())
    ]


def _host(cloud: Cloud, host: Host, running: int) -> HostState:
    return HostState(
        id=host.id,
        name=host.name,
        cluster=cloud.state.clusters[host.cluster_id].name,
        is_up=cloud.agents[host.id].is_up,
        cpus=host.cpus,
        speed_mhz=host.speed_mhz,
        memory_bytes=host.memory_bytes,
        running_instances=running,
        capacity=_capacity(cloud, [host]),
    )


def _capacity(cloud: Cloud, hosts: Sequence[Host]) -> Capacity:
    settings = cloud.state.configuration.settings()
    return Capacity(
        cpu_mhz_allocated=sum(host.used_cpu_mhz for host in hosts),
        cpu_mhz_reserved=sum(host.reserved_cpu_mhz for host in hosts),
        cpu_mhz_total=sum(int(h.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, h.cluster_id)) for h in hosts),
        memory_bytes_allocated=sum(host.used_memory_bytes for host in hosts),
        memory_bytes_reserved=sum(host.reserved_memory_bytes for host in hosts),
        memory_bytes_total=sum(
            int(h.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, h.cluster_id)) for h in hosts
        ),
    )


def _instance(cloud: Cloud, record: InstanceRecord) -> InstanceState:
    size = cloud.state.size_of(record)
    host = cloud.state.hosts.get(record.host_id or "")
    return InstanceState(
        id=record.id,
        name=record.name,
        display_name=record.display_name,
        instance_name=record.instance_name,
        account=cloud.state.account(record.account_id).name,
        state=record.state,
        host=host.name if host is not None else None,
        offering=cloud.state.offerings[record.offering_id].name,
        cpus=size.cpus,
        speed_mhz=size.speed_mhz,
        memory_mib=size.memory_mib,
        is_scalable=record.flag,
    )


def _job(job: Job) -> JobState:
    error = (job.result or {}).get("errortext") if job.status is JobStatus.FAILED else None
    return JobState(
        id=job.id,
        command_class=job.command_class.rpartition(".")[2],
        instance_id=job.instance_id,
        status=job.status,
        created=job.created,
        completed=job.completed,
        error=None if error is None else str(error),
    )


def _kind(kind: FaultKind) -> KindState:
    return KindState(
        id=kind.id,
        layer=kind.layer,
        says=kind.says,
        filters=sorted(kind.filters),
        options=dict(kind.options),
        is_condition=kind.is_condition,
    )
