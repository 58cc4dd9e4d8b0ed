"""What a run comes to: its verdict, counts, environment and where its time went, for every form to tell alike."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.run.record import CaseRecord, EnvironmentRecord, Outcome, RunRecord
from harness.run.steps import WaitsFor


class Verdict(StrEnum):
    """The one word of a run."""

    GOOD = "as predicted"
    BAD = "not as predicted"
    UNPROVEN = "not proven"
    UNFINISHED = "not finished"


@dataclass(frozen=True)
class Overview:
    """`seconds` is None while a run goes on; `unseen` are layers that passes lack, by reason, with the cases' ids."""

    verdict: Verdict
    why: str
    counts: Mapping[Outcome, int]
    sections: Mapping[str, Mapping[Outcome, int]]
    seconds: float | None
    spent: Mapping[WaitsFor, float]
    environment: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...]
    unseen: Mapping[str, list[str]]

    @property
    def counted(self) -> str:
        """Such as "17 passed, 1 failed"."""
        parts = [f"{number} {outcome}" for outcome, number in self.counts.items() if number]
        return ", ".join(parts) or "no case ran"


def overview(record: RunRecord) -> Overview:
    sections: dict[str, Counter[Outcome]] = {}
    spent = dict.fromkeys(WaitsFor, 0.0)
    unseen: dict[str, list[str]] = {}
    for case in record.cases:
        sections.setdefault(case.section, Counter())[case.outcome] += 1
        for whose, seconds in case.waited.items():
            spent[whose] += seconds
        for layer, seen in case.layers.items():
            if case.outcome is Outcome.PASSED and seen != "seen":
                unseen.setdefault(f"{layer}: {seen.removeprefix('not verified: ')}", []).append(case.id)
    total = sum(sections.values(), Counter())
    counts = {outcome: total[outcome] for outcome in Outcome}
    verdict, why = _verdict(record, counts)
    return Overview(
        verdict=verdict,
        why=why,
        counts=counts,
        sections=sections,
        seconds=(record.finished - record.started).total_seconds() if record.finished else None,
        spent=spent,
        environment=tuple(environment_facts(record.environment)),
        hosts=tuple(host_lines(record.environment)),
        unseen=unseen,
    )


def _verdict(record: RunRecord, counts: Mapping[Outcome, int]) -> tuple[Verdict, str]:
    if record.finished is None:
        return Verdict.UNFINISHED, "the run was ended before it was over; what had ended by then is here"
    code = record.exit_code
    if code == 0:
        beside = f"; {counts[Outcome.NOT_VERIFIED]} could not be looked at" if counts[Outcome.NOT_VERIFIED] else ""
        defects = f"; {counts[Outcome.KNOWN_DEFECT]} show known defects" if counts[Outcome.KNOWN_DEFECT] else ""
        return Verdict.GOOD, f"what was looked at is as the reference predicts{defects}{beside}"
    if code == 1:
        return Verdict.BAD, "; ".join(_bad(record, counts))
    return Verdict.UNPROVEN, "; ".join(_unproven(record, counts))


def _bad(record: RunRecord, counts: Mapping[Outcome, int]) -> Iterable[str]:
    if failed := counts[Outcome.FAILED]:
        yield "1 case is not as predicted" if failed == 1 else f"{failed} cases are not as predicted"
    if record.unmet:
        yield f"{len(record.unmet)} required and not verified"
    if counts[Outcome.COULD_NOT_RUN]:
        yield f"{counts[Outcome.COULD_NOT_RUN]} could not run"


def _unproven(record: RunRecord, counts: Mapping[Outcome, int]) -> Iterable[str]:
    if record.could_not_run:
        yield record.could_not_run
    if not record.cases:
        yield "no case ran"
    if counts[Outcome.COULD_NOT_RUN]:
        yield f"{counts[Outcome.COULD_NOT_RUN]} could not run"
    if record.blind:
        yield f"nothing was verified in {', '.join(record.blind)}"
    if record.leftovers:
        yield f"{len(record.leftovers)} left behind"


# Hosts of clouds that only play CloudStack: nobody shall take a run there for one on a CloudStack server.
PLAYED_KINDS = frozenset({"kvm", "simulated"})
_KINDS = {
    "kvm": " KVM hosts of the embedded lab",
    "simulated": " simulated hosts of the embedded lab",
    "cloudstack": " KVM hosts of the lab, with CloudStack's own server and agents",
}


def environment_facts(environment: EnvironmentRecord | None) -> Iterable[tuple[str, str]]:
    """Name and value of each, for properties and tables. Hosts that are alike share a value."""
    if environment is None:
        return
    yield "CloudStack", environment.cloudstack
    yield "behaves like", environment.release
    yield "API", environment.endpoint
    yield "hosts", f"{len(environment.hosts)}{_KINDS.get(environment.hosts_kind, '')}"
    for name, values in {
        "libvirt": [host.libvirt for host in environment.hosts],
        "QEMU": [host.qemu for host in environment.hosts],
        "kernel": [host.kernel for host in environment.hosts],
        "cgroup version": [str(host.cgroup_version) for host in environment.hosts],
    }.items():
        if values:
            yield name, ", ".join(dict.fromkeys(values))
    if environment.deviations:
        yield "deviations of the hosts", "; ".join(environment.deviations)


def host_lines(environment: EnvironmentRecord | None) -> Iterable[str]:
    for host in environment.hosts if environment else []:
        yield f"{host.name}: {host.cpus} x {host.speed_mhz} MHz, {host.memory_kib // 1024} MiB"


def test_file(case: CaseRecord) -> str:
    """The file of its test, or its section where the record has none."""
    return case.source.split("::")[0].rsplit("/", 1)[-1] or case.section


def test_name(case: CaseRecord) -> str:
    """The test's own name, or the case's id where the record has none."""
    return case.source.rsplit("::", 1)[-1] if "::" in case.source else case.id


def ci_page() -> str | None:
    """The page of the CI job that this is running in, where it can be known (GitHub, Jenkins, GitLab)."""
    env = os.environ
    if env.get("GITHUB_RUN_ID"):
        server = env.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env['GITHUB_RUN_ID']}"
    return env.get("BUILD_URL") or env.get("CI_JOB_URL")
