"""`cs-harness cleanup`: what killed runs left on a cloud is taken back."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--run", "run_id", metavar="ID", help="Only this run (default: all that left something).")
@click.option("--cloud", type=click.Path(path_type=Path), help="Environment file, where a run's own has gone.")
@click.option("--from-cloud", is_flag=True, help="Without ledgers: whatever on --cloud bears the name of a run.")
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), help="Where runs landed."
)
def cleanup(run_id: str | None, cloud: Path | None, from_cloud: bool, reports: Path) -> None:
    """Take back what killed runs left. Exit code 0: nothing is left, 2: something stayed."""
    from harness.run.cleanup import CleanedUp, clean_up, clean_up_by_names, ledgers
    from harness.run.environment import load

    cleaned: list[CleanedUp]
    if from_cloud:
        if cloud is None:
            raise click.UsageError("--from-cloud needs --cloud FILE")
        with tempfile.TemporaryDirectory(prefix="cs-harness-cleanup-") as scratch:
            cleaned = clean_up_by_names(load(cloud), Path(scratch), run_id)
    else:
        cleaned = [clean_up(folder, load, cloud) for folder in ledgers(reports, run_id)]
    for run in cleaned:
        for line in run.taken_back:
            click.echo(f"{run.run_id}: taken back: {line}")
        for line in run.stayed:
            click.echo(f"{run.run_id}: stayed: {line}")
    if not cleaned:
        click.echo("nothing is left of any run")
    sys.exit(2 if any(run.stayed for run in cleaned) else 0)
