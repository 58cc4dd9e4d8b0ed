"""A campaign: each environment's run is a part, and all records become one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.campaign.file import CampaignFile, Member
from harness.campaign.member_run import MemberRun, Order, run_member
from harness.engine.parts import Done, Part, PartsEngine
from harness.run.record import CampaignMemberRecord, CaseRecord, RunFolder, RunRecord

Told = Callable[[CampaignMemberRecord], object]


def run_campaign(campaign: CampaignFile, reports: Path, engine: PartsEngine, told: Told) -> RunFolder:
    """Run it, and write one results.json below `reports`, anew after each environment; `told` hears of each."""
    folder = RunFolder(reports)
    folder.record.selection = campaign.select
    members = {member.name: member for member in campaign.environments}
    parts = [
        Part(
            member.name,
            Order(member.name, (folder.path / member.name).absolute(), tuple(campaign.options(member))),
            member.near,
        )
        for member in campaign.environments
    ]
    for done in engine.carry_out(run_member, parts):
        told(take_in(folder, members[done.key], done))
        folder.write()
    order = list(members)
    folder.record.campaign.sort(key=lambda one: order.index(one.name))
    folder.record.cases.sort(key=lambda case: order.index(case.id.partition(":")[0]))
    broken = [one.name for one in folder.record.campaign if one.could_not_run is not None]
    if broken:
        folder.record.could_not_run = f"environments that could not run: {', '.join(broken)}"
    folder.finish()
    return folder


def take_in(folder: RunFolder, member: Member, done: Done[MemberRun]) -> CampaignMemberRecord:
    """Bring one environment's record into the campaign's: its cases by `name:id`, in sections of their own.

    So a section of which nothing was verified in one environment is not covered by another one.
    """
    record, run = folder.record, done.result
    known = CampaignMemberRecord(
        name=member.name,
        management_os=member.management_os,
        host_os=member.host_os,
        release=member.release,
        cgroup_version=member.cgroup_version,
    )
    if run is None:
        known = known.model_copy(update={"could_not_run": done.failure or "nothing came back"})
        record.campaign.append(known)
        return known
    theirs = RunRecord.model_validate_json(run.results)
    known = known.model_copy(
        update={
            "run_id": theirs.run_id,
            "environment": theirs.environment,
            "exit_code": run.exit_code,
            "cases": len(theirs.cases),
            "could_not_run": theirs.could_not_run,
        }
    )
    prefix = f"{member.name}:"
    here = run.folder.relative_to(folder.path.absolute()) if run.folder.is_relative_to(folder.path.absolute()) else None
    since = (theirs.started - record.started).total_seconds()
    record.cases += [_renamed(case, prefix, here, since) for case in theirs.cases]
    record.leftovers += [prefix + line for line in theirs.leftovers]
    record.unmet += [prefix + line for line in (*theirs.unmet, *_not_as_declared(member, theirs))]
    record.forgiven += [prefix + section for section in theirs.forgiven]
    record.warnings += [prefix + line for line in theirs.warnings]
    record.campaign.append(known)
    return known


def _renamed(case: CaseRecord, prefix: str, here: Path | None, since: float) -> CaseRecord:
    """`here` is None where its evidence stayed on another machine."""
    evidence = [f"{here}/{file}" for file in case.evidence] if here is not None else []
    return case.model_copy(
        update={
            "id": prefix + case.id,
            "section": prefix + case.section,
            "worker": prefix + case.worker,
            "chain": None if case.chain is None else prefix + case.chain,
            "began": round(case.began + since, 3),
            "evidence": evidence,
        }
    )


def _not_as_declared(member: Member, run: RunRecord) -> list[str]:
    """A campaign proves nothing about an environment that is another one than its file says."""
    if run.environment is None:
        return []
    lines = []
    versions = {host.cgroup_version for host in run.environment.hosts}
    if member.cgroup_version is not None and versions - {member.cgroup_version}:
        there = ", ".join(map(str, sorted(versions)))
        lines.append(f"cgroup_version is declared as {member.cgroup_version}, hosts have {there}")
    if member.release is not None and run.environment.release != member.release:
        lines.append(f"release is declared as {member.release}, the cloud behaves like {run.environment.release}")
    return lines
