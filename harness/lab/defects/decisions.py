"""Defects of the management server's decisions: what it accepts and refuses, and where it moves an instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.lab.defects.defect import Defect, Part, Sign, api
from harness.lab.seams import Seams
from harness.reference import refusals, rules
from harness.reference.capacity import Host
from harness.reference.decision import FAILED_TO_SCALE
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, concrete_size, fill_absent
from harness.reference.refusal import Refusal
from harness.reference.rule import Rule
from harness.reference.scaling import Decision, Instance, Outcome, World, decide

Deciding = Callable[[Decision, World, Instance, Offering, CustomParameters], Decision]


def _decision(
    name: str,
    says: str,
    story: str,
    sections: str,
    sign: Sign,
    change: Deciding,
    part: Part = Part.MANAGEMENT,
) -> Defect:
    def deciding(world: World, instance: Instance, offering: Offering, asked: CustomParameters) -> Decision:
        return change(decide(world, instance, offering, asked), world, instance, offering, asked)

    return Defect(name, says, part, sections, story, sign, Seams(decide=deciding))


def _in_place(world: World, instance: Instance, offering: Offering, asked: CustomParameters) -> Decision:
    parameters = fill_absent(offering, asked, instance.size) if offering.is_custom else NO_PARAMETERS
    size = concrete_size(offering, parameters)
    return Decision(Outcome.IN_PLACE, size=size, candidates=(world.host(instance.host_id),), rules=(rules.IN_PLACE,))


def _accepting(*lost: Rule) -> Deciding:
    """A refusal by one of these rules is not made."""

    def change(
        decision: Decision, world: World, instance: Instance, offering: Offering, asked: CustomParameters
    ) -> Decision:
        if decision.refusal is not None and decision.refusal.rule in lost:
            return _in_place(world, instance, offering, asked)
        return decision

    return change


@dataclass(frozen=True)
class Attempt:
    """A request that was decided well."""

    decision: Decision
    instance: Instance
    offering: Offering


def _refusing(code: int, text: str, when: Callable[[Attempt], bool]) -> Deciding:
    def change(
        decision: Decision, _world: World, instance: Instance, offering: Offering, _asked: CustomParameters
    ) -> Decision:
        if (
            decision.refusal is None
            and decision.outcome is not Outcome.STORED
            and when(Attempt(decision, instance, offering))
        ):
            return Decision(Outcome.REFUSED, Refusal(code, text, refusals.AGENT_FAILED))
        return decision

    return change


def _saying(rule: Rule, other: Callable[[Refusal], Refusal]) -> Deciding:
    """A refusal by this rule has another code or text."""

    def change(decision: Decision, *_given: object) -> Decision:
        if decision.refusal is not None and decision.refusal.rule is rule:
            return replace(decision, refusal=other(decision.refusal))
        return decision

    return change


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


DECISIONS = (
    _decision(
        "scale-down-accepted",
        "A running instance may shrink.",
        "The three comparisons are joined by && in place of ||.",
        "NEG",
        api("job"),
        _accepting(refusals.SCALING_DOWN),
    ),
    _decision(
        "same-size-accepted",
        "An equal size is accepted without a change of the CPU cap.",
        "The check for a changed cap is asked of the wrong offering.",
        "NEG,CAP",
        api("job"),
        _accepting(refusals.SAME_SIZE),
    ),
    _decision(
        "cap-change-refused",
        "An equal size is refused although the CPU cap changes.",
        "The exception for KVM is lost.",
        "CAP",
        api("job"),
        _refusing(
            431,
            "While the VM is running, scaling to a service offering with the same attributes (memory, CPU speed and "
            "vCPUs) is only allowed when the CPU cap is changed.",
            lambda at: at.decision.size == at.instance.size,
        ),
    ),
    _decision(
        "fixed-offerings-refused",
        "An instance with a fixed offering is not scaled, as before the pull request.",
        "The old check survives a merge.",
        "LS",
        api("job"),
        _refusing(
            431,
            'Unable to live scale VM on KVM when current service offering is a "Fixed Offering".',
            lambda at: not at.instance.offering.is_custom,
        ),
    ),
    _decision(
        "fixed-target-refused",
        "A running instance cannot go from a custom offering to a fixed one.",
        "Custom parameters are demanded of every target.",
        "TRN",
        api("job"),
        _refusing(
            431,
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
            lambda at: at.instance.offering.is_custom and not at.offering.is_custom,
        ),
    ),
    _decision(
        "zone-switch-ignored",
        "A live scale does not ask enable.dynamic.scale.vm.",
        "The setting is asked at the start only.",
        "NEG",
        api("job"),
        _accepting(refusals.ZONE_DISABLED),
    ),
    _decision(
        "flag-ignored",
        "A live scale does not ask the instance flag.",
        "The domain is said to tell.",
        "NEG",
        api("job"),
        _accepting(refusals.NO_TOOLS),
    ),
    _decision(
        "flags-may-differ",
        "Offerings of unlike dynamic-scaling flags are accepted.",
        "The comparison is of the offering with itself.",
        "NEG",
        api("job"),
        _accepting(refusals.FLAGS_DIFFER),
    ),
    _decision(
        "inactive-accepted",
        "An inactive offering is accepted.",
        "The state is checked at a deployment only.",
        "NEG",
        api("job"),
        _accepting(refusals.INACTIVE_OFFERING),
    ),
    _decision(
        "same-offering-accepted",
        "A fixed offering can be changed for itself.",
        "Ids are compared with == on boxed Longs.",
        "NEG",
        api("job"),
        _accepting(refusals.SAME_OFFERING, refusals.SAME_SIZE),
    ),
    _decision(
        "ranges-ignored",
        "Custom parameters outside the offering's range are accepted.",
        "Ranges are checked at a deployment only.",
        "NEG,LIM",
        api("job"),
        _accepting(refusals.CPUS_RANGE, refusals.MEMORY_RANGE),
    ),
    _decision(
        "fixed-parameters-accepted",
        "Parameters that the offering fixes can be given.",
        "They are dropped in silence.",
        "NEG",
        api("job"),
        _accepting(refusals.NOT_CUSTOMIZABLE),
    ),
    _decision(
        "limits-ignored",
        "A live scale does not ask the account's limits.",
        "Limits are checked at a deployment only.",
        "NEG",
        api("job"),
        _accepting(refusals.RESOURCE_LIMIT),
    ),
    _decision(
        "threshold-ignored",
        "A live scale does not ask the cluster's allocation thresholds.",
        "The call moved into the branch that migrates.",
        "LIM,NEG,MIG",
        api("job"),
        _accepting(refusals.CLUSTER_THRESHOLD),
        Part.PLANNER,
    ),
    _decision(
        "scale-down-text",
        "The refusal to shrink has the text of 4.22.",
        "The text was not changed everywhere.",
        "NEG",
        api("job"),
        _saying(
            refusals.SCALING_DOWN,
            lambda was: replace(was, text="While the VM is running, only scalling up it is supported."),
        ),
    ),
    _decision(
        "scale-down-code",
        "The refusal to shrink has the code 530.",
        "CloudRuntimeException in place of InvalidParameterValueException.",
        "NEG",
        api("job"),
        _saying(refusals.SCALING_DOWN, lambda was: replace(was, code=530)),
    ),
    _decision(
        "scale-down-values-swapped",
        "The refusal to shrink names memory as speed and speed as memory.",
        "Two arguments of String.format are swapped.",
        "NEG",
        api("job"),
        _saying(
            refusals.SCALING_DOWN,
            lambda was: replace(was, text=was.text.replace('"memory"', "?").replace('"CPU speed"', '"memory"')),
        ),
    ),
    _decision(
        "zone-disabled-code",
        "A scale in a zone without dynamic scaling is refused with 431.",
        "InvalidParameterValueException in place of CloudRuntimeException.",
        "NEG",
        api("job"),
        _saying(refusals.ZONE_DISABLED, lambda was: replace(was, code=431)),
    ),
    _decision(
        "moved-although-it-fits",
        "An instance is migrated although its host has room.",
        "The condition on the free capacity is inverted.",
        "LS,MIG",
        api("host"),
        _eager,
        Part.PLANNER,
    ),
    _decision(
        "moved-although-forbidden",
        "An instance is migrated although the cluster's setting forbids it.",
        "The setting's default is used in place of its value.",
        "MIG",
        api("job", "host"),
        _forbidden,
        Part.PLANNER,
    ),
    _decision(
        "not-moved",
        "An instance is not migrated although that is allowed and needed.",
        "The new setting is false where it is not set.",
        "MIG",
        api("job"),
        _refusing(530, FAILED_TO_SCALE, lambda at: at.decision.outcome is Outcome.MIGRATED),
        Part.PLANNER,
    ),
    _decision(
        "moved-to-another-cluster",
        "An instance is migrated into another cluster.",
        "The plan for the deployment lacks the cluster's id.",
        "MIG",
        api("host", "job"),
        _astray,
        Part.PLANNER,
    ),
    _decision(
        "host-overfilled",
        "An instance that fits nowhere is scaled where it is.",
        "The last attempt does not look at the capacity any more.",
        "MIG",
        api("job"),
        _overfull,
        Part.PLANNER,
    ),
    _decision(
        "scaled-without-room",
        "An instance is scaled on its host although that has no room.",
        "The capacity of the whole cluster is taken for the host's.",
        "MIG",
        api("job", "host"),
        _stubborn,
        Part.PLANNER,
    ),
)
