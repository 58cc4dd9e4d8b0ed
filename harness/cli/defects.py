"""`cs-harness defects`: proof that the cases catch what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import hosts_option, state_option

if TYPE_CHECKING:
    from harness.defect_run import Trial

_FAILED = 1
_CASES_SHOWN = 4


@click.command("defects")
@hosts_option
@click.option("--only", metavar="ID", multiple=True, help="This defect; may be given more than once.")
@click.option("--release", default="4.23", show_default=True, help="Release that the labs behave like.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Labs side by side.")
@click.option("--clean-runs", type=click.IntRange(0), default=1, show_default=True, help="Runs without any defect.")
@click.option("--markdown", is_flag=True, help="Print the catalogue as docs/defects.md has it, and run nothing.")
@state_option
def defects(
    hosts: str, only: tuple[str, ...], release: str, workers: int, clean_runs: int, markdown: bool, state: Path
) -> None:
    """Run the cases against labs with one defect each. Exit code 1: one was not caught, or a clean lab was blamed."""
    from harness.lab.defects.catalogue import CATALOGUE, found
    from harness.lab.defects.pages import catalogue_markdown

    if markdown:
        click.echo(catalogue_markdown(), nl=False)
        return
    from harness.defect_run import Plan, Verdict, clean_run, trials
    from harness.lab.control import choose_hosts
    from harness.run.selection import require_release

    require_release("--release", release)
    kind = choose_hosts(hosts).kind
    wanted = [found(each) for each in only] or list(CATALOGUE.values())
    plan = Plan(kind, release, state)
    done = []
    for trial in trials(plan, [each for each in wanted if each.on_kvm or kind != "kvm"], workers):
        done.append(trial)
        click.echo(_line(trial))
    blamed = [case for _ in range(clean_runs) for case in clean_run(plan)]
    for case in blamed:
        click.echo(f"without a defect, {case.id} says: {case.findings[0] if case.findings else case.reason}")
    bad = [trial for trial in done if trial.verdict is not Verdict.CAUGHT]
    click.echo(
        f"{len(done) - len(bad)} of {len(done)} defects caught and named; {len(blamed)} cases blamed a clean lab"
    )
    if bad or blamed:
        sys.exit(_FAILED)


def _line(trial: Trial) -> str:
    if not trial.cases:
        by = f"by {trial.defect.sections} ({trial.seconds:.1f} s)"
        return f"{trial.defect.id}: {trial.verdict} {by} {trial.note}".rstrip()
    shown = ", ".join(trial.cases[:_CASES_SHOWN])
    more = f" and {len(trial.cases) - _CASES_SHOWN} more" if len(trial.cases) > _CASES_SHOWN else ""
    layers = ", ".join(trial.layers)
    return (
        f"{trial.defect.id}: {trial.verdict}; by {shown}{more} on {layers} ({trial.seconds:.1f} s)\n    {trial.finding}"
    )
