"""The worlds that the reference's tests decide about: the two hosts and the instance of the lab."""

from dataclasses import replace

from harness.reference.capacity import Host
from harness.reference.domain import domain_at_start
from harness.reference.offering import Offering, Size
from harness.reference.readiness import is_prepared
from harness.reference.release import SINCE, Release
from harness.reference.scaling import RUNNING, Instance, World
from harness.reference.settings import ENABLE_DYNAMIC_SCALE, Settings

GIB = 1024**3
SMALL = Host("h1", "kvm1", "a", cpus=8, speed_mhz=2000, memory_bytes=4 * GIB)
LARGE = Host("h2", "kvm2", "a", cpus=16, speed_mhz=2500, memory_bytes=8 * GIB)
OTHER_CLUSTER = Host("h3", "kvm3", "b", cpus=8, speed_mhz=2000, memory_bytes=8 * GIB)
SCALING_ON = Settings(zone={ENABLE_DYNAMIC_SCALE: "true"})


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


def running(there: World, offering: Offering, size: Size | None = None) -> Instance:
    """An instance that started on the small host with all four switches on."""
    if size is None:
        assert offering.cpus is not None
        assert offering.speed_mhz is not None
        assert offering.memory_mib is not None
        size = Size(offering.cpus, offering.speed_mhz, offering.memory_mib)
    prepared = is_prepared(there.release, flag=True, zone_setting=True, custom_offering=offering.is_custom)
    domain = domain_at_start(
        there.release,
        there.settings,
        there.host("h1"),
        offering,
        size,
        cpu_cap=offering.cpu_cap,
        prepared=prepared,
    )
    return Instance("i-2-3-VM", RUNNING, offering, size, offering.cpu_cap, True, True, "h1", domain)
