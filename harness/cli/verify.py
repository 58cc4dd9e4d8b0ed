"""`cs-harness verify`: the cases, against a cloud or an embedded lab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.options import clock_option, hosts_option, latency_option, mended_option, state_option


@click.command()
@click.option(
    "--cloud",
    type=click.Path(path_type=Path),
    help="Environment file of a cloud, or a Marvin configuration; default: an embedded lab.",
)
@click.option(
    "--marvin-config",
    envvar="MARVIN_CONFIG",
    type=click.Path(path_type=Path),
    help="A Marvin configuration in place of --cloud; also the variable MARVIN_CONFIG.",
)
@hosts_option
@click.option(
    "--select", help='"smoke": a case of each section, no settings changed; "full"; or ids and sections: "LS-*,XML-01".'
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Cases at once (default: 4; in an instant lab on simulated hosts 2 for all of them, else 1).",
)
@click.option("--release", help="The embedded lab's release (4.23 by default).")
@latency_option
@clock_option
@mended_option
@click.option("--expect-release", help="Fail unless the cloud says that it is, and behaves like, this release.")
@click.option("--require", help='What must be verified: layers, ids, sections: "guest,MIG,DEF-01".')
@click.option("--allow-unverified", help='Sections of which nothing need be verified, or "all".')
@click.option("--shuffle", type=int, metavar="SEED", help="Run the cases in an order drawn from this number.")
@click.option("--like", type=click.Path(path_type=Path), help="Each case on the host where it was in that run.")
@click.option(
    "--quarantine",
    type=click.Path(path_type=Path),
    help="File of known failures, which do not count until they expire.",
)
@click.option(
    "--wait-for-lock",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for another run that may change the zone's settings.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be changed, in order, and change nothing.")
@state_option
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    help="Where runs land.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json in place of the table.")
def verify(*, workers: int | None, as_json: bool, **options: Any) -> None:
    """Run the cases and report.

    Exit code 0: all as predicted, 1: findings, or something required was not verified, 2: could not run.
    """
    from harness.cli.interrupts import two_of_them
    from harness.console_run import RunOptions, run_cases

    with two_of_them() as seen:
        exit_code = run_cases(RunOptions(**options), workers=workers, as_json=as_json, interruptions=seen)
    sys.exit(exit_code)
