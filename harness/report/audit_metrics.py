"""An audit as a file for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterator

from harness.audit import Audit, Grade
from harness.report.audit_text import state_counts


def audit_metrics(found: Audit) -> str:
    """Prometheus's text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Audit) -> Iterator[str]:
    zone = _label(found.cloud.zone)
    clusters: dict[str, list[int]] = {}
    for line in found.instances:
        counts = clusters.setdefault(line.cluster, [0, 0, 0])
        counts[0] += 1
        counts[1] += line.is_ready
        counts[2] += bool(line.not_seen)
    names = ("instances", "instances_ready", "instances_not_seen")
    told = ("Running instances.", "Those that can be scaled live now.", "Those of which something was not seen.")
    for index, (name, says) in enumerate(zip(names, told, strict=True)):
        yield from _family(name, says)
        for cluster, counts in sorted(clusters.items()):
            yield f'csh_audit_{name}{{zone="{zone}",cluster="{_label(cluster)}"}} {counts[index]}'
    yield from _family("states", "Hosts and instances by state.")
    for state, number in state_counts(found):
        yield f'csh_audit_states{{zone="{zone}",state="{state}"}} {number}'
    yield from _family("grades", "Hosts and instances by their gravest state.")
    for grade in Grade:
        yield f'csh_audit_grades{{zone="{zone}",grade="{grade.value}"}} {found.count(grade)}'
    yield from _family("hosts_not_seen", "Hosts that could not be looked at.")
    yield f'csh_audit_hosts_not_seen{{zone="{zone}"}} {sum(line.libvirt is None for line in found.hosts)}'
    if found.end is not None:
        yield from _family("duration_seconds", "How long the audit took.")
        yield f'csh_audit_duration_seconds{{zone="{zone}"}} {found.end.seconds}'
        yield from _family("finished_timestamp_seconds", "When it ended.")
        yield f'csh_audit_finished_timestamp_seconds{{zone="{zone}"}} {found.end.finished.timestamp():.0f}'


def _family(name: str, says: str) -> Iterator[str]:
    yield f"# HELP csh_audit_{name} {says}"
    yield f"# TYPE csh_audit_{name} gauge"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
