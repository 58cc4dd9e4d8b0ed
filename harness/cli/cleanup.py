"""`cs-harness cleanup`: what killed runs left on a cloud is taken back."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.run.cleanup import CleanedUp


@click.command()
@click.option("--run", "run_id", metavar="ID", help="Only this run.")
@click.option("--all", "all_runs", is_flag=True, help="All runs that left something; by their ledgers that is usual.")
@click.option("--cloud", type=click.Path(path_type=Path), help="Environment file, where a run's own has gone.")
@click.option("--from-cloud", is_flag=True, help="Without ledgers: what on --cloud bears the name of --run or --all.")
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), help="Where runs landed."
)
def cleanup(run_id: str | None, all_runs: bool, cloud: Path | None, from_cloud: bool, reports: Path) -> None:
    """Take back what killed runs left. Exit code 0: nothing is left, 2: something stayed.

    With --from-cloud and neither --run nor --all it only tells which runs left what.
    """
    from harness.marvin.environment import environment_in
    from harness.run.cleanup import clean_up, ledgers

    if run_id is not None and all_runs:
        raise click.UsageError("--run names one run, --all means every run: give one of them")
    if from_cloud:
        if cloud is None:
            raise click.UsageError("--from-cloud needs --cloud FILE")
        cleaned = _from_cloud(cloud, run_id, tell_only=run_id is None and not all_runs)
    else:
        cleaned = [clean_up(folder, environment_in, cloud) for folder in ledgers(reports, run_id)]
    for run in cleaned:
        for line in run.taken_back:
            click.echo(f"{run.run_id}: taken back: {line}")
        for line in run.stayed:
            click.echo(f"{run.run_id}: stayed: {line}")
    if not cleaned:
        click.echo("nothing is left of any run")
    sys.exit(2 if any(run.stayed for run in cleaned) else 0)


def _from_cloud(cloud: Path, run_id: str | None, *, tell_only: bool) -> list[CleanedUp]:
    from harness.marvin.environment import environment_in
    from harness.run.cleanup import CleanedUp, clean_up_by_names, runs_on

    environment = environment_in(cloud)
    if tell_only:
        return [
            CleanedUp(run, [], [*map(str, changes), "give --run ID or --all to take it away"])
            for run, changes in sorted(runs_on(environment).items())
        ]
    with tempfile.TemporaryDirectory(prefix="cs-harness-cleanup-") as scratch:
        return clean_up_by_names(environment, Path(scratch), run_id)
