"""`cs-harness audit`: which instances of a running cloud can be scaled live, and what is wrong with the others."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option

if TYPE_CHECKING:
    from harness.audit.spread import Spread
    from harness.run.environment import Environment

WRONG = 1
NOT_SEEN = 2

_COLLECTED_AFTER = 50_000


@click.command()
@click.option("--cloud", type=click.Path(path_type=Path), required=True, help="Environment file of the cloud.")
@click.option("--zone", help="Another zone than the file's.")
@click.option("--cluster", help="Only this cluster.")
@click.option("--host", help="Only this host, as CloudStack names it.")
@click.option("--account", help="Only this account's instances: a name, or domain/path/name.")
@click.option("--instance", help="Only this instance: its id, its name, or its domain's name.")
@click.option("--max-ssh", type=click.IntRange(1, 256), default=32, help="Hosts connected to at once (32).")
@click.option("--api-rate", type=click.FloatRange(0.1), default=20.0, help="API calls in a second (20).")
@click.option("--guests", is_flag=True, help="Ask the guests too, by their agents.")
@click.option("--upgraded", metavar="TIME", help="When the cloud was upgraded to 4.23, such as 2026-11-20T08:00 (UTC).")
@click.option("--engine", metavar="ADDRESS", help="Who looks: dask://scheduler:8786, or local:N for N processes here.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("audit"),
    help="Folder for what it finds (audit).",
)
@click.option("--resume", is_flag=True, help="Go on with what was cut off in that folder.")
@click.option("--fix-plan", is_flag=True, help="Print what would mend each thing; nothing of it is done.")
@click.option(
    "--fail-on",
    type=click.Choice(["wrong", "unready", "never"]),
    default="wrong",
    help="What makes the exit code 1: something wrong, or also what cannot be scaled (wrong).",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors, and the fix plan where it is asked for.")
@json_option
def audit(
    *,
    cloud: Path,
    output: Path,
    resume: bool,
    fix_plan: bool,
    fail_on: str,
    quiet: bool,
    as_json: bool,
    max_ssh: int,
    api_rate: float,
    guests: bool,
    upgraded: str | None,
    engine: str | None,
    zone: str | None,
    cluster: str | None,
    host: str | None,
    account: str | None,
    instance: str | None,
) -> None:
    """Look at every running instance without changing anything.

    Exit code 0: nothing to tell, 1: something is wrong, 2: it could not run, or something was not seen.
    """
    from harness.audit import Bounds, Selection
    from harness.audit import audit as run_audit
    from harness.cli.audit_progress import progress_bar
    from harness.report.audit_forms import write_forms
    from harness.report.audit_text import audit_text
    from harness.report.audit_text import fix_plan as plan_of
    from harness.run.environment import load

    # What an audit reads it keeps to its end: looking for garbage among it would take a tenth of its time.
    gc.set_threshold(_COLLECTED_AFTER)
    environment = load(cloud)
    selection = Selection(zone, cluster, host, account, instance)
    with _engine(engine, max_ssh, environment) as looks, progress_bar(hidden=quiet or as_json) as progress:
        bounds = Bounds(max_ssh, api_rate, guests, None if upgraded is None else _moment(upgraded), looks)
        found = run_audit(environment, output, selection, bounds, resume=resume, progress=progress)
    files = write_forms(found, output)
    if as_json:
        click.echo(files["jsonl"].read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        click.echo(audit_text(found), nl=False)
        click.echo(f"report: {files['html']}")
    if fix_plan:
        click.echo(plan_of(found), nl=False)
    sys.exit(exit_code(found.grades, found.unseen, fail_on))


@contextmanager
def _engine(address: str | None, max_ssh: int, environment: Environment) -> Iterator[Spread | None]:
    """None without an address: this process looks."""
    if address is None:
        yield None
        return
    from harness.audit.spread import Spread
    from harness.engine.dask import Dask

    with Dask(address) as dask:
        yield Spread(dask, max_ssh, environment.hosts.workers)


def exit_code(grades: frozenset[str], unseen: int, fail_on: str) -> int:
    """What is wrong outweighs what was not seen."""
    fails = {"wrong": {"wrong"}, "unready": {"wrong", "unready"}, "never": set()}[fail_on]
    if grades & fails:
        return WRONG
    return NOT_SEEN if unseen else 0


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time such as 2026-11-20T08:00", param_hint="--upgraded") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
