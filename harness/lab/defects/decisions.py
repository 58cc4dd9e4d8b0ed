"""Defects of the management server's decisions: what it accepts and refuses, and where it moves an instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.lab.defects.defect import Defect, Part, Sign, api
from harness.lab.seams import Seams
from harness.reference import refusals, rules
from harness.reference.decision import FAILED_TO_SCALE
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, concrete_size, fill_absent
from harness.reference.refusal import Refusal
from harness.reference.rule import Rule
from harness.reference.scaling import Decision, Instance, Outcome, World, decide

Deciding = Callable[[Decision, World, Instance, Offering, CustomParameters], Decision]


def wrong_decision(
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


def refusing(code: int, text: str, when: Callable[[Attempt], bool]) -> Deciding:
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


def _lacks_a_tag(at: Attempt) -> bool:
    return at.decision.outcome is Outcome.IN_PLACE and not at.offering.host_tags <= at.decision.candidates[0].tags


DECISIONS = (
    wrong_decision(
        "scale-down-accepted",
        "A running instance may shrink.",
        "The three comparisons are joined by && in place of ||.",
        "NEG",
        api("job"),
        _accepting(refusals.SCALING_DOWN),
    ),
    wrong_decision(
        "same-size-accepted",
        "An equal size is accepted without a change of the CPU cap.",
        "The check for a changed cap is asked of the wrong offering.",
        "NEG,CAP",
        api("job"),
        _accepting(refusals.SAME_SIZE),
    ),
    wrong_decision(
        "cap-change-refused",
        "An equal size is refused although the CPU cap changes.",
        "The exception for KVM is lost.",
        "CAP",
        api("job"),
        refusing(
            431,
            "While the VM is running, scaling to a service offering with the same attributes (memory, CPU speed and "
            "vCPUs) is only allowed when the CPU cap is changed.",
            lambda at: at.decision.size == at.instance.size,
        ),
    ),
    wrong_decision(
        "fixed-offerings-refused",
        "An instance with a fixed offering is not scaled, as before the pull request.",
        "The old check survives a merge.",
        "LS",
        api("job"),
        refusing(
            431,
            'Unable to live scale VM on KVM when current service offering is a "Fixed Offering".',
            lambda at: not at.instance.offering.is_custom,
        ),
    ),
    wrong_decision(
        "fixed-target-refused",
        "A running instance cannot go from a custom offering to a fixed one.",
        "Custom parameters are demanded of every target.",
        "TRN",
        api("job"),
        refusing(
            431,
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
            lambda at: at.instance.offering.is_custom and not at.offering.is_custom,
        ),
    ),
    wrong_decision(
        "zone-switch-ignored",
        "A live scale does not ask enable.dynamic.scale.vm.",
        "The setting is asked at the start only.",
        "NEG",
        api("job"),
        _accepting(refusals.ZONE_DISABLED),
    ),
    wrong_decision(
        "flag-ignored",
        "A live scale does not ask the instance flag.",
        "The domain is said to tell.",
        "NEG",
        api("job"),
        _accepting(refusals.NO_TOOLS),
    ),
    wrong_decision(
        "flags-may-differ",
        "Offerings of unlike dynamic-scaling flags are accepted.",
        "The comparison is of the offering with itself.",
        "NEG",
        api("job"),
        _accepting(refusals.FLAGS_DIFFER),
    ),
    wrong_decision(
        "inactive-accepted",
        "An inactive offering is accepted.",
        "The state is checked at a deployment only.",
        "NEG",
        api("job"),
        _accepting(refusals.INACTIVE_OFFERING),
    ),
    wrong_decision(
        "same-offering-accepted",
        "A fixed offering can be changed for itself.",
        "Ids are compared with == on boxed Longs.",
        "NEG",
        api("job"),
        _accepting(refusals.SAME_OFFERING, refusals.SAME_SIZE),
    ),
    wrong_decision(
        "ranges-ignored",
        "Custom parameters outside the offering's range are accepted.",
        "Ranges are checked at a deployment only.",
        "NEG,LIM",
        api("job"),
        _accepting(refusals.CPUS_RANGE, refusals.MEMORY_RANGE),
    ),
    wrong_decision(
        "fixed-parameters-accepted",
        "Parameters that the offering fixes can be given.",
        "They are dropped in silence.",
        "NEG",
        api("job"),
        _accepting(refusals.NOT_CUSTOMIZABLE),
    ),
    wrong_decision(
        "limits-ignored",
        "A live scale does not ask the account's limits.",
        "Limits are checked at a deployment only.",
        "NEG",
        api("job"),
        _accepting(refusals.RESOURCE_LIMIT),
    ),
    wrong_decision(
        "threshold-ignored",
        "A live scale does not ask the cluster's allocation thresholds.",
        "The call moved into the branch that migrates.",
        "LIM,NEG,MIG",
        api("job"),
        _accepting(refusals.CLUSTER_THRESHOLD),
        Part.PLANNER,
    ),
    wrong_decision(
        "strict-tags-ignored",
        "An instance is scaled on a host that lacks a strict host tag of the new offering.",
        "The tags of the old offering are compared.",
        "TAG",
        api("job"),
        _accepting(refusals.STRICT_TAGS),
    ),
    wrong_decision(
        "every-tag-strict",
        "A host tag that is not strict keeps an instance from being scaled on a host without it.",
        "The check of a deployment is used, which knows no other tags.",
        "TAG",
        api("job"),
        refusing(530, FAILED_TO_SCALE, _lacks_a_tag),
    ),
    wrong_decision(
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
    wrong_decision(
        "scale-down-code",
        "The refusal to shrink has the code 530.",
        "CloudRuntimeException in place of InvalidParameterValueException.",
        "NEG",
        api("job"),
        _saying(refusals.SCALING_DOWN, lambda was: replace(was, code=530)),
    ),
    wrong_decision(
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
    wrong_decision(
        "zone-disabled-code",
        "A scale in a zone without dynamic scaling is refused with 431.",
        "InvalidParameterValueException in place of CloudRuntimeException.",
        "NEG",
        api("job"),
        _saying(refusals.ZONE_DISABLED, lambda was: replace(was, code=431)),
    ),
)
