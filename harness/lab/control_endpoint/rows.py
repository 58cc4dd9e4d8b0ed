"""A lab's state as the rows of one table, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.lab.control_endpoint.state import Capacity, FaultState, InstanceState, JobState, LabState
from harness.lab.management.jobs import JobStatus

COLUMNS = ("what", "name", "where", "state", "size, or options", "in use, or what happened")
_JOBS = 10
_STATUS = {JobStatus.PENDING: "pending", JobStatus.SUCCEEDED: "succeeded", JobStatus.FAILED: "failed"}
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """Plain text, in the order of COLUMNS; some of it was written by users. `is_bad` deserves a look."""

    what: str
    name: str
    where: str = ""
    state: str = ""
    size: str = ""
    use: str = ""
    is_bad: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.what, self.name, self.where, self.state, self.size, self.use)


def rows(state: LabState, *, most_instances: int | None = None) -> Iterator[Row]:
    for host in state.hosts:
        size = f"{host.cpus} x {host.speed_mhz} MHz, {host.memory_bytes // _MIB} MiB"
        running = f"; {host.running_instances} running"
        use, word = _use(host.capacity) + running, "Up" if host.is_up else "Down"
        yield Row("host", host.name, host.cluster, word, size, use, is_bad=not host.is_up)
    for cluster in state.clusters:
        whole = cluster.capacity
        size = f"{whole.cpu_mhz_total} MHz, {whole.memory_bytes_total // _MIB} MiB"
        yield Row("cluster", cluster.name, size=size, use=_use(whole))
    shown = state.instances[:most_instances]
    yield from map(_instance, shown)
    if len(shown) < len(state.instances):
        yield Row("instance", f"and {len(state.instances) - len(shown)} more")
    yield from map(_job, state.jobs[:_JOBS])
    all_jobs = sum(state.job_counts.values())
    if all_jobs > _JOBS:
        counts = ", ".join(f"{count} {_STATUS[status]}" for status, count in sorted(state.job_counts.items()))
        yield Row("job", f"{all_jobs} in all", use=counts)
    yield from map(_fault, state.faults)


def _use(capacity: Capacity) -> str:
    parts = (
        ("CPU", capacity.cpu_mhz_allocated, capacity.cpu_mhz_total, "MHz"),
        ("memory", capacity.memory_bytes_allocated // _MIB, capacity.memory_bytes_total // _MIB, "MiB"),
    )
    used = [f"{name} {part} {unit} ({100 * part / whole if whole else 0:.0f} %)" for name, part, whole, unit in parts]
    return ", ".join(used)


def _instance(instance: InstanceState) -> Row:
    size = f"{instance.cpus} x {instance.speed_mhz} MHz, {instance.memory_mib} MiB"
    scalable = "scalable" if instance.is_scalable else "not scalable"
    name = f"{instance.display_name} ({instance.instance_name})"
    use = f"offering {instance.offering}, {scalable}, of {instance.account}"
    return Row("instance", name, instance.host or "", instance.state, size, use)


def _job(job: JobState) -> Row:
    failed = job.status is JobStatus.FAILED
    return Row("job", f"{job.command_class} {job.id[:8]}", "", _STATUS[job.status], "", job.error or "", is_bad=failed)


def _fault(fault: FaultState) -> Row:
    order = fault.order
    said = order.model_dump(mode="json", exclude_defaults=True, exclude={"kind", "host"})
    spent = order.times is not None and fault.struck >= order.times
    use = "in force" if fault.in_force else f"struck {fault.struck} of {fault.matched} calls"
    options = ", ".join(f"{name} {value}" for name, value in said.items())
    state = "spent" if spent else "armed"
    return Row("fault", f"{fault.number}: {order.kind}", order.host or "", state, options, use, is_bad=not spent)
