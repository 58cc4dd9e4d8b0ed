"""`cs-harness history`: cases and releases over time."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CS_HARNESS_HISTORY",
    default=Path("reports/history.sqlite"),
    show_default=True,
    help="The history, also given as CS_HARNESS_HISTORY; each run is added to it at its end.",
)
@click.option("--case", "pattern", default="*", help='Only cases whose id matches, such as "LS-*".')
@click.option("--release", help="Only runs on this release.")
@click.option("--last", type=click.IntRange(min=1), default=30, show_default=True, help="So many runs, the newest.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page there in place of printing.")
def history(
    results: tuple[Path, ...], file: Path, pattern: str, release: str | None, last: int, html: Path | None
) -> None:
    """Show how cases did over time; RESULTS (runs, JUnit files, Trillian's comments) are added first."""
    from harness.report.foreign import read_results
    from harness.report.history import opened
    from harness.report.history_text import history_html, history_text

    taken = [read_results(path) for path in results]
    with opened(file) as kept:
        for one in taken:
            kept.add(one)
        runs = kept.runs(release=release, last=last)
        trends = kept.trends(runs, pattern)
    if html is None:
        click.echo(history_text(runs, trends), nl=False)
    else:
        html.write_text(history_html(runs, trends), encoding="utf-8")
        click.echo(html)
