"""`cs-harness report`: other forms of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

UPSTREAM = "upstream"
COVERAGE = "coverage"


@click.command()
@click.argument("run", type=click.Path(path_type=Path), default=Path("reports/latest"))
@click.option("--format", "formats", metavar="NAMES", help="Comma separated; default: all.")
@click.option("--output", type=click.Path(path_type=Path), help='Where to write; default: beside RUN; "-": print.')
@click.option("--schema", type=click.Choice(["json", "markdown"]), help="Print the schema of results.json and end.")
@click.option(
    "--quarantine",
    type=click.Path(path_type=Path),
    help="File of known failures, shown apart; the exit code is then the run's, as if they were not asked for.",
)
@click.option("--diff", type=click.Path(path_type=Path), help="For --format coverage: the change, a unified diff.")
def report(
    run: Path,
    formats: str | None,
    output: Path | None,
    schema: str | None,
    quarantine: Path | None,
    diff: Path | None,
) -> None:
    """Make forms of RUN (its folder or its results.json; default: the newest).

    Forms: html (index.html), junit (junit.xml), markdown (report.md), trillian (trillian.md), summary (summary.md);
    not among the default: upstream (upstream-ID.md, a text for each known defect, to be pasted into an issue), and
    coverage (coverage.md and coverage.json, what the run exercised of --diff), which is made alone.
    """
    from harness.report.forms import FORMS, write
    from harness.report.quarantine import exit_code, read_quarantine
    from harness.report.replacing import replace_text
    from harness.report.schema import schema_markdown, schema_text
    from harness.report.subject import subject
    from harness.report.upstream import upstream_texts

    if schema is not None:
        click.echo(schema_text() if schema == "json" else schema_markdown(), nl=False)
        return
    if formats == COVERAGE or diff is not None:
        _report_coverage(run if run.is_dir() else run.parent, formats, diff, output)
        return
    names = list(FORMS) if formats is None else [name.strip() for name in formats.split(",")]
    for name in names:
        if name not in FORMS and name != UPSTREAM:
            there = ", ".join((*FORMS, UPSTREAM, COVERAGE))
            raise click.UsageError(f"--format {name}: there is none such; there are {there}")
    entries = read_quarantine(quarantine) if quarantine is not None else ()
    about = subject(run, entries)
    home = run if run.is_dir() else run.parent
    texts = upstream_texts(about.record, home) if UPSTREAM in names else {}
    names = [name for name in names if name != UPSTREAM]
    if str(output) == "-":
        click.echo("".join([*(FORMS[name].render(about) for name in names), *texts.values()]), nl=False)
        return
    folder = output or home
    folder.mkdir(parents=True, exist_ok=True)
    failures = write(about, folder, names)
    written = [folder / FORMS[name].file for name in names]
    for name, text in texts.items():
        replace_text(folder / name, text)
        written.append(folder / name)
    for file in written:
        if not any(line.startswith(f"{file} ") for line in failures):
            click.echo(file)
    for line in failures:
        click.echo(f"cs-harness: {line}", err=True)
    if failures:
        sys.exit(2)
    sys.exit(exit_code(about.record, entries) if quarantine is not None else 0)


def _report_coverage(home: Path, formats: str | None, diff: Path | None, output: Path | None) -> None:
    from harness.coverage.result import change_coverage
    from harness.coverage.text import console_lines, markdown
    from harness.report.replacing import replace_text

    if diff is None or formats != COVERAGE:
        raise click.UsageError("--format coverage and --diff CHANGE.diff belong together, and no other form with them")
    told = change_coverage(home, diff)
    if str(output) == "-":
        click.echo(markdown(told), nl=False)
        return
    folder = output or home
    folder.mkdir(parents=True, exist_ok=True)
    for line in console_lines(told):
        click.echo(line)
    for name, text in (("coverage.md", markdown(told)), ("coverage.json", told.model_dump_json(indent=2) + "\n")):
        replace_text(folder / name, text)
        click.echo(folder / name)
