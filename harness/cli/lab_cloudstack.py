"""What `cs-harness lab` says of a lab that is a real CloudStack."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from harness.lab.config_files import CLOUD_FILE, CS_FILE, MARVIN_FILE

if TYPE_CHECKING:
    from harness.lab.folder import LabDescription


def bring_up(state: Path, wish: str, options: dict[str, Any], jacoco: Path | None) -> LabDescription:
    """Start the lab of `--cloudstack` and return when it is up.

    Raises:
        click.UsageError: one of the options is only for the lab that is our own.
    """
    from harness.lab.cloudstack.build import find_build
    from harness.lab.cloudstack.jacoco import find_jacoco
    from harness.lab.cloudstack.preflight import require
    from harness.lab.control import choose_hosts, start_cloudstack

    context = click.get_current_context()
    for name in (*options, "hosts", "release"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            flag = name.replace("_", "-")
            raise click.UsageError(f"--{flag} is for the lab of our own; a real CloudStack of --cloudstack has none")
    # Known to this process already, which can say it sooner than the one that it starts.
    find_build(wish)
    if jacoco is not None:
        find_jacoco(jacoco)
    choose_hosts("kvm")
    require()
    with _live_line() as said:
        return start_cloudstack(state, wish, said, jacoco)


def print_up(description: LabDescription, folder: Path) -> None:
    click.echo(f"lab {description.lab_id} is up: a real CloudStack {description.release} at {description.endpoint}")
    for what, name in (("--cloud", CLOUD_FILE), ("cs command", CS_FILE), ("Marvin", MARVIN_FILE)):
        click.echo(f"for {what}: {folder / name}")
    if description.cloudstack is not None:
        for deviation in description.cloudstack.deviations:
            click.echo(f"deviation: {deviation}")


def print_status(description: LabDescription, folder: Path) -> None:
    """Server, agents and hosts as the server sees them."""
    from harness.lab.cloudstack.status import server_and_hosts

    assert description.cloudstack is not None
    click.echo(
        f"lab {description.lab_id} is up: a real CloudStack {description.release} of {description.cloudstack.origin} "
        f"at {description.endpoint}, process {description.pid}, files in {folder}"
    )
    for line in server_and_hosts(description, folder):
        click.echo(line)


def print_logs(description: LabDescription) -> None:
    """The way to each log, and its size."""
    if description.cloudstack is None:
        return
    for writer, log in description.cloudstack.logs.items():
        if log.exists():
            click.echo(f"{writer}: {log} ({log.stat().st_size // 1024} KiB)")


@contextmanager
def _live_line() -> Iterator[Callable[[str], None]]:
    """On a terminal one line that changes, elsewhere a line for each step; on standard error."""
    console = Console(stderr=True)
    begun = time.monotonic()
    if not console.is_terminal:
        yield lambda what: print(f"[{time.monotonic() - begun:4.0f} s] {what}", file=sys.stderr, flush=True)
        return
    with console.status("starting the lab") as status:
        yield status.update
