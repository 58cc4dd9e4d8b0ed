"""The worlds that the reference's tests decide about: the two hosts and the instance of the lab."""

from collections.abc import Mapping
from dataclasses import replace

from harness.reference.capacity import Host
from harness.reference.domain import domain_at_start
from harness.reference.offering import CustomParameters, Offering, Size
from harness.reference.readiness import is_prepared
from harness.reference.release import SINCE, Release
from harness.reference.scaling import RUNNING, Instance, World
from harness.reference.settings import ENABLE_DYNAMIC_SCALE, Settings

GIB = 1024**3
SMALL = Host("h1", "kvm1", "a", cpus=8, speed_mhz=2000, memory_bytes=4 * GIB)
LARGE = Host("h2", "kvm2", "a", cpus=16, speed_mhz=2500, memory_bytes=8 * GIB)
OTHER_CLUSTER = Host("h3", "kvm3", "b", cpus=8, speed_mhz=2000, memory_bytes=8 * GIB)
# The hosts of the recordings, by the names that they had there.
LAB_HOSTS = tuple(
    replace(host, id=name, name=name) for host, name in ((SMALL, "labh1"), (LARGE, "labh2"), (OTHER_CLUSTER, "labh3"))
)
SCALING_ON = Settings(zone={ENABLE_DYNAMIC_SCALE: "true"})
SCALING_OFF = Settings(zone={ENABLE_DYNAMIC_SCALE: "false"})
CONSTRAINED = Offering("c", "c", None, 500, None, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=8192)
UNCONSTRAINED = Offering("u", "u", None, None, None)


def world(
    release: Release = SINCE,
    settings: Settings = SCALING_ON,
    *,
    small_used_mib: int = 0,
    small_used_mhz: int = 0,
) -> World:
    used = replace(SMALL, used_memory_bytes=small_used_mib * 1048576, used_cpu_mhz=small_used_mhz)
    return World(release, settings, (used, LARGE, OTHER_CLUSTER))


def fixed(cpus: int, speed_mhz: int, memory_mib: int, *, name: str = "new", cap: bool = False) -> Offering:
    return Offering(name, name, cpus, speed_mhz, memory_mib, cpu_cap=cap)


def settings_with(cluster: Mapping[str, str] | None = None, **others: Mapping[str, str]) -> Settings:
    """Live scaling is on; `cluster` holds the values of the first cluster, `others` those of Settings' other fields."""
    return replace(SCALING_ON, clusters={"a": cluster or {}}, **others)


def running(
    there: World, offering: Offering, size: Size | None = None, *, prepared: bool | None = None, on: str = "h1"
) -> Instance:
    """An instance that started on the small host with all four switches on, or as `prepared` and `on` say.

    Of a custom offering its parameters are saved, as after a deployment; the hosts do not count it.
    """
    if size is None:
        assert offering.cpus is not None
        assert offering.speed_mhz is not None
        assert offering.memory_mib is not None
        size = Size(offering.cpus, offering.speed_mhz, offering.memory_mib)
    if prepared is None:
        prepared = is_prepared(there.release, flag=True, zone_setting=True, custom_offering=offering.is_custom)
    domain = domain_at_start(
        there.release,
        there.settings,
        there.host(on),
        offering,
        size,
        cpu_cap=offering.cpu_cap,
        prepared=prepared,
    )
    saved = CustomParameters(
        cpus=str(size.cpus) if offering.cpus is None else None,
        speed_mhz=str(size.speed_mhz) if offering.speed_mhz is None else None,
        memory_mib=str(size.memory_mib) if offering.memory_mib is None else None,
    )
    return Instance("i-2-3-VM", RUNNING, offering, size, offering.cpu_cap, True, True, on, domain, saved)
