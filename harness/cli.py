"""The console door: `cs-harness verify`, `lab`, `predict` and `rules`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from harness.errors import HarnessError

# Commands import what they need: `--help` and wrong options answer at once.
if TYPE_CHECKING:
    from harness.lab.folder import LabDescription

COULD_NOT_RUN = 2

Command = TypeVar("Command", bound=Callable[..., None])


class OneLineErrors(click.Group):
    """Errors that a user can cause end in one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HarnessError as failure:
            click.echo(f"cs-harness: {failure}", err=True)
            sys.exit(COULD_NOT_RUN)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cloudstack-scaling-harness")
def main() -> None:
    """Does live scaling on KVM really work here?"""
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _hosts_option(command: Command) -> Command:
    kinds = click.Choice(["kvm", "simulated", "auto"])
    return click.option("--hosts", type=kinds, default="auto", help="The embedded lab's hosts.")(command)


def _state_option(command: Command) -> Command:
    folder = click.Path(path_type=Path, file_okay=False)
    return click.option("--state", type=folder, default=Path(".lab"), help="Where labs keep their files.")(command)


@main.command()
@click.option("--cloud", type=click.Path(path_type=Path), help="Environment file of a cloud; default: an embedded lab.")
@_hosts_option
@click.option("--select", help='Cases by id or section, comma separated: "LS-*,XML-01,CAP".')
@click.option("--release", help="Release that the cloud must behave like; the lab's (4.23 by default).")
@_state_option
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
            state=state,
            reports=reports,
            as_json=as_json,
        )
    )


def _json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON in place of text.")(command)


@main.command("predict")
@click.option(
    "--offline",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    help="File that says what there is and what is requested; configs/predict.toml explains every key.",
)
@_json_option
def predict_offline(file: Path, as_json: bool) -> None:
    """Ask the reference what a scale will do, without a cloud."""
    from harness.report.prediction import prediction_document
    from harness.report.prediction_text import prediction_text
    from harness.run.offline import load
    from harness.run.question import answer, question

    offline = load(file)
    asked = question(offline)
    document = prediction_document(asked, answer(offline, asked))
    click.echo(document.model_dump_json(indent=2) + "\n" if as_json else prediction_text(document), nl=False)


@main.command("rules")
@click.argument("rule_id", metavar="ID", required=False)
@click.option("--markdown", is_flag=True, help="Print all of them as docs/reference.md has them.")
def rules_of_the_reference(rule_id: str | None, markdown: bool) -> None:
    """List the rules that predictions and findings rest on, or tell one."""
    from harness.report.rule_pages import rule_text, rules_markdown, rules_table

    if markdown and rule_id is not None:
        raise click.UsageError("--markdown prints all rules; leave out the ID")
    click.echo(rule_text(rule_id) if rule_id else rules_markdown() if markdown else rules_table(), nl=False)


@main.group()
def lab() -> None:
    """Keep an embedded lab for hand work."""


@lab.command()
@_hosts_option
@click.option("--release", default="4.23", show_default=True, help="Release that the lab behaves like.")
@_state_option
@_json_option
def up(hosts: str, release: str, state: Path, as_json: bool) -> None:
    """Bring a lab up and say how to reach it."""
    from harness.lab import config_files
    from harness.lab.control import choose_hosts, lab_path, start_kept_lab
    from harness.run.selection import require_release

    require_release(release)
    choice = choose_hosts(hosts)
    if choice.instead_because is not None:
        click.echo(f"simulated hosts, since this machine cannot run KVM hosts: {choice.instead_because}", err=True)
    description = start_kept_lab(state, choice.kind, release)
    if as_json:
        click.echo(description.model_dump_json(indent=2))
        return
    folder = lab_path(state)
    click.echo(f"lab {description.lab_id} is up: CloudStack {release} at {description.endpoint}")
    _print_hosts(description)
    for what, name in (
        ("--cloud", config_files.CLOUD_FILE),
        ("cs command", config_files.CS_FILE),
        ("Marvin", config_files.MARVIN_FILE),
    ):
        click.echo(f"for {what}: {folder / name}")


@lab.command()
@_state_option
@_json_option
def status(state: Path, as_json: bool) -> None:
    """Say what the lab is and how to reach it. Exit code 1 where none is up."""
    from harness.lab.control import kept_lab, lab_path

    description = kept_lab(state)
    if description is None:
        click.echo(f"no lab is up in {state}", err=as_json)
        sys.exit(1)
    if as_json:
        click.echo(description.model_dump_json(indent=2))
        return
    click.echo(
        f"lab {description.lab_id} is up: {description.kind} hosts, CloudStack {description.release} "
        f"at {description.endpoint}, process {description.pid}, files in {lab_path(state)}"
    )
    _print_hosts(description)


@lab.command()
@_state_option
def down(state: Path) -> None:
    """Take the lab down, and with it whatever a killed one left."""
    from harness.lab.control import end_kept_lab

    click.echo("the lab is down" if end_kept_lab(state) else f"no lab is up in {state}")


def _print_hosts(description: LabDescription) -> None:
    for host in description.hosts:
        size = f"{host.cpus} x {host.speed_mhz} MHz, {host.memory_mib} MiB"
        click.echo(f"  {host.name} in {host.cluster}: {size}, ssh port {host.port} of {host.address}")
