"""What an instance of a case must be once it was deployed, started or scaled: steps from one state to the next."""

from __future__ import annotations

from dataclasses import replace

from harness.reference.capacity import Host
from harness.reference.domain import Domain, domain_after_migration, domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, concrete_size, size_at_start
from harness.reference.readiness import instance_flag, is_prepared
from harness.reference.rule import Rule
from harness.reference.scaling import RUNNING, Instance, Prediction, World
from harness.reference.settings import ENABLE_DYNAMIC_SCALE
from harness.verify.instance import ExpectedInstance


def deployed(
    world: World,
    host: Host,
    name: str,
    offering: Offering,
    parameters: CustomParameters,
    *,
    template_flag: bool,
    requested_flag: bool,
) -> Instance:
    """A new instance that was started on `host`."""
    flag = instance_flag(
        requested=requested_flag,
        offering=offering.dynamic_scaling,
        template=template_flag,
        zone_setting=world.settings.flag(ENABLE_DYNAMIC_SCALE),
    )
    saved = parameters if offering.is_custom else NO_PARAMETERS
    return Instance(
        name=name,
        state=RUNNING,
        offering=offering,
        size=size_at_start(offering, saved),
        cpu_cap=offering.cpu_cap,
        flag=flag,
        template_flag=template_flag,
        host_id=host.id,
        domain=_domain_on(world, host, offering, saved, cpu_cap=offering.cpu_cap, flag=flag),
        saved=saved,
    )


def started(world: World, host: Host, before: Instance) -> Instance:
    """An instance that was stopped, after a start on `host`."""
    domain = _domain_on(world, host, before.offering, before.saved, cpu_cap=before.cpu_cap, flag=before.flag)
    return replace(before, state=RUNNING, host_id=host.id, domain=domain)


def migrated(world: World, host: Host, before: Instance) -> Instance:
    """A running instance after a live migration to `host`."""
    return replace(
        before, host_id=host.id, domain=domain_after_migration(world.settings, before.domain, before.size, host)
    )


def _domain_on(
    world: World, host: Host, offering: Offering, saved: CustomParameters, *, cpu_cap: bool, flag: bool
) -> Domain:
    prepared = is_prepared(
        world.release,
        flag=flag,
        zone_setting=world.settings.flag(ENABLE_DYNAMIC_SCALE),
        custom_offering=offering.is_custom,
    )
    size = size_at_start(offering, saved)
    return domain_at_start(world.release, world.settings, host, offering, size, cpu_cap=cpu_cap, prepared=prepared)


def scaled(before: Instance, prediction: Prediction) -> Instance:
    """An instance after a scale that went as predicted, refused or not; where it is then, the API tells."""
    return replace(
        before,
        offering=prediction.offering,
        # Not the size that the API shows: a saved speed may count more than the offering's (DEF-03).
        size=size_at_start(prediction.offering, prediction.saved),
        cpu_cap=prediction.cpu_cap,
        flag=prediction.flag,
        domain=prediction.domain,
        saved=prediction.saved,
    )


def for_the_api(now: Instance, host_ids: tuple[str, ...], placed_by: Rule, sized_by: Rule) -> ExpectedInstance:
    """How the API must show it: there the offering's values count more than saved ones."""
    return ExpectedInstance(
        state=now.state,
        offering_id=now.offering.id,
        size=concrete_size(now.offering, now.saved),
        flag=now.flag,
        host_ids=host_ids,
        placed_by=placed_by,
        sized_by=sized_by,
    )
