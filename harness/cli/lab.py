"""`cs-harness lab`: an embedded lab for hand work."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.lab_fault import fault
from harness.cli.lab_parity import parity
from harness.cli.options import (
    clock_option,
    defect_option,
    hosts_option,
    json_option,
    latency_option,
    mended_option,
    state_option,
)

if TYPE_CHECKING:
    from harness.lab.folder import LabDescription

# More hosts than this are only counted.
_LISTED = 20


@click.group()
def lab() -> None:
    """Keep an embedded lab for hand work."""


@lab.command()
@hosts_option
@click.option("--release", default="4.23", show_default=True, help="Release that the lab behaves like.")
@mended_option
@defect_option
@latency_option
@clock_option
@click.option("--clusters", type=click.IntRange(0), default=0, help="How many, in place of the usual lab's two.")
@click.option("--hosts-per-cluster", type=click.IntRange(1), default=1, help="How many hosts each of --clusters has.")
@click.option("--instances", type=click.IntRange(0), default=0, help="How many run from the beginning.")
@click.option("--integration-port", is_flag=True, help="Also serve the API unauthenticated, as Marvin expects it.")
@click.option("--cloudstack", metavar="TREE|packages", help="Run CloudStack's own server and agents of a built tree.")
@click.option("--jacoco", metavar="AGENT_JAR", type=click.Path(path_type=Path), help="Attach JaCoCo to --cloudstack.")
@state_option
@json_option
def up(
    hosts: str,
    release: str,
    cloudstack: str | None,
    jacoco: Path | None,
    state: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring a lab up and say how to reach it."""
    from harness.cli import lab_cloudstack
    from harness.lab import config_files
    from harness.lab.control import choose_hosts, lab_path, start_kept_lab
    from harness.lab.options import LabOptions
    from harness.run.selection import require_release

    if cloudstack is not None:
        real = lab_cloudstack.bring_up(state, cloudstack, options, jacoco)
        if as_json:
            click.echo(real.model_dump_json(indent=2))
        else:
            lab_cloudstack.print_up(real, lab_path(state))
        return
    if jacoco is not None:
        raise click.UsageError("--jacoco is for a real CloudStack; name its tree with --cloudstack")
    require_release("--release", release)
    choice = choose_hosts(hosts)
    if choice.instead_because is not None:
        click.echo(f"simulated hosts, since this machine cannot run KVM hosts: {choice.instead_because}", err=True)
    description = start_kept_lab(state, choice.kind, release, LabOptions(**options))
    if as_json:
        click.echo(description.model_dump_json(indent=2))
        return
    folder = lab_path(state)
    click.echo(f"lab {description.lab_id} is up: {_behaviour(description)} at {description.endpoint}")
    _print_hosts(description)
    click.echo(f"state and faults: {description.control} in a browser, or `cs-harness lab status` and `lab fault`")
    if description.integration is not None:
        click.echo(f"integration port, for everybody on this machine: {description.integration}")
    for what, name in (
        ("--cloud", config_files.CLOUD_FILE),
        ("cs command", config_files.CS_FILE),
        ("Marvin", config_files.MARVIN_FILE),
    ):
        click.echo(f"for {what}: {folder / name}")


@lab.command()
@state_option
@json_option
def status(state: Path, as_json: bool) -> None:
    """Say what the lab is and what there is in it. Exit code 1 where none is up."""
    from harness.cli.lab_table import print_table
    from harness.lab.control import kept_control, kept_lab, lab_path

    description = kept_lab(state)
    if description is None:
        click.echo(f"no lab is up in {state}", err=as_json)
        sys.exit(1)
    if description.cloudstack is not None and not as_json:
        from harness.cli.lab_cloudstack import print_status

        print_status(description, lab_path(state))
        return
    if description.cloudstack is not None:
        click.echo(description.model_dump_json(indent=2))
        return
    with closing(kept_control(state)) as control:
        seen = control.state()
    if as_json:
        shown = description.model_dump(mode="json") | {"state": seen.model_dump(mode="json")}
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(
        f"lab {description.lab_id} is up: {description.kind} hosts, {_behaviour(description)} "
        f"at {description.endpoint}, process {description.pid}, files in {lab_path(state)}, "
        f"page at {description.control}"
    )
    print_table(seen)


@lab.command()
@state_option
def logs(state: Path) -> None:
    """Say where the logs of the lab's parts are. Exit code 1 where no lab is up."""
    from harness.cli.lab_cloudstack import print_logs
    from harness.lab.control import kept_lab
    from harness.lab.folder import KEPT_LAB, LabFolder

    description = kept_lab(state)
    if description is None:
        click.echo(f"no lab is up in {state}")
        sys.exit(1)
    click.echo(f"the lab: {LabFolder(state, KEPT_LAB).log}")
    print_logs(description)


@lab.command()
@state_option
def down(state: Path) -> None:
    """Take the lab down, and with it whatever a killed one left."""
    from harness.lab.control import end_kept_lab

    click.echo("the lab is down" if end_kept_lab(state) else f"no lab is up in {state}")


lab.add_command(fault)
lab.add_command(parity)


def _behaviour(description: LabDescription) -> str:
    without = " without its known defects" if description.mended else ""
    spoilt = f" with the defect {description.defect}" if description.defect else ""
    return f"CloudStack {description.release}{without}{spoilt}"


def _print_hosts(description: LabDescription) -> None:
    if len(description.hosts) > _LISTED:
        clusters = {host.cluster for host in description.hosts}
        click.echo(f"  {len(description.hosts)} hosts in {len(clusters)} clusters; `lab status --json` lists them")
        return
    for host in description.hosts:
        size = f"{host.cpus} x {host.speed_mhz} MHz, {host.memory_mib} MiB"
        click.echo(f"  {host.name} in {host.cluster}: {size}, ssh port {host.port} of {host.address}")
