"""`cs-harness defects`: proof that the cases catch what is wrong."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import STATE, STATE_FOLDER, hosts_option

if TYPE_CHECKING:
    from harness.defects.trials import Trial
    from harness.lab.defects.defect import Defect

_FAILED = 1
_INTERRUPTED = 2
_CASES_SHOWN = 3


@click.command("defects")
@hosts_option
@click.option("--only", metavar="ID", multiple=True, help="This defect; may be given more than once.")
@click.option("--quick", is_flag=True, help="Try each against the two cases that show it best, which must both do so.")
@click.option("--release", default="4.23", show_default=True, help="Release that the labs behave like.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Labs side by side.")
@click.option(
    "--clean-runs",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Runs of all cases without any defect, in random order.",
)
@click.option("--keep-best", is_flag=True, help="Write into the checkout which cases showed each of them best.")
@click.option("--markdown", is_flag=True, help="Print the catalogue as docs/defects.md has it, and run nothing.")
@click.option("--state", type=STATE_FOLDER, help=f"Where labs keep their files.  [default: in memory, or {STATE}]")
def defects(
    hosts: str,
    only: tuple[str, ...],
    quick: bool,
    release: str,
    workers: int,
    clean_runs: int,
    keep_best: bool,
    markdown: bool,
    state: Path | None,
) -> None:
    """Run the cases against labs with one defect each.

    Exit code 1: one was not caught, or a clean lab was blamed; 2: could not run, or was interrupted.

    On KVM hosts those of agent, libvirt, kernel and guest are tried, unless --only names others.
    """
    from harness.lab.defects.catalogue import CATALOGUE, found
    from harness.lab.defects.pages import catalogue_markdown

    if markdown:
        click.echo(catalogue_markdown(), nl=False)
        return
    if keep_best and quick:
        raise click.UsageError("--keep-best needs a run against all cases that should see a defect")
    from harness.cli.interrupts import two_of_them
    from harness.defects.bench import Plan, memory_for
    from harness.defects.trials import Verdict, defect_run
    from harness.lab.control import choose_hosts
    from harness.lab.defects import best
    from harness.run.selection import require_release

    require_release("--release", release)
    kind = choose_hosts(hosts).kind
    wanted = [found(each) for each in only] or [each for each in CATALOGUE.values() if kind != "kvm" or each.is_below]
    tried = [
        (each, ",".join(best.best_cases()[each.id]) if quick else each.sections) for each in _possible(wanted, kind)
    ]
    plan = Plan(kind, release, state or memory_for(kind) or STATE)
    bad = blamed = 0
    naming = {}
    try:
        with two_of_them("its labs go down by themselves"), defect_run(plan, workers) as run:
            click.echo(_row("defect", "seconds", "layers", "caught by"))
            for trial in run.trials(tried, all_must_catch=quick):
                click.echo("\n".join(_lines(trial)))
                naming[trial.defect.id] = trial.naming
                bad += trial.verdict is not Verdict.CAUGHT
            for blames in run.clean_runs([secrets.randbelow(1 << 31) for _ in range(clean_runs)]):
                blamed += len(blames)
                for blame in blames:
                    click.echo(f"without a defect, --shuffle {blame.seed}: {blame.case}: {blame.says}")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    click.echo(
        f"{len(tried) - bad} of {len(tried)} defects caught and named; "
        f"{blamed} times a case blamed a clean lab, in {clean_runs} runs"
    )
    if keep_best:
        # What was not caught keeps the cases it had.
        best.keep(CATALOGUE, naming)
    if bad or blamed:
        sys.exit(_FAILED)


def _possible(wanted: list[Defect], kind: str) -> Iterator[Defect]:
    for defect in wanted:
        if defect.on_kvm or kind != "kvm":
            yield defect
        else:
            click.echo(f"{defect.id}: real hosts cannot be made to have it", err=True)


def _row(*cells: str) -> str:
    name, seconds, layers, cases = cells
    return f"{name:<34} {seconds:>7}  {layers:<30}  {cases}"


def _lines(trial: Trial) -> Iterator[str]:
    seconds = f"{trial.seconds:.1f}"
    if not trial.cases:
        yield _row(trial.defect.id, seconds, "-", f"{trial.verdict} {trial.note}".rstrip())
        return
    shown = ", ".join(trial.cases[:_CASES_SHOWN])
    more = len(trial.cases) - _CASES_SHOWN
    by = f"{shown} and {more} more" if more > 0 else shown
    yield _row(trial.defect.id, seconds, ", ".join(trial.layers), by)
    if trial.verdict is trial.verdict.MISNAMED:
        yield f"    {trial.verdict}, not {trial.defect.sign}:"
    yield f"    {trial.finding}"
