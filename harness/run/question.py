"""What an offline file asks, in the reference's own values: a world, an instance in it, and the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.reference.capacity import AccountLimits, Host
from harness.reference.decision import EndlessScaleError, Outcome, decide
from harness.reference.domain import Domain, domain_after_migration, domain_after_scale, domain_at_start, scale_command
from harness.reference.offering import (
    NO_PARAMETERS,
    CustomParameters,
    Offering,
    Size,
    concrete_size,
    saved_parameters,
    size_at_start,
)
from harness.reference.readiness import instance_flag, is_prepared
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import STOPPED, Instance, Prediction, World, predict
from harness.reference.settings import ENABLE_DYNAMIC_SCALE, SCALE_RETRY, Settings
from harness.run.offline import HostTable, OfferingTable, OfflineFile, SizeTable
from harness.run.setting_values import settings_at_start, settings_of, unknown_to

_RELEASES = {release.name: release for release in (BEFORE, SINCE)}
_MIB = 1048576


@dataclass(frozen=True)
class Question:
    """`ignored` names settings that are given but not known to the release; `cluster_names` are by id, where the two
    differ.
    """

    world: World
    instance: Instance
    offering: Offering
    parameters: CustomParameters
    caller: str | None = None
    lands_on: str | None = None
    ignored: tuple[str, ...] = ()
    cluster_names: Mapping[str, str] = field(default_factory=dict)


def question(file: OfflineFile) -> Question:
    """Raises OfflineFileError where values of the file do not go together; the text names the key."""
    release = _RELEASES[file.release]
    settings = settings_of(file)
    current = _offering(file.instance.offering, "current offering")
    requested = file.request.offering
    offering = current if requested is None else _offering(requested, "requested offering")
    if requested is not None and requested.name is None and offering.name == current.name:
        raise file.wrong("request.offering.name", "missing; instance.offering has the same name by default")
    size = _size(file, "instance", file.instance, current)
    world = World(release, settings, _hosts(file, size))
    return Question(
        world=world,
        instance=_instance(file, world, current, size),
        offering=offering,
        parameters=CustomParameters(
            _text(file.request.cpus), _text(file.request.speed_mhz), _text(file.request.memory_mib)
        ),
        caller=file.request.caller,
        lands_on=file.request.lands_on,
        ignored=unknown_to(release, settings),
    )


def answer(file: OfflineFile, asked: Question) -> Prediction:
    """Raises OfflineFileError where the job would never end, or where the instance cannot land as the file says."""
    request = (asked.world, asked.instance, asked.offering, asked.parameters)
    try:
        decision = decide(*request)
    except EndlessScaleError as endless:
        raise file.wrong(f'settings.global."{SCALE_RETRY}"', f"{endless}; give 0 or more") from None
    candidates = [host.id for host in decision.candidates]
    if decision.outcome is Outcome.MIGRATED and asked.lands_on is not None and asked.lands_on not in candidates:
        text = f"{asked.lands_on} does not take it; the hosts that do are {', '.join(candidates)}"
        raise file.wrong("request.lands_on", text)
    return predict(*request, landed_on=asked.lands_on, caller=asked.caller)


def domain_at_next_start(asked: Question, instance: Instance, offering: Offering, saved: CustomParameters) -> Domain:
    """The domain of a stopped instance with this offering if it starts on its host again."""
    world = asked.world
    return domain_at_start(
        world.release,
        world.settings,
        world.host(instance.host_id),
        offering,
        size_at_start(offering, saved),
        cpu_cap=offering.cpu_cap,
        prepared=is_prepared(
            world.release,
            flag=instance.flag,
            zone_setting=world.settings.flag(ENABLE_DYNAMIC_SCALE),
            custom_offering=offering.is_custom,
        ),
    )


def _text(parameter: int | str | None) -> str | None:
    return None if parameter is None else str(parameter)


def _offering(table: OfferingTable, default_name: str) -> Offering:
    name = table.name or default_name
    sizes = table.model_dump(exclude={"name", "disk_offering"})
    return Offering(id=name, name=name, disk_offering_id=table.disk_offering, **sizes)


def _parameters(table: SizeTable) -> CustomParameters:
    return CustomParameters(_text(table.cpus), _text(table.speed_mhz), _text(table.memory_mib))


def _size(file: OfflineFile, key: str, table: SizeTable, offering: Offering) -> Size:
    """The size that the offering and the table give; under a custom offering the table wins, as saved parameters do."""
    for name in ("cpus", "speed_mhz", "memory_mib"):
        given, fixed = getattr(table, name), getattr(offering, name)
        if fixed is None and given is None:
            raise file.wrong(f"{key}.{name}", "missing; the instance's offering leaves it open")
        if given is not None and not offering.is_custom and given != fixed:
            raise file.wrong(f"{key}.{name}", f"the instance's offering fixes it at {fixed}; leave it out")
    if not offering.is_custom:
        return concrete_size(offering, NO_PARAMETERS)
    return size_at_start(offering, _parameters(table))


def _hosts(file: OfflineFile, size: Size) -> tuple[Host, ...]:
    seen: set[str] = set()
    for number, table in enumerate(file.hosts):
        if table.name in seen:
            raise file.wrong(f"hosts.{number}.name", f"there are two hosts {table.name}; give each a name of its own")
        seen.add(table.name)
    running_on = None if file.instance.state == STOPPED else _host_name(file)
    return tuple(_host(table, size if table.name == running_on else None) for table in file.hosts)


def _host(table: HostTable, resident: Size | None) -> Host:
    used_cpu = table.used_cpu_mhz
    used_memory = table.used_memory_mib
    return Host(
        id=table.name,
        name=table.name,
        cluster_id=table.cluster,
        cpus=table.cpus,
        speed_mhz=table.speed_mhz,
        memory_bytes=table.memory_mib * _MIB,
        used_cpu_mhz=(resident.cpu_mhz if resident else 0) if used_cpu is None else used_cpu,
        used_memory_bytes=(resident.memory_bytes if resident else 0) if used_memory is None else used_memory * _MIB,
        reserved_cpu_mhz=table.reserved_cpu_mhz,
        reserved_memory_bytes=table.reserved_memory_mib * _MIB,
        tags=table.tags,
        up=table.up,
        enabled=table.enabled,
        cgroup_version=table.cgroup_version,
    )


def _host_name(file: OfflineFile) -> str:
    return _known_host(file, "instance.host", file.instance.host or file.hosts[0].name)


def _known_host(file: OfflineFile, key: str, name: str) -> str:
    names = [host.name for host in file.hosts]
    if name not in names:
        raise file.wrong(key, f"no such host: {name}; there are {', '.join(names)}")
    return name


def _instance(file: OfflineFile, world: World, offering: Offering, size: Size) -> Instance:
    table = file.instance
    host_id = _host_name(file)
    if table.last_host is not None:
        _known_host(file, "instance.last_host", table.last_host)
    cpu_cap = offering.cpu_cap if table.cpu_cap is None else table.cpu_cap
    flag = table.flag
    if flag is None:
        flag = instance_flag(
            requested=table.requested,
            offering=offering.dynamic_scaling,
            template=table.template,
            zone_setting=_settings_then(file, world).flag(ENABLE_DYNAMIC_SCALE),
        )
    by_itself = saved_parameters(world.release, offering, size, NO_PARAMETERS)
    return Instance(
        name=table.name,
        state=table.state,
        offering=offering,
        size=size,
        cpu_cap=cpu_cap,
        flag=flag,
        template_flag=table.template,
        host_id=host_id,
        domain=_domain(file, world, offering, size, cpu_cap=cpu_cap, flag=flag),
        saved=by_itself if table.saved is None else _filled(_parameters(table.saved), by_itself),
        hypervisor=table.hypervisor,
        template_tags=table.template_tags,
        last_host_id=table.last_host,
        affinity_conflict=table.affinity_conflict,
        owner=table.owner,
        limits=_limits(file, size),
    )


def _filled(given: CustomParameters, by_itself: CustomParameters) -> CustomParameters:
    """What an offering leaves open is always saved, so a file that does not say it does not mean that it is not."""
    return CustomParameters(
        cpus=given.cpus or by_itself.cpus,
        speed_mhz=given.speed_mhz or by_itself.speed_mhz,
        memory_mib=given.memory_mib or by_itself.memory_mib,
    )


def _limits(file: OfflineFile, size: Size) -> AccountLimits | None:
    table = file.instance.limits
    if table is None:
        return None
    return AccountLimits(
        account=file.instance.owner,
        cpus=table.cpus,
        memory_mib=table.memory_mib,
        used_cpus=size.cpus if table.used_cpus is None else table.used_cpus,
        used_memory_mib=size.memory_mib if table.used_memory_mib is None else table.used_memory_mib,
    )


def _start_host(file: OfflineFile, world: World) -> Host:
    return world.host(_known_host(file, "instance.start.host", file.instance.start.host or _host_name(file)))


def _settings_then(file: OfflineFile, world: World) -> Settings:
    return settings_at_start(file, world.settings, _start_host(file, world).cluster_id)


def _domain(file: OfflineFile, world: World, offering: Offering, size: Size, *, cpu_cap: bool, flag: bool) -> Domain:
    """The running domain: as it started, and if since then it was migrated or scaled, with what that did to it."""
    start = file.instance.start
    host, now = _start_host(file, world), world.host(_host_name(file))
    settings = _settings_then(file, world)
    release: Release = _RELEASES[start.release or file.release]
    prepared = start.prepared
    if prepared is None:
        prepared = is_prepared(
            release,
            flag=flag,
            zone_setting=settings.flag(ENABLE_DYNAMIC_SCALE),
            custom_offering=offering.is_custom,
        )
    began = Size(start.cpus or size.cpus, start.speed_mhz or size.speed_mhz, start.memory_mib or size.memory_mib)
    was_capped = cpu_cap if start.cpu_cap is None else start.cpu_cap
    domain = domain_at_start(release, settings, host, offering, began, cpu_cap=was_capped, prepared=prepared)
    if host.id != now.id:
        domain = domain_after_migration(settings, domain, began, now)
    if began == size and was_capped == cpu_cap:
        return domain
    command = scale_command(world.release, settings, now, size, cpu_cap=cpu_cap, was_capped=was_capped)
    domain, failure = domain_after_scale(world.release, domain, command, now)
    if failure is not None:
        raise file.wrong("instance.start", f"the instance cannot have got from there to its size: {failure.says}")
    return domain
