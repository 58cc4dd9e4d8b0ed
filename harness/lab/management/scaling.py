"""scaleVirtualMachine: the reference decides, this carries it out on the hosts and in the books."""

from __future__ import annotations

import logging
from dataclasses import replace

from harness.lab.agent.scale import Machine, ScaleFailedError, ScaleOrder
from harness.lab.management import allocation, limits, migration
from harness.lab.management.cloud import Cloud, rendered
from harness.lab.management.errors import ApiError, InvalidValueError, OperationFailedError, refused
from harness.lab.management.latency import Operation
from harness.lab.management.ledger import Amount
from harness.lab.management.model import SIZE_DETAILS, InstanceRecord, State, User, parameters_of, size_in_force
from harness.lab.management.waves import Wave
from harness.reference import oddities
from harness.reference import settings as names
from harness.reference.capacity import AccountLimits, Host
from harness.reference.domain import Domain, domain_after_scale, domain_at_start
from harness.reference.offering import CustomParameters, Offering, Size
from harness.reference.refusal import Refusal
from harness.reference.scaling import Instance, Outcome, World

_log = logging.getLogger(__name__)


def scale(
    cloud: Cloud, instance_id: str, offering_id: str, details: dict[str, str], user: User, wave: Wave, asked_at: float
) -> None:
    """The body of a scale job, which belongs to the `wave` of those that were asked for together, at `asked_at`.

    Source: UserVmManagerImpl.upgradeVirtualMachine. Raises ApiError.
    """
    try:
        instance = cloud.state.instance(instance_id)
    except KeyError:
        raise InvalidValueError("Unable to find VM's UUID") from None
    asked = parameters_of(details)
    if instance.state is State.STOPPED:
        _scale_stopped(cloud, instance, offering_id, asked)
    else:
        _scale_running(cloud, instance, offering_id, asked, user, wave, asked_at)


def _scale_running(
    cloud: Cloud,
    instance: InstanceRecord,
    offering_id: str,
    asked: CustomParameters,
    user: User,
    wave: Wave,
    asked_at: float,
) -> None:
    state, earlier = cloud.state, wave.work
    with state.lock:
        new = state.offerings[offering_id].offering
        world = earlier.world if earlier else _world_of_those_together(cloud, asked_at)
        known = earlier.known if earlier else _as_known(cloud, world, instance)
        decision = cloud.seams.decide(world, known, new, asked)
        if decision.refusal is not None or decision.size is None:
            raise _refused(cloud, decision.refusal, instance)
        limits.check_growth(state, instance.account_id, known.size, decision.size, state.release)
        in_place = decision.outcome is Outcome.IN_PLACE
        takes_room_first = in_place and not earlier and oddities.CONCURRENT_GROWTH not in state.release.defects
        if takes_room_first:
            _exchange(cloud, known.host_id, known.size, decision.size)
    if earlier:
        earlier.settle()
    elif in_place:
        with wave.working(world, known):
            try:
                domain = _reconfigure(cloud, world, instance, known, new, decision.size, world.host(known.host_id))
            except OperationFailedError:
                if takes_room_first:
                    _exchange(cloud, known.host_id, decision.size, known.size)
                raise
            _book(cloud, instance, new, decision.size, known.size, domain, takes_room=not takes_room_first)
    else:
        host = decision.candidates[0]
        size, moved = decision.size, instance

        def move() -> None:
            nonlocal moved
            moved = migration.move(cloud, cloud.state.instance(instance.id), host)

        def scale_on(place: Host) -> Domain:
            return _reconfigure(cloud, world, moved, known, new, size, place)

        domain = cloud.seams.move_and_scale(move, scale_on, world.host(known.host_id), host)
        instance = moved
        # The destination keeps counting the old size until the next recalculation (as built).
        _book(cloud, instance, new, decision.size, known.size, domain, takes_room=False)
    with state.lock:
        # Limits are checked for the owner whoever is counted.
        for_caller = oddities.COUNTED_FOR_THE_CALLER in state.release.defects
        counted = user.account_id if for_caller else instance.account_id
        state.resources.scaled(counted, known.size, decision.size)


def _exchange(cloud: Cloud, host_id: str, old: Size, new: Size) -> None:
    with cloud.state.lock:
        cloud.state.ledger.release(host_id, Amount.of(old))
        cloud.state.ledger.allocate(host_id, Amount.of(new))


def _as_known(cloud: Cloud, world: World, instance: InstanceRecord) -> Instance:
    offering = cloud.state.offerings[instance.offering_id].offering
    size = size_in_force(offering, instance.details)
    # One whose start failed has no domain. The decision does not look at it, but refuses such an instance by its state.
    domain = instance.domain or domain_at_start(
        world.release, world.settings, world.hosts[0], offering, size, cpu_cap=instance.cpu_cap, prepared=False
    )
    return Instance(
        name=instance.instance_name,
        state=instance.state,
        offering=offering,
        size=size,
        cpu_cap=instance.cpu_cap,
        flag=instance.flag,
        template_flag=cloud.state.templates[instance.template_id].dynamically_scalable,
        host_id=instance.host_id or "",
        domain=domain,
        saved=parameters_of(instance.details),
        last_host_id=instance.last_host_id,
        owner=cloud.state.account(instance.account_id).name,
        limits=_limits(cloud, instance),
    )


def _limits(cloud: Cloud, instance: InstanceRecord) -> AccountLimits | None:
    return cloud.state.resources.limits_for_scale(instance.account_id, cloud.state.account(instance.account_id).name)


def _refused(cloud: Cloud, refusal: Refusal | None, instance: InstanceRecord) -> ApiError:
    if refusal is None:
        return OperationFailedError("Failed to scale the VM")
    domain = cloud.state.domain(cloud.state.account(instance.account_id).domain_id)
    return refused(refusal, rendered(instance), instance.id, domain.database_id)


def _reconfigure(
    cloud: Cloud, world: World, instance: InstanceRecord, known: Instance, new: Offering, size: Size, host: Host
) -> Domain:
    """Have the agent scale the domain; returns the domain as it should be now, for the instance's record."""
    command = cloud.seams.command_for(world, known, new, size, host)
    shares = cloud.seams.cpu_shares(
        command.cpus, command.min_speed_mhz, cgroup_version=host.cgroup_version, host_cpu_mhz=host.cpu_mhz
    )
    order = ScaleOrder(
        machine=Machine(instance.database_id, instance.instance_name, instance.id),
        command=command,
        shares=shares,
        sets_bandwidth=world.release.scales_fixed_offerings,
    )
    try:
        with cloud.pace.at_least(Operation.SCALE, instance.database_id):
            done = cloud.agents[host.id].scale(order)
    except ScaleFailedError as failure:
        # The user reads one text for whatever went wrong; the agent's own stands in the log only.
        _log.warning("%s", failure)
        raise OperationFailedError(world.release.agent_failure) from failure
    _log.info("%s", done)
    before = instance.domain or known.domain
    return domain_after_scale(world.release, before, command, host)[0]


def _book(
    cloud: Cloud,
    instance: InstanceRecord,
    new: Offering,
    size: Size,
    old_size: Size,
    domain: Domain,
    *,
    takes_room: bool,
) -> None:
    """Offering, flag, details and capacity after the agent's success. Source: orchestrateReConfigureVm."""
    state, host_id = cloud.state, instance.host_id or ""
    with state.lock:
        if takes_room and state.release.scales_fixed_offerings:
            state.ledger.release(host_id, Amount.of(old_size))
        old = state.offerings[instance.offering_id].offering
        changed = _change_offering(cloud, instance, new, size, domain=domain)
        if not takes_room:
            return
        if not state.release.scales_fixed_offerings:
            # Up to 4.22 the old offering is released after the new details are saved, so with them (as built).
            state.ledger.release(host_id, Amount.of(size_in_force(old, changed.details)))
        if not allocation.fits_now(state, host_id, size):
            # The domain has the new size and the database the new offering; only the books lose it (as built).
            _log.warning("Host does not have enough capacity for vm %s", instance.instance_name)
            raise OperationFailedError(state.release.agent_failure)
        state.ledger.allocate(host_id, Amount.of(size))
        state.untold_growth.took(instance.id, host_id, old_size, size)


def _world_of_those_together(cloud: Cloud, asked_at: float) -> World:
    """As built, what others that are scaled at once take of a host is not seen by a decision (DEF-06)."""
    world = cloud.state.world()
    if oddities.CONCURRENT_GROWTH not in cloud.state.release.defects:
        return world
    return replace(world, hosts=cloud.state.untold_growth.without(world.hosts, asked_at))


def _scale_stopped(cloud: Cloud, instance: InstanceRecord, offering_id: str, asked: CustomParameters) -> None:
    """Only the books and the database change; the next start builds the domain."""
    state = cloud.state
    with state.lock:
        new = state.offerings[offering_id].offering
        world = state.world()
        known = _as_known(cloud, world, instance)
        decision = cloud.seams.decide(world, known, new, asked)
    if decision.refusal is not None or decision.size is None:
        raise _refused(cloud, decision.refusal, instance)
    with state.lock:
        over = known.limits.refusal(known.size, decision.size, state.release) if known.limits is not None else None
        if over is not None:
            raise _refused(cloud, over, instance)
        limits.check_growth(state, instance.account_id, known.size, decision.size, state.release)
        if instance.last_host_id is not None:
            state.ledger.release_reserved(instance.last_host_id, state.amount_of(instance))
        changed = _change_offering(cloud, instance, new, decision.size, domain=instance.domain)
        state.resources.scaled(instance.account_id, known.size, decision.size)
        if instance.last_host_id is not None:
            amount = state.amount_of(changed)
            state.ledger.allocate(instance.last_host_id, amount)
            state.ledger.release(instance.last_host_id, amount, keep_reserved=True)


def _change_offering(
    cloud: Cloud, instance: InstanceRecord, new: Offering, size: Size, *, domain: Domain | None
) -> InstanceRecord:
    state, settings = cloud.state, cloud.state.settings()
    flag = cloud.seams.flag_after_change(
        flag=instance.flag,
        offering=new.dynamic_scaling,
        template=state.templates[instance.template_id].dynamically_scalable,
        zone_setting=settings.flag(names.ENABLE_DYNAMIC_SCALE),
    )
    details = dict(state.instance(instance.id).details)
    saved = cloud.seams.saved_parameters(state.release, new, size, parameters_of(details))
    for name, value in zip(SIZE_DETAILS, (saved.cpus, saved.speed_mhz, saved.memory_mib), strict=True):
        if value is not None:
            details[name] = value
    return state.change(
        instance.id,
        offering_id=new.id,
        root_offering_id=new.id if settings.flag(names.DISK_FOLLOWS) else instance.root_offering_id,
        cpu_cap=new.cpu_cap,
        flag=flag,
        details=details,
        domain=domain,
    )
