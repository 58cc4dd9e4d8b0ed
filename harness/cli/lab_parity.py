"""`cs-harness lab parity`: a real CloudStack and our own lab, asked the same."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import hosts_option, state_option

if TYPE_CHECKING:
    from harness.parity.exchanges import Difference, Exchange
    from harness.run.environment import Environment

_NONE = "none"


@click.command()
@click.option(
    "--real", type=click.Path(path_type=Path, dir_okay=False), required=True, help="cloud.toml of a real one."
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("tests/data/lab/exchanges.json"),
    show_default=True,
    help="Requests that are asked of both.",
)
@click.option(
    "--cases", default="full", show_default=True, help='Cases that run on both, as for `verify --select`; or "none".'
)
@click.option("--real-run", type=click.Path(path_type=Path), help="A run on the real one in place of running them.")
@click.option("--accepted", type=click.Path(path_type=Path, dir_okay=False), help="TOML of differences with a reason.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write the real one's answers there.")
@click.option(
    "--record-cases", type=click.Path(path_type=Path, dir_okay=False), help="Write there what the real one's cases saw."
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where both runs land.",
)
@hosts_option
@state_option
def parity(
    real: Path,
    corpus: Path,
    cases: str,
    real_run: Path | None,
    accepted: Path | None,
    record: Path | None,
    record_cases: Path | None,
    reports: Path,
    hosts: str,
    state: Path,
) -> None:
    """Ask a real CloudStack and our own lab the same, and say where they differ. Exit code 1 where they do.

    First single requests, then the cases of the matrix: what each asked for and was answered, its jobs' ends, scheduler
    values and domains. Requests and cases change settings and make offerings and an account: only for a cloud of
    `lab up --cloudstack`.
    """
    from harness.parity.accepted import load_accepted
    from harness.parity.exchanges import Asked, load
    from harness.run.environment import load as load_environment

    environment = load_environment(real)
    if environment.lab is None or environment.lab.hosts != "cloudstack":
        raise click.UsageError(f"--real {real}: no lab of `lab up --cloudstack`, and others are not changed so freely")
    exchanges = load(corpus)
    reviewed = load_accepted(accepted)
    with closing(Asked(environment.api.endpoint, environment.api_key(), environment.secret_key())) as asked:
        release, version = asked.release(), asked.version()
        chosen = [exchange for exchange in exchanges if exchange.release == release]
        seen = [asked.answer(exchange) for exchange in chosen]
    if not chosen:
        raise click.UsageError(f"--corpus {corpus}: has no exchange for {release}; nothing was compared")
    if record is not None:
        _write(record, {"version": version, "exchanges": [each.model_dump() for each in seen]})
    found = _answer_differences(state, release, seen)
    compared = f"{len(chosen)} exchanges"
    if cases != _NONE or real_run is not None:
        real_run = real_run or _run_there(real, environment, cases, reports)
        number, in_cases = _case_differences(real_run, release, hosts, reports, state, record_cases)
        found += in_cases
        compared += f" and {number} cases"
    remaining = [difference for difference in found if reviewed.reason(difference) is None]
    for difference in remaining:
        click.echo(f"{difference.exchange}: {difference.path}: real {difference.real}, ours {difference.ours}")
    for entry in reviewed.unused(found):
        click.echo(f"accepted, and no difference any more: {entry.exchange}: {entry.path}", err=True)
    click.echo(
        f"{compared} with CloudStack {version} (behaves like {release}): "
        f"{len(remaining)} differences, {len(found) - len(remaining)} accepted"
    )
    sys.exit(1 if remaining else 0)


def _answer_differences(state: Path, release: str, seen: list[Exchange]) -> list[Difference]:
    from harness.lab.config_files import CLOUD_FILE
    from harness.lab.control import embedded_lab
    from harness.parity.exchanges import Asked, differences
    from harness.run.environment import load as load_environment

    with embedded_lab(state, "simulated", release) as cloud_file:
        ours = load_environment(cloud_file.with_name(CLOUD_FILE))
        with closing(Asked(ours.api.endpoint, ours.api_key(), ours.secret_key())) as lab:
            return [difference for exchange in seen for difference in differences(exchange, lab.answer(exchange))]


def _run_there(real: Path, environment: Environment, cases: str, reports: Path) -> Path:
    """Raises ParityError where it was stopped: what there is of it can be compared, but not without being asked for."""
    from harness.console_run import RunOptions, run_cases
    from harness.parity.exchanges import ParityError
    from harness.report.reading import read_run

    click.echo(f"the cases on the real CloudStack at {environment.api.endpoint}", err=True)
    run_cases(RunOptions(cloud=real, select=cases, reports=reports), workers=None, as_json=False)
    run = (reports / "latest").resolve()
    if (why := read_run(run).could_not_run) is not None:
        raise ParityError(
            f"the cases on the real one did not run to their end: {why}; --real-run {run} takes what there is"
        )
    return run


def _case_differences(
    real_run: Path, release: str, hosts: str, reports: Path, state: Path, record: Path | None
) -> tuple[int, list[Difference]]:
    """How many cases of the real run were compared, and how they differ from those of our own lab on the same hosts."""
    from harness.console_run import RunOptions, run_cases
    from harness.parity.cases import case_differences, seen_cases
    from harness.parity.exchanges import ParityError
    from harness.report.reading import homes_of, read_run

    there = seen_cases(read_run(real_run), homes_of(real_run))
    if there.release != release:
        raise ParityError(f"--real-run {real_run}: of a cloud that behaves like {there.release}, not {release}")
    if not there.cases:
        raise ParityError(f"{real_run}: no case came to a verdict there; there is nothing to compare")
    if record is not None:
        _write(record, there.model_dump())
    click.echo("the same cases on our own lab", err=True)
    options = RunOptions(
        hosts=hosts, release=release, select=",".join(there.cases), like=real_run, reports=reports, state=state
    )
    run_cases(options, workers=None, as_json=False)
    here = (reports / "latest").resolve()
    ours = seen_cases(read_run(here), homes_of(here))
    return len(there.cases), list(case_differences(there.cases, ours.cases))


def _write(file: Path, document: object) -> None:
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
