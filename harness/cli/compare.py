"""`cs-harness compare`: what changed from one result to another, and a gate on it."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--fail-on",
    metavar="CHANGES",
    default="",
    help="End with 1 on these, comma separated: new-failure, still-failing, flaky, newly-a-known-defect, "
    "newly-not-verified, vanished, slower; or: any.",
)
@click.option("--quarantine", type=click.Path(path_type=Path), help="File of known failures; docs/reports.md tells.")
@click.option("--format", "form", type=click.Choice(["console", "markdown", "html"]), default="console")
@click.option("--output", type=click.Path(path_type=Path), help="Write there in place of printing.")
def compare(base: Path, new: Path, fail_on: str, quarantine: Path | None, form: str, output: Path | None) -> None:
    """Compare NEW with BASE: runs, results.json or JUnit files, also Marvin's.

    Exit code 0: nothing of what --fail-on names, 1: some of it, or a quarantine that expired or is no longer needed,
    2: a file that cannot be read.
    """
    from harness.report import comparison, comparison_text
    from harness.report import quarantine as quarantined
    from harness.report.comparison_page import comparison_html
    from harness.report.foreign import read_results

    gate = comparison.gate(fail_on)
    entries = quarantined.read_quarantine(quarantine) if quarantine is not None else ()
    compared = comparison.compare(read_results(base), read_results(new))
    held = quarantined.standings(entries, compared.new, quarantined.today())
    renders = {
        "console": comparison_text.console_text,
        "markdown": comparison_text.comparison_markdown,
        "html": comparison_html,
    }
    text = renders[form](compared, held)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    caught = {changed.change for changed in comparison_text.counted_changes(compared, held)} & gate
    slower = comparison.Change.SLOWER in gate and compared.whole_run is not None
    sys.exit(1 if caught or slower or quarantined.breaks_the_gate(held) else 0)
