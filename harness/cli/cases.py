"""`cs-harness cases`: which cases there are."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--select", help='As of verify: "smoke", or ids and sections.')
@click.option("--markdown", is_flag=True, help="Print them as docs/cases.md has them.")
def cases(select: str | None, markdown: bool) -> None:
    """List the cases of the matrix: id, what each needs for itself, what it shows."""
    from harness.console_run import testcases_folder
    from harness.pytest_plugin.listing import listed
    from harness.report.case_pages import cases_markdown, cases_table

    lines = listed(testcases_folder(), select)
    if lines is None:
        sys.exit(2)
    click.echo(cases_markdown(lines) if markdown else cases_table(lines), nl=False)
