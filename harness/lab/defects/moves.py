"""Defects of moving: which instances are migrated for their scale, where to, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.lab.defects.decisions import refusing, wrong_decision
from harness.lab.defects.defect import Defect, Part, api, domain
from harness.lab.seams import Seams
from harness.reference import refusals, rules
from harness.reference.capacity import Host
from harness.reference.decision import FAILED_TO_SCALE
from harness.reference.domain import Domain
from harness.reference.offering import CustomParameters, Offering
from harness.reference.scaling import Decision, Instance, Outcome, World


def _moved(world: World, decision: Decision, instance: Instance, hosts: Callable[[Host, Host], bool]) -> Decision:
    here = world.host(instance.host_id)
    there = tuple(host for host in world.hosts if host.id != here.id and hosts(here, host))
    if decision.size is None or not there:
        return decision
    return Decision(Outcome.MIGRATED, size=decision.size, candidates=there, rules=(rules.AUTO_MIGRATE,))


def _eager(decision: Decision, world: World, instance: Instance, *_given: object) -> Decision:
    if decision.outcome is not Outcome.IN_PLACE:
        return decision
    return _moved(world, decision, instance, lambda here, host: here.cluster_id == host.cluster_id)


def _forbidden(decision: Decision, world: World, instance: Instance, *_given: object) -> Decision:
    if decision.refusal is None or decision.refusal.rule is not refusals.AUTO_MIGRATE_OFF:
        return decision
    return _moved(world, decision, instance, lambda here, host: here.cluster_id == host.cluster_id)


def _astray(decision: Decision, world: World, instance: Instance, *_given: object) -> Decision:
    if decision.outcome is not Outcome.MIGRATED:
        return decision
    return _moved(world, decision, instance, lambda here, host: here.cluster_id != host.cluster_id)


def _overfull(decision: Decision, world: World, instance: Instance, *_given: object) -> Decision:
    """Where no host fits the instance is scaled on its own all the same."""
    if decision.refusal is not None and decision.refusal.rule is refusals.NO_DESTINATION and decision.size is not None:
        here = world.host(instance.host_id)
        return Decision(Outcome.IN_PLACE, size=decision.size, candidates=(here,), rules=(rules.IN_PLACE,))
    return decision


def _stubborn(decision: Decision, world: World, instance: Instance, *_given: object) -> Decision:
    if decision.outcome is not Outcome.MIGRATED:
        return decision
    here = world.host(instance.host_id)
    return replace(decision, outcome=Outcome.IN_PLACE, candidates=(here,))


def _crammed(decision: Decision, world: World, instance: Instance, *_given: object) -> Decision:
    if decision.refusal is None or decision.refusal.rule is not refusals.NO_DESTINATION:
        return decision
    return _moved(world, decision, instance, lambda here, host: here.cluster_id == host.cluster_id)


def _untagged(
    decision: Decision, world: World, instance: Instance, offering: Offering, _asked: CustomParameters
) -> Decision:
    if decision.refusal is None or decision.refusal.rule is not refusals.NO_DESTINATION or not offering.host_tags:
        return decision
    return _moved(world, decision, instance, lambda here, host: here.cluster_id == host.cluster_id)


def _scaled_first(move: Callable[[], None], scale_on: Callable[[Host], Domain], left: Host, _there: Host) -> Domain:
    domain = scale_on(left)
    move()
    return domain


MOVES = (
    wrong_decision(
        "moved-although-it-fits",
        "An instance is migrated although its host has room.",
        "The condition on the free capacity is inverted.",
        "LS,MIG",
        api("host"),
        _eager,
        Part.PLANNER,
    ),
    wrong_decision(
        "moved-although-forbidden",
        "An instance is migrated although the cluster's setting forbids it.",
        "The setting's default is used in place of its value.",
        "MIG",
        api("job", "host"),
        _forbidden,
        Part.PLANNER,
    ),
    wrong_decision(
        "not-moved",
        "An instance is not migrated although that is allowed and needed.",
        "The new setting is false where it is not set.",
        "MIG",
        api("job"),
        refusing(530, FAILED_TO_SCALE, lambda at: at.decision.outcome is Outcome.MIGRATED),
        Part.PLANNER,
    ),
    wrong_decision(
        "moved-to-another-cluster",
        "An instance is migrated into another cluster.",
        "The plan for the deployment lacks the cluster's id.",
        "MIG",
        api("host", "job"),
        _astray,
        Part.PLANNER,
    ),
    wrong_decision(
        "host-overfilled",
        "An instance that fits nowhere is scaled where it is.",
        "The last attempt does not look at the capacity any more.",
        "MIG",
        api("job"),
        _overfull,
        Part.PLANNER,
    ),
    wrong_decision(
        "scaled-without-room",
        "An instance is scaled on its host although that has no room.",
        "The capacity of the whole cluster is taken for the host's.",
        "MIG",
        api("job", "host"),
        _stubborn,
        Part.PLANNER,
    ),
    wrong_decision(
        "moved-to-a-full-host",
        "An instance that fits nowhere is migrated to another host of its cluster, which has no room for it either.",
        "The allocator's answer is not asked whether it found a host.",
        "MIG",
        api("job"),
        _crammed,
        Part.PLANNER,
    ),
    wrong_decision(
        "moved-to-an-untagged-host",
        "An instance is migrated to a host that lacks a host tag of the new offering.",
        "The plan for the deployment is made with the old offering.",
        "TAG",
        api("job"),
        _untagged,
        Part.PLANNER,
    ),
    Defect(
        "scaled-before-migration",
        "An instance that has to move is scaled where it was, by the speed of that host, and then migrated.",
        Part.MANAGEMENT,
        "MIG,CAP",
        "The two calls were exchanged when the retry loop was written anew.",
        domain("shares", "quota in us", "period in us"),
        Seams(move_and_scale=_scaled_first),
    ),
)
