"""Holds what came of a scale or a migration against its prediction, and makes the line that a watch tells."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.audit.inventory import Inventory
from harness.cloud.fleet import FleetInstance
from harness.hosts.observation import Observation
from harness.reference import rules
from harness.reference.scaling import Outcome, Prediction, World
from harness.verify.checks import Checks
from harness.verify.finding import Comparison, Layer
from harness.verify.instance import compare_observation
from harness.watch.records import Verdict, WatchedLine

SEVERAL = "more than this happened to it between two looks"


def line_of(
    what: str, record: FleetInstance | None, inventory: Inventory, offering_id: str | None, happened: str
) -> WatchedLine:
    offering = inventory.offerings.get(offering_id or "")
    return WatchedLine(
        at=datetime.now(UTC),
        what=what,
        instance="?" if record is None else record.name,
        instance_name="?" if record is None else record.instance_name,
        offering=None if offering is None else offering.name,
        predicted="nothing",
        happened=happened,
        verdict=Verdict.NOT_VERIFIED,
    )


def compare(
    prediction: Prediction, record: FleetInstance, failed: bool, text: str | None, seen: Observation
) -> Comparison:
    checks, refusal = Checks(Layer.API, "events and listVirtualMachines"), prediction.refusal
    rule = rules.IN_PLACE if refusal is None else refusal.rule
    expected = "success" if refusal is None else f"{refusal.code} {refusal.text}"
    if failed is (refusal is None):
        checks.differs("job", expected, text or ("failure" if failed else "success"), rule)
    elif refusal is not None and text is not None:
        code, _, says = text.partition(" ")
        if not code.isdecimal() or not refusal.matches(int(code), says):
            checks.differs("job", expected, text, rule)
    size = prediction.size
    checks.equal("vCPUs", size.cpus, record.cpus, rule)
    checks.equal("speed in MHz", size.speed_mhz, record.speed_mhz, rule)
    checks.equal("memory in MiB", size.memory_mib, record.memory_mib, rule)
    checks.equal("service offering", prediction.offering.id, record.offering_id, rule)
    checks.equal("instance flag", prediction.flag, record.flag, rules.FLAG_AFTER_CHANGE)
    if record.host_id not in prediction.host_ids:
        checks.differs("host", " or ".join(prediction.host_ids), str(record.host_id), rule)
    return checks.done() + compare_observation(prediction.domain, seen)


def told(line: WatchedLine, prediction: Prediction, comparison: Comparison, world: World) -> WatchedLine:
    names = " or ".join(world.host(host_id).name for host_id in prediction.host_ids)
    refusal = prediction.refusal
    predicted = f"{prediction.outcome.value} on {names}"
    if prediction.outcome is Outcome.REFUSED and refusal is not None:
        predicted = f"refused: {refusal.code} {refusal.text}"
    defects = [found.rule.id for found in prediction.contradictions]
    return with_verdict(line.model_copy(update={"predicted": predicted, "defects": defects}), comparison)


def with_verdict(line: WatchedLine, comparison: Comparison) -> WatchedLine:
    """The guest's view alone may be missing from what agrees, as in a case."""
    findings = [f"{one.layer}: {one.what} should be {one.expected}, is {one.observed}" for one in comparison.findings]
    unseen = comparison.not_verified
    verdict = Verdict.AS_PREDICTED
    if findings:
        verdict = Verdict.OTHERWISE
    elif set(unseen) - {Layer.GUEST}:
        verdict = Verdict.NOT_VERIFIED
    return line.model_copy(
        update={
            "verdict": verdict,
            "findings": findings,
            "not_seen": [f"{layer}: {reason}" for layer, reason in unseen.items()],
        }
    )


def doubted(line: WatchedLine) -> WatchedLine:
    return line.model_copy(update={"verdict": Verdict.NOT_VERIFIED, "findings": [], "not_seen": [SEVERAL]})
