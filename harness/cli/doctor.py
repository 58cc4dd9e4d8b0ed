"""`cs-harness doctor`: what a run on a cloud would find, without changing anything."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_SIGNS = {True: "ok  ", False: "FAIL", None: "note"}


@click.command()
@click.option(
    "--cloud",
    type=click.Path(path_type=Path),
    required=True,
    help="Environment file of the cloud, or a Marvin configuration.",
)
def doctor(cloud: Path) -> None:
    """Check all that a run needs, and say which sections could run. Exit code 0: all could, 2: something is lacking."""
    from harness.console_run import testcases_folder
    from harness.marvin.environment import environment_in
    from harness.pytest_plugin.listing import claims
    from harness.run.doctor import examine

    environment = environment_in(cloud)
    lacking = False
    for check in examine(environment, claims(testcases_folder())):
        lacking = lacking or check.good is False
        click.echo(f"{_SIGNS[check.good]} {check.what}: {check.says}")
    sys.exit(2 if lacking else 0)
