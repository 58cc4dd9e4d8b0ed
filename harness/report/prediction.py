"""A prediction as a document: everything that is printed of it as text or as JSON."""

from __future__ import annotations

from dataclasses import asdict, replace

from pydantic import BaseModel, ConfigDict

from harness.reference.capacity import Host
from harness.reference.domain import Domain
from harness.reference.offering import CustomParameters, Offering, Size
from harness.reference.rule import Rule
from harness.reference.scaling import STOPPED, Prediction
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_OVERCOMMIT
from harness.run.question import Question, domain_at_next_start
from harness.verify.domain_fragment import domain_fragment

_MIB = 1048576


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleDocument(Part):
    """A rule of the reference; `certainty` says how it is known."""

    id: str
    kind: str
    says: str
    source: str
    certainty: str
    note: str


class RefusalDocument(Part):
    """The code and text of the API's answer or of the job, and the rule behind it."""

    code: int
    text: str
    rule: str


class ContradictionDocument(Part):
    """A known defect that this scale will show."""

    rule: str
    promised: str
    built: str


class InstanceDocument(Part):
    """The instance as the API shows it; `saved` are the custom parameters kept with it."""

    offering: str
    cpus: int
    speed_mhz: int
    memory_mib: int
    cpu_cap: bool
    flag: bool
    saved: dict[str, str]


class DomainDocument(Part):
    """Its domain, what schedinfo shows of it, and what a Linux guest sees. `because` has the rule behind each part."""

    xml: str
    prepared: bool
    shares: int
    quota_us: int
    period_us: int
    guest_cpus: int
    guest_memory_mib: int
    because: dict[str, str]


class BooksDocument(Part):
    """What a host counts as allocated, and what it has, with overcommit."""

    host: str
    cluster: str
    cpu_mhz_before: int
    cpu_mhz_after: int
    cpu_mhz_total: int
    memory_mib_before: int
    memory_mib_after: int
    memory_mib_total: int


class PredictionDocument(Part):
    """A whole prediction. `hosts` may have it afterwards, the likeliest first; for that one the rest is said.

    `domain_is` tells which domain is meant: the running one, or that of a stopped instance's next start.
    """

    release: str
    instance: str
    state: str
    outcome: str
    hosts: list[str]
    refusal: RefusalDocument | None
    before: InstanceDocument
    after: InstanceDocument
    domain_is: str
    domain_before: DomainDocument
    domain_after: DomainDocument
    books: list[BooksDocument]
    oddities: list[RuleDocument]
    contradictions: list[ContradictionDocument]
    rules: list[RuleDocument]
    ignored_settings: list[str]


def prediction_document(asked: Question, prediction: Prediction) -> PredictionDocument:
    instance = asked.instance
    refusal = prediction.refusal
    before, after = _domains(asked, prediction)
    return PredictionDocument(
        release=asked.world.release.name,
        instance=instance.name,
        state=instance.state,
        outcome=prediction.outcome.value,
        hosts=[
            asked.world.host(one).name for one in sorted(prediction.host_ids, key=lambda one: one != asked.lands_on)
        ],
        refusal=None
        if refusal is None
        else RefusalDocument(code=refusal.code, text=refusal.text, rule=refusal.rule.id),
        before=_instance(instance.offering, instance.size, instance.cpu_cap, instance.flag, instance.saved),
        after=_instance(prediction.offering, prediction.size, prediction.cpu_cap, prediction.flag, prediction.saved),
        domain_is="at the next start" if instance.state == STOPPED else "running",
        domain_before=_domain(before),
        domain_after=_domain(after),
        books=[_books(asked, host, then) for host, then in zip(asked.world.hosts, prediction.hosts, strict=True)],
        oddities=[_rule(rule) for rule in prediction.oddities],
        contradictions=[
            ContradictionDocument(rule=found.rule.id, promised=found.promised, built=found.built)
            for found in prediction.contradictions
        ],
        rules=[_rule(rule) for rule in _deciding(prediction, before, after)],
        ignored_settings=list(asked.ignored),
    )


def _domains(asked: Question, prediction: Prediction) -> tuple[Domain, Domain]:
    instance = asked.instance
    if instance.state != STOPPED:
        return instance.domain, prediction.domain
    changed = replace(instance, flag=prediction.flag)
    return (
        domain_at_next_start(asked, instance, instance.offering, instance.saved),
        domain_at_next_start(asked, changed, prediction.offering, prediction.saved),
    )


def _deciding(prediction: Prediction, before: Domain, after: Domain) -> tuple[Rule, ...]:
    """The rules of the decision, then those behind what changes in the domain, then the defects; each once."""
    changed = (rule for part, rule in after.because.items() if before.because.get(part) != rule)
    defects = (found.rule for found in prediction.contradictions)
    return tuple({rule.id: rule for rule in (*prediction.rules, *changed, *defects)}.values())


def _rule(rule: Rule) -> RuleDocument:
    return RuleDocument(**asdict(rule))


def _instance(offering: Offering, size: Size, cpu_cap: bool, flag: bool, saved: CustomParameters) -> InstanceDocument:
    kept = {"cpuNumber": saved.cpus, "cpuSpeed": saved.speed_mhz, "memory": saved.memory_mib}
    return InstanceDocument(
        offering=offering.name,
        cpus=size.cpus,
        speed_mhz=size.speed_mhz,
        memory_mib=size.memory_mib,
        cpu_cap=cpu_cap,
        flag=flag,
        saved={name: value for name, value in kept.items() if value is not None},
    )


def _domain(domain: Domain) -> DomainDocument:
    return DomainDocument(
        xml=domain_fragment(domain),
        prepared=domain.prepared,
        shares=domain.shares,
        quota_us=domain.scheduler_quota_us,
        period_us=domain.scheduler_period_us,
        guest_cpus=domain.vcpus,
        guest_memory_mib=domain.guest_memory_mib,
        because={part: rule.id for part, rule in domain.because.items()},
    )


def _books(asked: Question, before: Host, after: Host) -> BooksDocument:
    settings = asked.world.settings
    return BooksDocument(
        host=before.name,
        cluster=asked.cluster_names.get(before.cluster_id, before.cluster_id),
        cpu_mhz_before=before.used_cpu_mhz,
        cpu_mhz_after=after.used_cpu_mhz,
        cpu_mhz_total=int(before.cpu_mhz * settings.number(CPU_OVERCOMMIT, before.cluster_id)),
        memory_mib_before=before.used_memory_bytes // _MIB,
        memory_mib_after=after.used_memory_bytes // _MIB,
        memory_mib_total=int(before.memory_bytes * settings.number(MEMORY_OVERCOMMIT, before.cluster_id)) // _MIB,
    )
