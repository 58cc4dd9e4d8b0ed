"""One case of a run: its steps, its stage and its verdict."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.cloud.client import Call
from harness.cloud.redaction import Redactor
from harness.errors import HarnessError
from harness.hosts.failures import HostFailure
from harness.reference.known_defects import KnownDefect
from harness.run.broken_hosts import BrokenHosts, HostBrokenError, broken_text, without
from harness.run.coverage import in_section
from harness.run.environment import Allowed
from harness.run.facts import call_record
from harness.run.holds import Claim, Holds
from harness.run.home import first_wished, has_home, homes_in, suitable_clusters, usable_text
from harness.run.inquiry import Doubt, Fault, fault_by_a_stop, fault_by_repetition, fault_by_silence, fault_in, lines_of
from harness.run.left_behind import require_put_back
from harness.run.permits import CannotArrangeError
from harness.run.record import (
    CaseRecord,
    Cause,
    FindingRecord,
    KnownDefectRecord,
    NoteRecord,
    Outcome,
    StepRecord,
    case_outcome,
    layer_lines,
)
from harness.run.session import MANAGEMENT_LOG, Session, agent_log
from harness.run.stage import Stage
from harness.run.steps import Listener, Steps, WaitsFor
from harness.run.witness import Witness
from harness.run.zone_lock import require_lock
from harness.verify.domain import NotVerifiedError
from harness.verify.finding import HOST_SIDE_LAYERS, NOTHING_SEEN, Layer
from harness.verify.ways import Shown

# The step in which a case waits until it may have what it claims.
_TURN = "wait for its turn"


@dataclass(frozen=True)
class Verdict:
    """How a case ended, and why where it is no pass."""

    outcome: Outcome
    reason: str | None = None
    cause: Cause | None = None


@dataclass(frozen=True)
class RunContext:
    """What a process needs to run cases: its session, or why it has none.

    `epoch` is the run's start as time.monotonic tells it, `folder` where evidence goes, if any is kept. `homes` are
    names of hosts by the cases that are to take place there, where such a host suits the case.
    """

    connected: Session | HarnessError
    holds: Holds
    folder: Path
    run_id: str
    epoch: float
    worker: str
    homes: Mapping[str, str] = field(default_factory=dict)
    keeps_evidence: bool = True

    @property
    def session(self) -> Session:
        """Raises the HarnessError for which this process has none."""
        if isinstance(self.connected, HarnessError):
            raise self.connected
        return self.connected


class Case:
    """A case from its begin to its record."""

    def __init__(self, case_id: str, text: str, source: str, listener: Listener) -> None:
        """`text` is the test's docstring, whose first line is the title; `source` its node id."""
        self.id = case_id
        self.description = inspect.cleandoc(text)
        self.title = self.description.splitlines()[0]
        self.source = source
        self.steps = Steps(listener)
        self._began = time.monotonic()
        self._stage: Stage | None = None
        self._required: tuple[Layer, ...] = HOST_SIDE_LAYERS
        self._verdict: Verdict | None = None
        self._known_defect: KnownDefect | None = None
        self._findings: list[FindingRecord] = []
        # Each with whether it was made before the case had its turn.
        self._calls: list[tuple[Call, bool]] = []
        # By the beginning of a job's id, how many differences had been seen when it was begun.
        self._seen_before: dict[str, int] = {}
        self._witness = Witness()
        self._context: RunContext | None = None
        self._evidence: list[str] = []
        self._holding = ExitStack()
        self._closed = False
        self._chain: str | None = None

    @property
    def section(self) -> str:
        return self.id.split("-", 1)[0]

    def open_stage(self, context: RunContext, claim: Claim, then: Claim | None = None) -> Stage:
        """Wait until the case may have what it claims, and set its stage there.

        `then` is what the next case of this process claims, see Holds.

        Raises:
            CannotArrangeError: no cluster has what it claims.
            HarnessError: the cloud cannot be looked at, or refuses to have the zone's settings changed.
        """
        self._chain = claim.chain
        self._context = context
        session = context.session
        require_lock(context.folder)
        session.watched_by(self._witness, self._heard)
        if session.environment.coverage is not None:
            # A section comes before a place there: whoever kept a place would wait for one who waits for it.
            then = None
        with ExitStack() as holding:
            with self.steps.step(_TURN, WaitsFor.OTHERS):
                holding.enter_context(in_section(self.section, session.environment, context.folder, context.holds))
                holding.enter_context(context.holds.zone(claim, session.arrange_zone, then))
                # One that hangs is looked at by the first who comes, while nobody waits for a place.
                broken = BrokenHosts(context.folder).still(session.look_anew)
                hosts = without(broken, session.hosts())
                wished = context.homes.get(self.id)
                clusters = suitable_clusters(claim, session.inventory.clusters, hosts)
                clusters = first_wished(clusters, lambda cluster: has_home(wished, cluster.id, hosts))
                if not clusters:
                    has = usable_text(session.inventory.clusters, hosts)
                    raise _nowhere(claim, broken, has)
                ids = [cluster.id for cluster in clusters]
                cluster_id = holding.enter_context(context.holds.cluster(claim, ids, then))
                homes = homes_in(claim, cluster_id, without(broken, session.hosts()))
                homes = first_wished(homes, lambda host: host.name == wished)
                home_id = holding.enter_context(context.holds.host([host.id for host in homes]))
            in_cluster = [host.id for host in hosts if host.cluster_id == cluster_id]
            require_put_back(session, self.id, cluster_id, in_cluster)
            self._require_presumed(session, claim, cluster_id)
            home = next(host for host in homes if host.id == home_id)
            self._stage = Stage(session, self.id, context.run_id, self.steps, home, claim)
            self._required = session.required_layers
            self._holding = holding.pop_all()
        return self._stage

    def _heard(self, call: Call) -> None:
        self._calls.append((call, self._stage is None))
        if call.job_id is not None and self._stage is not None:
            self._seen_before[call.job_id[:8]] = len(self._stage.comparison.findings)

    def _require_presumed(self, session: Session, claim: Claim, cluster_id: str) -> None:
        """Where settings may not be changed, those that the case presumes have to be so already."""
        if Allowed.ZONE_SETTINGS not in session.permits.allowed:
            session.arrange_zone(claim.zone_settings)
        if claim.alone is not None and Allowed.CLUSTER_SETTINGS not in session.permits.allowed:
            session.arrange_cluster(cluster_id)

    def close_stage(self) -> None:
        """Take everything away and let others have the place; what stays is still in the run's ledger."""
        with self._holding.pop_all():
            if self._stage is not None and self._context is not None and not self._closed:
                self._closed = True
                self._stage.close()
                # An agent that did not end a domain is likely not to be reached by the next case either.
                for host_name, domain in self._stage.left_running():
                    told = f"domain {domain} runs on there, though CloudStack says that it is stopped"
                    BrokenHosts(self._context.folder).add(self.id, host_name, told)

    def judge(self, raised: BaseException | None) -> Verdict:
        """The verdict after the test function ended, with `raised` or well.

        Findings outweigh whatever else happened: a case that could not go on after one has failed. Where it failed or
        could not run its evidence is kept, as long as what it made is still there.
        """
        verdict = self._verdict = self._judged(raised)
        try:
            if isinstance(raised, HostFailure) and self._context is not None:
                BrokenHosts(self._context.folder).add(self.id, raised.host, raised.reason)
            # What was overcome on the way is shown as well.
            if verdict.outcome in (Outcome.FAILED, Outcome.COULD_NOT_RUN) or self._witness.overcome:
                self._keep_evidence()
        except OSError as failure:
            told = f"its evidence could not be written: {failure.strerror}"
            verdict = self._verdict = replace(verdict, reason="; ".join(filter(None, (verdict.reason, told))))
        return verdict

    def _keep_evidence(self) -> None:
        context = self._context
        if context is None or not context.keeps_evidence or not isinstance(context.connected, Session):
            return
        with self.steps.step("keep evidence", WaitsFor.HARNESS):
            self._evidence = context.connected.gather_evidence(context.folder, self.id)

    def _judged(self, raised: BaseException | None) -> Verdict:
        comparison = self._stage.comparison if self._stage is not None else NOTHING_SEEN
        self._findings = [
            FindingRecord(
                layer=finding.layer.value,
                what=finding.what,
                expected=finding.expected,
                observed=finding.observed,
                read_from=finding.read_from,
                rule=finding.rule_id,
            )
            for finding in comparison.findings
        ]
        if isinstance(raised, AssertionError):
            self._findings.append(_literal_finding(raised))
        if self._findings:
            broken = self._broken_hosts()
            if broken:
                # What a host does that has broken is no finding against CloudStack; the evidence keeps what was seen.
                count, self._findings = len(self._findings), []
                reason = f"{broken}; {count} differences that were seen meanwhile do not count"
                return Verdict(Outcome.COULD_NOT_RUN, reason, Cause.ENVIRONMENT)
            fault = self._other_cause()
            if fault is not None:
                count, self._findings = len(self._findings), []
                reason = f"{fault}; {count} differences that were seen after it do not count"
                return Verdict(Outcome.COULD_NOT_RUN, self.without_secrets(reason), Cause.ENVIRONMENT)
            return Verdict(Outcome.FAILED, cause=Cause.PRODUCT)
        if raised is None:
            fault = self._not_carried_out()
            if fault is not None:
                return Verdict(Outcome.COULD_NOT_RUN, self.without_secrets(fault), Cause.ENVIRONMENT)
            return self._verdict_on_defect() or Verdict(*case_outcome(comparison, self._required))
        if isinstance(raised, CannotArrangeError | NotVerifiedError):
            return Verdict(Outcome.NOT_VERIFIED, self.without_secrets(str(raised)))
        if isinstance(raised, HarnessError):
            return Verdict(Outcome.COULD_NOT_RUN, self.without_secrets(str(raised)), Cause.ENVIRONMENT)
        text = self.without_secrets(f"{type(raised).__name__}: {raised}")
        return Verdict(Outcome.COULD_NOT_RUN, text, Cause.HARNESS)

    def _other_cause(self) -> str | None:
        """What broke on the way, where that explains every difference: none had been seen before."""
        stage = self._stage
        if stage is None:
            return None
        with self.steps.step("look for another cause", WaitsFor.HARNESS):
            doubts = [doubt for doubt in stage.doubts if not self._seen_before.get(doubt.job.job_id[:8], 0)]
            logs = stage.session.lines_of(self._witness.job_ids, self._hosts_concerned)
            fault = fault_in(logs, doubts) or self._silence(logs, doubts)
        if fault is None:
            try:
                fault = fault_by_repetition(doubts) or (None if logs else fault_by_a_stop(doubts))
            except HarnessError as failure:
                return f"a step that failed cannot be done again: {failure}"
        return None if fault is None or self._seen_before.get(fault.job_id[:8], 0) else fault.says

    def _not_carried_out(self) -> str | None:
        """Why a failure that was predicted proves nothing: the command never came to the agent that had to fail it."""
        stage = self._stage
        if stage is None or not stage.unproven:
            return None
        logs = stage.session.lines_of(self._witness.job_ids, self._hosts_concerned)
        failed = [Doubt("what failed as predicted", job) for job in stage.unproven]
        fault = fault_in(lines_of(failed, logs), []) or self._silence(logs, failed)
        return None if fault is None else fault.says

    def _silence(self, logs: dict[str, list[str]], doubts: list[Doubt]) -> Fault | None:
        """Where the management server's log, which would tell, is not there, and those of all agents are."""
        agents = {agent_log(host) for host in self._hosts_concerned}
        return fault_by_silence(logs, doubts) if MANAGEMENT_LOG not in logs and agents <= logs.keys() else None

    @property
    def _hosts_concerned(self) -> list[str]:
        home = [] if self._stage is None else [self._stage.home.name]
        return list(dict.fromkeys([*home, *self._witness.hosts]))

    def _broken_hosts(self) -> str:
        """Which of the hosts that the case has to do with are not in order now; "" where all are, or nobody knows."""
        if self._stage is None:
            return ""
        concerned = self._hosts_concerned
        try:
            now = self._stage.session.hosts()
        except HarnessError as failure:
            return f"the cloud does not tell how its hosts are: {failure}"
        broken = [f"host {host.name} is {host.state}" for host in now if host.name in concerned and host.state != "Up"]
        return ", ".join(broken)

    def without_secrets(self, text: str) -> str:
        """The same text without what this process knows to be a secret."""
        return text if self._redactor is None else self._redactor.known(text)

    @property
    def _redactor(self) -> Redactor | None:
        connected = None if self._context is None else self._context.connected
        return connected.redactor if isinstance(connected, Session) else None

    def _verdict_on_defect(self) -> Verdict | None:
        """Of a case that looks for a known defect; None where the cloud has it mended, or never had it."""
        sought = None if self._stage is None else self._stage.sought
        if self._stage is None or sought is None:
            return None
        shown = self._stage.shown.get(sought.rule)
        if shown is Shown.AS_BUILT:
            self._known_defect = sought
            return Verdict(Outcome.KNOWN_DEFECT, sought.title)
        if shown is None and sought.rule in self._stage.release.defects:
            return Verdict(Outcome.NOT_VERIFIED, "what would show the defect did not come about")
        return None

    def broke(self, where: str, failure: BaseException) -> None:
        """Something around the test function failed; a verdict of its own stands."""
        if self._verdict is None:
            cause = Cause.ENVIRONMENT if isinstance(failure, HarnessError) else Cause.HARNESS
            self._verdict = Verdict(Outcome.COULD_NOT_RUN, self.without_secrets(f"{where}: {failure}"), cause)

    def _notes(self) -> dict[str, str]:
        return {} if self._stage is None else self._stage.notes

    def findings_text(self) -> str:
        """A line for each finding."""
        return self.without_secrets("\n".join(map(str, self._findings)))

    def record(self, context: RunContext) -> CaseRecord:
        """What results.json keeps of it, up to now."""
        record = self._record(context)
        if self._redactor is None:
            return record
        return CaseRecord.model_validate(self._redactor.tree(record.model_dump(mode="json"), strict=False))

    def _record(self, context: RunContext) -> CaseRecord:
        verdict = self._verdict or Verdict(Outcome.COULD_NOT_RUN, "it was interrupted")
        comparison = self._stage.comparison if self._stage is not None else NOTHING_SEEN
        return CaseRecord(
            id=self.id,
            section=self.section,
            title=self.title,
            description=self.description,
            source=self.source,
            worker=context.worker,
            chain=self._chain,
            began=round(self._began - context.epoch, 3),
            outcome=verdict.outcome,
            layers=layer_lines(comparison),
            findings=self._findings,
            notes=[NoteRecord(rule=rule, says=says) for rule, says in self._notes().items()],
            known_defect=None if self._known_defect is None else _defect_record(self._known_defect),
            reason=verdict.reason,
            cause=verdict.cause,
            steps=[
                StepRecord(
                    name=step.name,
                    waits_for=step.waits_for,
                    began=round(step.began - context.epoch, 3),
                    seconds=round(step.seconds or 0.0, 3),
                )
                for step in self.steps.done
            ],
            starts=self._stage.starts if self._stage is not None else [],
            scales=self._stage.scales if self._stage is not None else [],
            looks=self._stage.looks if self._stage is not None else [],
            calls=[call_record(call, context.epoch, before_its_turn=early) for call, early in self._calls],
            evidence=self._evidence,
            seconds=round(time.monotonic() - self._began, 3),
        )


def _nowhere(claim: Claim, broken: dict[str, str], has: str) -> HarnessError:
    if broken:
        return HostBrokenError(f"needs a cluster with {max(1, claim.hosts)} hosts in order; {broken_text(broken)}")
    return CannotArrangeError(f"needs a cluster with {claim.hosts} hosts that are Up and Enabled; {has}")


def _defect_record(defect: KnownDefect) -> KnownDefectRecord:
    return KnownDefectRecord(
        id=defect.rule.id,
        title=defect.title,
        promised=defect.promised,
        happens=defect.happens,
        steps=list(defect.steps),
    )


def _literal_finding(raised: AssertionError) -> FindingRecord:
    """What a case asserts in its own words, without the reference."""
    first_line = (str(raised).strip().splitlines() or ["(the assertion has no text)"])[0]
    return FindingRecord(
        layer="case", what="assertion", expected="to hold", observed=first_line, read_from="the case", rule="literal"
    )
