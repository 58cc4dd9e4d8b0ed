"""Holds an instance, as the API and its host show it, against what was predicted, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.cloud.client import ApiError
from harness.cloud.entities import InstanceRecord
from harness.cloud.jobs import JobResult
from harness.hosts.observation import Absent, CgroupView, DomainView, GuestView, NotSeen, Observation, SchedulerView
from harness.reference import rules
from harness.reference.cpu_tuning import QUOTA_REMOVED_US, UNSET_QUOTA_US
from harness.reference.domain import MEMORY_SLOTS, Domain
from harness.reference.offering import Size, size_at_start
from harness.reference.refusal import Refusal
from harness.reference.rule import Kind, Rule
from harness.reference.scaling import Prediction
from harness.verify.checks import Checks, not_verified
from harness.verify.finding import NOTHING_SEEN, Comparison, Layer
from harness.waiting import DeadlineExpired


@dataclass(frozen=True)
class ExpectedInstance:
    """How an instance must be for the API: on one of `host_ids`, or on no host where there are none."""

    state: str
    offering_id: str
    size: Size
    flag: bool
    host_ids: tuple[str, ...]
    placed_by: Rule
    sized_by: Rule


def compare_job(refusal: Refusal | None, job: JobResult, done_by: Rule = rules.IN_PLACE) -> Comparison:
    """A job's end against the predicted refusal, or against success (by the rule `done_by`) where that is None."""
    checks = Checks(Layer.API, f"queryAsyncJobResult of job {job.job_id}")
    observed = "success" if job.succeeded else f"{job.code} {job.text}"
    if refusal is None:
        if not job.succeeded:
            checks.differs("job", "success", observed, done_by)
    # How the refusal of a mended product reads nobody knows yet.
    elif job.succeeded or not (refusal.rule.kind is Kind.DEFECT or refusal.matches(job.code, job.text)):
        checks.differs("job", f"{refusal.code} {refusal.text}", observed, refusal.rule)
    return checks.done()


def compare_refusal(refusal: Refusal, send: Callable[[], object]) -> Comparison:
    """What `send` asks of the API must be refused at once with this code and text."""
    return compare_answer(refusal, send, refusal.rule)


def compare_answer(refusal: Refusal | None, send: Callable[[], object], rule: Rule) -> Comparison:
    """What `send` asks of the API must be refused at once with this code and text; with None it must be accepted."""
    try:
        send()
    except ApiError as refused:
        checks = Checks(Layer.API, refused.command)
        if refusal is None or not refusal.matches(refused.code, refused.text):
            checks.differs("answer", _answer(refusal), f"{refused.code} {refused.text}", rule)
    else:
        checks = Checks(Layer.API, "the API")
        checks.equal("answer", _answer(refusal), _answer(None), rule)
    return checks.done()


def _answer(refusal: Refusal | None) -> str:
    return "accepted" if refusal is None else f"{refusal.code} {refusal.text}"


def compare_record(expected: ExpectedInstance, record: InstanceRecord) -> Comparison:
    """The API's view of the instance."""
    checks = Checks(Layer.API, "listVirtualMachines")
    checks.equal("state", expected.state, record.state, expected.placed_by)
    checks.equal("service offering", expected.offering_id, record.offering_id, expected.sized_by)
    checks.equal("vCPUs", expected.size.cpus, record.cpus, expected.sized_by)
    checks.equal("speed in MHz", expected.size.speed_mhz, record.speed_mhz, expected.sized_by)
    checks.equal("memory in MiB", expected.size.memory_mib, record.memory_mib, expected.sized_by)
    checks.equal("instance flag", expected.flag, record.dynamically_scalable, rules.FLAG_AFTER_CHANGE)
    if record.host_id not in (expected.host_ids or (None,)):
        one_of = " or ".join(expected.host_ids) or "none"
        checks.differs("host", one_of, str(record.host_id), expected.placed_by)
    return checks.done()


def compare_observation(expected: Domain, seen: Observation) -> Comparison:
    """All that the host shows: domain, scheduler with cgroups, guest."""
    return _domain(expected, seen) + _scheduler(expected, seen) + _vcpu_counts(expected, seen) + _guest(expected, seen)


def compare_saved_speed(prediction: Prediction, record: InstanceRecord) -> Comparison:
    """The speed that the next start will go by: the one saved with the instance, else its offering's."""
    checks = Checks(Layer.API, "listVirtualMachines")
    offering = prediction.offering
    expected = size_at_start(offering, prediction.saved).speed_mhz
    saved = record.details.get("cpuSpeed") if offering.is_custom else None
    observed = str(offering.speed_mhz) if saved is None else saved
    checks.equal("speed in MHz at the next start", str(expected), observed, rules.SAVED_PARAMETERS)
    return checks.done()


def compare_absence(seen: Observation, rule: Rule = rules.AUTO_MIGRATE) -> Comparison:
    """The domain must be gone from a host that the instance left, by being moved or stopped as `rule` says."""
    if isinstance(seen.domain, NotSeen):
        return not_verified(Layer.DOMAIN, seen.domain.reason)
    checks = Checks(Layer.DOMAIN, _place(seen, "virsh dumpxml"))
    if not isinstance(seen.domain, Absent):
        checks.differs("domain on the host it left", "absent", "present", rule)
    return checks.done()


def compare_arrival(seen: Observation, rule: Rule) -> Comparison:
    """The domain must have come to its host by a live migration, and not by being ended there and started here.

    Only the process tells: what was started anew with the same definition looks the same otherwise.
    """
    if not isinstance(seen.domain, DomainView):
        return NOTHING_SEEN
    if isinstance(seen.process, NotSeen):
        # As with cgroups, the libvirt transport has no access to files.
        return NOTHING_SEEN if seen.transport == "libvirt" else not_verified(Layer.DOMAIN, seen.process.reason)
    checks = Checks(Layer.DOMAIN, f"command line of QEMU of {seen.instance_name} on {seen.host}")
    came = "by live migration" if seen.process.took_over else "by a start"
    checks.equal("how the domain came to its host", "by live migration", came, rule)
    return checks.done()


def compare_continuity(before: Observation | None, seen: Observation) -> Comparison:
    """A domain that goes on has the number it had: what was done to it was done without ending it.

    Libvirt gives another number to a domain that is started anew, or comes by a migration; looks on different hosts
    tell nothing.
    """
    if before is None or before.host != seen.host:
        return NOTHING_SEEN
    if not isinstance(before.domain, DomainView) or not isinstance(seen.domain, DomainView):
        return NOTHING_SEEN
    checks = Checks(Layer.DOMAIN, _place(seen, "virsh dumpxml"))
    checks.equal("libvirt's id of the domain", before.domain.number, seen.domain.number, rules.GUEST_SURVIVES)
    return checks.done()


def _place(seen: Observation, command: str) -> str:
    return f"{command} {seen.instance_name} on {seen.host} by {seen.transport}"


def _domain(expected: Domain, seen: Observation) -> Comparison:
    view = seen.domain
    if isinstance(view, NotSeen):
        return not_verified(Layer.DOMAIN, view.reason)
    checks = Checks(Layer.DOMAIN, _place(seen, "virsh dumpxml"))
    if isinstance(view, Absent):
        checks.differs("domain", "present", "absent", rules.IN_PLACE)
        return checks.done()
    because = expected.because
    checks.equal("memory in KiB", expected.memory_kib, view.memory_kib, because["memory_kib"])
    checks.equal("currentMemory in KiB", expected.memory_kib, view.current_memory_kib, because["memory_kib"])
    checks.equal("maxMemory in KiB", expected.max_memory_kib, view.max_memory_kib, because["max_memory_kib"])
    slots = None if expected.max_memory_kib is None else MEMORY_SLOTS
    checks.equal("maxMemory slots", slots, view.memory_slots, rules.MAX_MEMORY)
    # The cell and the topology follow from the vCPUs, so these come first: the first finding points at the cause.
    checks.equal("current vCPUs", expected.vcpus, view.vcpus, because["vcpus"])
    checks.equal("maximum vCPUs", expected.max_vcpus, view.max_vcpus, because["max_vcpus"])
    checks.equal("NUMA cell's vCPUs", expected.numa_cpus, view.numa_cpus, because["numa_cpus"])
    checks.equal("NUMA cell's memory in KiB", expected.numa_memory_kib, view.numa_memory_kib, rules.MAX_MEMORY)
    _topology(checks, expected, view)
    checks.equal("DIMMs in KiB", expected.dimms_kib, view.dimms_kib, because["dimms_kib"])
    checks.equal("shares", expected.shares, view.shares, because["shares"])
    checks.equal("quota in us", expected.quota_us, view.quota_us, because["quota_us"])
    checks.equal("period in us", expected.period_us, view.period_us, because["period_us"])
    return checks.done()


def _topology(checks: Checks, expected: Domain, view: DomainView) -> None:
    want = expected.topology
    have = view.topology
    observed = "none" if have is None else f"{have.sockets} x {have.cores} x {have.threads}"
    wanted = f"{want.sockets} x {want.cores} x {want.threads}"
    checks.equal("sockets x cores x threads", wanted, observed, rules.TOPOLOGY)


def _scheduler(expected: Domain, seen: Observation) -> Comparison:
    view = seen.scheduler
    if isinstance(view, NotSeen):
        return not_verified(Layer.SCHEDULER, view.reason)
    return _scheduler_values(expected, view, seen) + _cgroup(expected, seen)


def _scheduler_values(expected: Domain, view: SchedulerView, seen: Observation) -> Comparison:
    checks = Checks(Layer.SCHEDULER, _place(seen, "virsh schedinfo"))
    because = expected.because
    checks.equal("cpu_shares", expected.shares, view.shares, because["shares"])
    version = seen.cgroup.version if isinstance(seen.cgroup, CgroupView) else None
    if not _same_quota(expected.scheduler_quota_us, view.quota_us, version):
        checks.differs("vcpu_quota in us", str(expected.scheduler_quota_us), str(view.quota_us), because["quota_us"])
    checks.equal("vcpu_period in us", expected.scheduler_period_us, view.period_us, because["period_us"])
    return checks.done()


def _cgroup(expected: Domain, seen: Observation) -> Comparison:
    view = seen.cgroup
    if isinstance(view, NotSeen):
        # libvirt's own report of the scheduler was seen; a transport without file access cannot show more.
        return NOTHING_SEEN if seen.transport == "libvirt" else not_verified(Layer.SCHEDULER, view.reason)
    checks = Checks(Layer.SCHEDULER, f"cgroup v{view.version} of {seen.instance_name} on {seen.host}")
    checks.equal("weight", expected.shares, view.weight, expected.because["shares"])
    checks.equal("vCPUs with a cgroup", list(range(expected.vcpus)), sorted(view.vcpus), expected.because["vcpus"])
    _vcpu_cgroups(checks, expected, view)
    return checks.done()


def _vcpu_cgroups(checks: Checks, expected: Domain, view: CgroupView) -> None:
    for number, limit in sorted(view.vcpus.items()):
        quota, period = expected.scheduler_quota_us, expected.scheduler_period_us
        if not _same_quota(quota, limit.quota_us, view.version):
            what = f"quota of vCPU {number} in us"
            checks.differs(what, str(quota), str(limit.quota_us), expected.because["quota_us"])
        checks.equal(f"period of vCPU {number} in us", period, limit.period_us, expected.because["period_us"])


def _same_quota(expected_us: int, observed_us: int, cgroup_version: int | None) -> bool:
    """On cgroup v2 "no quota" and the largest quota are one: `max` in cpu.max, 17592186044415 in libvirt's report.

    Where the version was not seen (the libvirt transport reads no files) both count as one too.
    """
    unlimited = (UNSET_QUOTA_US, QUOTA_REMOVED_US)
    if cgroup_version != 1 and expected_us in unlimited:
        return observed_us in unlimited
    return expected_us == observed_us


def _vcpu_counts(expected: Domain, seen: Observation) -> Comparison:
    view = seen.vcpus
    if isinstance(view, NotSeen):
        return not_verified(Layer.DOMAIN, view.reason)
    checks = Checks(Layer.DOMAIN, _place(seen, "virsh vcpucount"))
    checks.equal("live vCPUs", expected.vcpus, view.current, expected.because["vcpus"])
    checks.equal("live maximum of vCPUs", expected.max_vcpus, view.maximum, expected.because["max_vcpus"])
    return checks.done()


def _guest(expected: Domain, seen: Observation) -> Comparison:
    view = seen.guest
    if isinstance(view, NotSeen):
        return not_verified(Layer.GUEST, view.reason)
    checks = Checks(Layer.GUEST, f"guest agent of {seen.instance_name} on {seen.host}")
    because = expected.because
    checks.equal("online CPUs", expected.vcpus, view.online_cpus, because["guest_cpus"])
    memory = expected.guest_memory_mib
    checks.equal("online memory in MiB", memory, view.online_memory_mib, because["guest_memory_mib"])
    return checks.done()


def compare_silent_guest(instance_name: str, expired: DeadlineExpired) -> Comparison:
    """A guest agent that answered before and does so no more."""
    checks = Checks(Layer.GUEST, f"guest agent of {instance_name}")
    checks.differs("guest agent", "answers as before", str(expired), rules.GUEST_SURVIVES)
    return checks.done()


def guest_has_settled(expected: Domain, view: GuestView | NotSeen) -> bool:
    """Whether the guest shows what is expected: the condition to wait for before it is compared."""
    return (
        isinstance(view, GuestView)
        and view.online_cpus == expected.vcpus
        and view.online_memory_mib == expected.guest_memory_mib
    )
