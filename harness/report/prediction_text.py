"""A prediction as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from harness.reference.cpu_tuning import QUOTA_REMOVED_US, UNSET_QUOTA_US
from harness.reference.rule import Kind
from harness.report.prediction import DomainDocument, InstanceDocument, PredictionDocument
from harness.report.text_table import table_lines


def prediction_text(document: PredictionDocument) -> str:
    """What will happen first, then how everything is before and after, then what is strange about it, then why."""
    parts = (
        _outcome(document),
        _values(document),
        _domains(document),
        _books(document),
        _defects(document),
        _rules("odd, but so it is:", document, Kind.ODDITY),
        _rules("decided by:", document, Kind.RULE),
    )
    texts = ("\n".join(lines) for lines in parts)
    return "\n\n".join(text for text in texts if text) + "\n"


def _outcome(document: PredictionDocument) -> Iterator[str]:
    where = document.hosts[0]
    on = f"CloudStack {document.release}: {document.instance}"
    if document.refusal is not None:
        yield f"{on} is refused: {document.refusal.code} {document.refusal.text}"
        if "<" in document.refusal.text:
            yield "What stands in <> is CloudStack's own rendering of the instance or its account."
        yield f"It is on {where} afterwards."
    elif document.outcome == "stored":
        yield f"{on} is stopped; its new size is stored for its next start."
    elif document.outcome == "migrated":
        others = f" (or {', '.join(document.hosts[1:])})" if document.hosts[1:] else ""
        yield f"{on} is migrated to {where}{others} and then scaled."
    else:
        yield f"{on} is scaled in place on {where}."
    for name in document.ignored_settings:
        yield f"{name} is ignored: {document.release} does not have it."


def _values(document: PredictionDocument) -> Iterator[str]:
    before = (*_instance_values(document.before), *_domain_values(document.domain_before))
    after = (*_instance_values(document.after), *_domain_values(document.domain_after))
    rows = [("", "before", "after")]
    rows += [(name, old, "=" if old == new else new) for (name, old), (_, new) in zip(before, after, strict=True)]
    yield from table_lines(rows)


def _instance_values(instance: InstanceDocument) -> Iterator[tuple[str, str]]:
    yield "offering", instance.offering
    yield "size", f"{instance.cpus} x {instance.speed_mhz} MHz, {instance.memory_mib} MiB"
    yield "CPU cap", _yes(instance.cpu_cap)
    yield "scalable flag", _yes(instance.flag)
    yield "saved parameters", ", ".join(f"{name}={value}" for name, value in instance.saved.items()) or "none"


def _domain_values(domain: DomainDocument) -> Iterator[tuple[str, str]]:
    yield "prepared", _yes(domain.prepared)
    yield "shares", str(domain.shares)
    yield "quota", _quota(domain.quota_us)
    yield "period", f"{domain.period_us} us"
    yield "guest sees", f"{domain.guest_cpus} CPUs, {domain.guest_memory_mib} MiB"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _quota(quota_us: int) -> str:
    if quota_us == UNSET_QUOTA_US:
        return "never set"
    return f"{quota_us} us" + (" (none)" if quota_us == QUOTA_REMOVED_US else "")


def _domains(document: PredictionDocument) -> Iterator[str]:
    what = "domain" if document.domain_is == "running" else f"domain {document.domain_is}"
    yield f"{what} before:"
    yield document.domain_before.xml
    if document.domain_after.xml == document.domain_before.xml:
        yield f"{what} after: the same"
        return
    yield f"{what} after:"
    yield document.domain_after.xml


def _books(document: PredictionDocument) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("allocated on", "cluster", "MHz", "after", "of", "MiB", "after", "of")]
    for book in document.books:
        cpu = (book.cpu_mhz_before, book.cpu_mhz_after, book.cpu_mhz_total)
        memory = (book.memory_mib_before, book.memory_mib_after, book.memory_mib_total)
        rows.append((book.host, book.cluster, *map(str, (*cpu, *memory))))
    yield from table_lines(rows, right=frozenset(range(2, 8)))


def _defects(document: PredictionDocument) -> Iterator[str]:
    known = {rule.id: rule for rule in document.rules}
    for found in document.contradictions:
        yield f"{found.rule}: promised: {found.promised}; but built: {found.built}"
        yield f"    {known[found.rule].says}"


def _rules(heading: str, document: PredictionDocument, kind: Kind) -> Iterator[str]:
    rules = [rule for rule in document.rules if rule.kind == kind]
    if rules:
        yield heading
    for rule in rules:
        yield f"  {rule.id}: {rule.says}"
        if rule.note:
            yield f"    {rule.note}"
        yield f"    source: {rule.source}; {rule.certainty}"
