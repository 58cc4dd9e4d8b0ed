"""`cs-harness verify`: the cases, against a cloud or an embedded lab."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import clock_option, hosts_option, latency_option, state_option


@click.command()
@click.option("--cloud", type=click.Path(path_type=Path), help="Environment file of a cloud; default: an embedded lab.")
@hosts_option
@click.option("--select", help='Cases by id or section, comma separated: "LS-*,XML-01,CAP".')
@click.option("--release", help="Release that the cloud must behave like; the lab's (4.23 by default).")
@latency_option
@clock_option
@state_option
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    help="Where runs land.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json in place of the table.")
def verify(
    cloud: Path | None,
    hosts: str,
    select: str | None,
    release: str | None,
    latency: str,
    clock: str,
    state: Path,
    reports: Path,
    as_json: bool,
) -> None:
    """Run the cases and report. Exit code 0: all as predicted, 1: findings, 2: could not run."""
    from harness.console_run import run_cases

    sys.exit(
        run_cases(
            cloud=cloud,
            hosts=hosts,
            select=select,
            release=release,
            latency=latency,
            clock=clock,
            state=state,
            reports=reports,
            as_json=as_json,
        )
    )
