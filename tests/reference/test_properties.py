"""What holds for every scale that anybody could ask for."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.reference import settings as names
from harness.reference.capacity import AccountLimits, Host
from harness.reference.catalogue import RULES
from harness.reference.cpu_tuning import MAX_PERIOD_US, MIN_QUOTA_US, QUOTA_REMOVED_US, bandwidth, cpu_shares
from harness.reference.decision import EndlessScaleError, decide
from harness.reference.domain import ceilings, domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size, size_at_start
from harness.reference.release import BEFORE, SINCE
from harness.reference.scaling import Instance, Outcome, World, predict
from harness.reference.settings import Settings
from tests.reference.worlds import CONSTRAINED, LARGE, OTHER_CLUSTER, SMALL, UNCONSTRAINED, fixed, running

RELEASES = st.sampled_from([BEFORE, SINCE])
FLAGS = st.booleans()
TAGS = st.frozensets(st.sampled_from(["gpu", "ssd"]))
TEXTS = st.none() | st.integers(-2, 20000).map(str) | st.text(max_size=6)
STATES = ["Running", "Stopped", "Starting", "Stopping", "Migrating", "Error", "Destroyed", "Expunging", "Unknown"]
SIZES = st.builds(Size, st.integers(1, 20), st.integers(1, 3000), st.integers(32, 20000))


@st.composite
def _hosts(draw: st.DrawFn) -> tuple[Host, ...]:
    return tuple(
        replace(
            host,
            used_cpu_mhz=draw(st.integers(0, host.cpu_mhz)),
            used_memory_bytes=draw(st.integers(0, host.memory_bytes)),
            reserved_memory_bytes=draw(st.integers(0, host.memory_bytes)),
            speed_mhz=draw(st.sampled_from([host.speed_mhz, host.speed_mhz, 0])),
            tags=draw(TAGS),
            up=draw(FLAGS),
            enabled=draw(FLAGS),
            cgroup_version=draw(st.sampled_from([1, 2])),
        )
        for host in (SMALL, LARGE, OTHER_CLUSTER)
    )


@st.composite
def _settings(draw: st.DrawFn) -> Settings:
    flag, whole = FLAGS.map(lambda value: str(value).lower()), st.integers(-1, 9000).map(str)
    factor = st.sampled_from(["1", "1.0", "1.5", "2", "0.5"])
    cluster = {
        names.AUTO_MIGRATE: draw(flag),
        names.CPU_CEILING: draw(whole),
        names.MEMORY_CEILING: draw(whole),
        names.CPU_OVERCOMMIT: draw(factor),
        names.MEMORY_OVERCOMMIT: draw(factor),
        names.CPU_THRESHOLD: draw(st.sampled_from(["0", "0.85", "9"])),
        names.MEMORY_THRESHOLD: draw(st.sampled_from(["0.85", "9"])),
        names.DIVIDE_SPEED: draw(flag),
    }
    everywhere = {
        names.SCALE_RETRY: draw(st.sampled_from(["-1", "0", "1", "2"])),
        names.STRICT_HOST_TAGS: draw(st.sampled_from(["", "gpu", "gpu, ssd"])),
        names.LIMIT_HOST_TAGS: draw(st.sampled_from(["", "ssd"])),
        names.STRICT_LIMIT_TAGS: draw(flag),
        names.MAX_OFFERING_CPUS: draw(st.sampled_from(["0", "4"])),
        names.MAX_OFFERING_MEMORY: draw(st.sampled_from(["0", "4096"])),
    }
    return Settings(everywhere, {names.ENABLE_DYNAMIC_SCALE: draw(flag)}, {"a": cluster})


@st.composite
def _offerings(draw: st.DrawFn, name: str) -> Offering:
    size = draw(SIZES)
    made = draw(st.sampled_from([fixed(size.cpus, size.speed_mhz, size.memory_mib), CONSTRAINED, UNCONSTRAINED]))
    return replace(
        made,
        id=draw(st.sampled_from([name, "same"])),
        cpu_cap=draw(FLAGS),
        active=draw(st.sampled_from([True, True, False])),
        host_tags=draw(TAGS),
        local_storage=draw(st.sampled_from([False, False, True])),
        storage_tags=draw(TAGS),
        vgpu_type=draw(st.sampled_from(["", "", "large"])),
        disk_strict=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def _situations(draw: st.DrawFn) -> tuple[World, Instance, Offering, CustomParameters]:
    there = World(draw(RELEASES), draw(_settings()), draw(_hosts()))
    limits = AccountLimits("owner", draw(st.integers(-1, 20)), draw(st.integers(-1, 20000)), 1, 256)
    now = draw(_offerings("now"))
    size = draw(SIZES) if now.is_custom else None
    instance = replace(
        running(there, now, size, prepared=draw(FLAGS)),
        state=draw(st.sampled_from(["Running"] * 8 + STATES)),
        hypervisor=draw(st.sampled_from(["KVM"] * 8 + ["External", "Hyperv", "VMware", "Simulator", "XenServer"])),
        flag=draw(st.sampled_from([True, True, False])),
        template_flag=draw(FLAGS),
        template_tags=draw(TAGS),
        last_host_id=draw(st.sampled_from([None, "h1", "h2", "gone"])),
        affinity_conflict=draw(st.sampled_from([False, False, True])),
        limits=draw(st.none() | st.just(limits)),
        owner="owner",
    )
    return there, instance, draw(_offerings("new")), CustomParameters(draw(TEXTS), draw(TEXTS), draw(TEXTS))


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(_situations(), st.none() | st.sampled_from(["owner", "admin"]))
def test_every_request_ends_in_an_outcome_with_its_rules_or_is_known_to_be_endless(
    situation: tuple[World, Instance, Offering, CustomParameters], caller: str | None
) -> None:
    there, instance, offering, asked = situation
    try:
        prediction = predict(there, instance, offering, asked, caller=caller)
    except EndlessScaleError:
        assert there.settings.integer(names.SCALE_RETRY) == -1
        return
    assert (prediction.refusal is None) is (prediction.outcome is not Outcome.REFUSED)
    assert prediction.rules
    assert all(RULES[rule.id] is rule for rule in prediction.rules)
    assert prediction.host_ids
    if prediction.refusal is not None:
        assert RULES[prediction.refusal.rule.id] is prediction.refusal.rule
        assert prediction.refusal.rule in prediction.rules
        assert prediction.refusal.code in (431, 530)
        assert prediction.refusal.text
    assert {host.id for host in prediction.hosts} == {host.id for host in there.hosts}
    assert all(host.used_cpu_mhz >= 0 and host.used_memory_bytes >= 0 for host in prediction.hosts)
    if prediction.host_ids == (instance.host_id,):
        assert prediction.domain.shares >= instance.domain.shares
    assert prediction.domain.memory_kib >= instance.domain.memory_kib
    assert prediction.domain.vcpus >= instance.domain.vcpus
    assert (prediction.domain.max_vcpus, prediction.domain.max_memory_kib) == (
        instance.domain.max_vcpus,
        instance.domain.max_memory_kib,
    )
    if prediction.outcome is not Outcome.REFUSED:
        assert prediction.flag <= instance.flag
        assert prediction.offering == offering


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_situations())
def test_a_decision_is_the_one_that_a_prediction_carries_out(
    situation: tuple[World, Instance, Offering, CustomParameters],
) -> None:
    there, instance, offering, asked = situation
    try:
        decision = decide(there, instance, offering, asked)
    except EndlessScaleError:
        return
    prediction = predict(there, instance, offering, asked)
    if decision.refusal is not None:
        assert prediction.refusal == decision.refusal
        assert (prediction.domain, prediction.hosts) == (instance.domain, there.hosts)
    elif prediction.refusal is None:
        assert (prediction.outcome, prediction.size) == (decision.outcome, decision.size)


@given(
    release=RELEASES,
    now=st.builds(Size, st.integers(1, 8), st.integers(1, 2000), st.integers(2, 1024)),
    more=st.tuples(st.integers(0, 7), st.integers(0, 1999), st.integers(1, 48)),
    caps=st.tuples(FLAGS, FLAGS),
)
def test_a_restart_after_a_scale_gives_the_same_domain_but_for_dimms(
    release, now: Size, more: tuple[int, int, int], caps: tuple[bool, bool]
) -> None:
    memory_mib = max(32, now.memory_mib)
    now = replace(now, memory_mib=memory_mib)
    new = Size(min(now.cpus + more[0], 8), min(now.speed_mhz + more[1], 2000), memory_mib + 64 * more[2])
    there = World(release, Settings(zone={names.ENABLE_DYNAMIC_SCALE: "true"}), (SMALL, LARGE))
    old = replace(UNCONSTRAINED, id="old", cpu_cap=caps[0])
    wanted = replace(UNCONSTRAINED, cpu_cap=caps[1])
    asked = CustomParameters(str(new.cpus), str(new.speed_mhz), str(new.memory_mib))
    prediction = predict(there, running(there, old, now), wanted, asked)
    assert prediction.outcome is Outcome.IN_PLACE
    size = size_at_start(wanted, prediction.saved)
    anew = domain_at_start(release, there.settings, SMALL, wanted, size, cpu_cap=prediction.cpu_cap, prepared=True)
    live = prediction.domain
    assert anew.dimms_kib == ()
    assert (live.memory_kib, live.vcpus, live.shares) == (anew.memory_kib, anew.vcpus, anew.shares)
    assert (live.max_memory_kib, live.max_vcpus) == (SMALL.memory_bytes // 1024, SMALL.cpus)
    if release is SINCE and caps != (True, False):
        assert (live.quota_us, live.period_us) == (anew.quota_us, anew.period_us)
    elif release is SINCE:
        assert (live.quota_us, anew.quota_us) == (QUOTA_REMOVED_US, None)


@given(st.floats(0, 1))
def test_quota_and_period_are_within_libvirts_bounds_for_every_percentage(percentage: float) -> None:
    limit = bandwidth(percentage)
    assert MIN_QUOTA_US <= limit.quota_us <= QUOTA_REMOVED_US
    assert 1000 <= limit.period_us <= MAX_PERIOD_US


@given(st.integers(0, 4096), st.integers(0, 100_000), st.sampled_from([1, 2]), st.integers(0, 10**7))
def test_shares_are_within_the_kernels_bounds(cpus: int, speed: int, version: int, capacity: int) -> None:
    shares = cpu_shares(cpus, speed, cgroup_version=version, host_cpu_mhz=capacity)
    assert 2 <= shares <= (10000 if version == 2 and capacity else 262144)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.sampled_from([names.CPU_CEILING, names.MEMORY_CEILING]))
def test_a_higher_setting_never_means_a_lower_ceiling(value: int, more: int, name: str) -> None:
    low, high = (
        ceilings(SINCE, Settings({name: str(number)}), UNCONSTRAINED, host=SMALL) for number in (value, value + more)
    )
    assert low.memory_bytes <= high.memory_bytes
    assert low.vcpus <= high.vcpus


@given(st.integers(-(2**31), 0))
def test_every_setting_of_0_and_below_is_the_host(value: int) -> None:
    values = {names.CPU_CEILING: str(value), names.MEMORY_CEILING: str(value)}
    limits = ceilings(SINCE, Settings(values), UNCONSTRAINED, host=SMALL)
    assert (limits.vcpus, limits.memory_bytes) == (SMALL.cpus, SMALL.memory_bytes)


def test_nothing_asked_of_an_instance_of_the_same_custom_offering_is_the_same_size() -> None:
    there = World(SINCE, Settings(zone={names.ENABLE_DYNAMIC_SCALE: "true"}), (SMALL,))
    refusal = predict(there, running(there, UNCONSTRAINED, Size(1, 500, 256)), UNCONSTRAINED, NO_PARAMETERS).refusal
    assert refusal is not None
    assert refusal.rule.id == "same-size"
