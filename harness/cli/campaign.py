"""`cs-harness campaign`: the matrix over many environments, with one results.json."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option

if TYPE_CHECKING:
    from harness.run.record import CampaignMemberRecord


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--engine", metavar="ADDRESS", help="Where runs are: dask://scheduler:8786, or local:N for N at once here."
)
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), help="Where it lands."
)
@json_option
def campaign(file: Path, engine: str | None, reports: Path, as_json: bool) -> None:
    """Run the matrix over the environments of FILE; docs/campaigns.md explains it.

    Exit codes are those of verify, over all environments.
    """
    from harness.campaign.campaign import run_campaign
    from harness.campaign.file import load
    from harness.engine.dask import Dask
    from harness.engine.here import Here
    from harness.report.forms import write_all
    from harness.run.record import RESULTS_FILE

    members = load(file)
    with ExitStack() as stack:
        runs = Here() if engine is None else stack.enter_context(Dask(engine))
        folder = run_campaign(members, reports, runs, _hear_nothing if as_json else _tell)
    for line in write_all(folder.path):
        click.echo(line, err=True)
    if as_json:
        click.echo((folder.path / RESULTS_FILE).read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(f"report: {folder.path / 'index.html'}")
    sys.exit(folder.record.exit_code)


def _tell(member: CampaignMemberRecord) -> None:
    if member.could_not_run is not None:
        click.echo(f"{member.name}: could not run: {member.could_not_run}")
        return
    there = member.environment
    says = "" if there is None else f" on CloudStack {there.cloudstack} ({there.hosts_kind} hosts)"
    click.echo(f"{member.name}: {member.cases} cases, exit code {member.exit_code}{says}")


def _hear_nothing(_member: CampaignMemberRecord) -> None:
    """What is printed is the record."""
