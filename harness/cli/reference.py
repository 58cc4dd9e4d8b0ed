"""`cs-harness predict` and `rules`: what the reference says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import json_option


@click.command()
@click.option(
    "--offline",
    "file",
    type=click.Path(path_type=Path),
    help="File that says what there is and what is requested; configs/predict.toml explains every key.",
)
@click.option("--cloud", type=click.Path(path_type=Path), help="Environment file of a cloud that runs the instance.")
@click.option("--instance", help="The instance: its id, its name, or its domain's name.")
@click.option("--offering", help="The offering it would be given: its id or its name.")
@click.option("--all-offerings", is_flag=True, help="A table of all active offerings.")
@click.option("--details", multiple=True, metavar="NAME=VALUE", help="cpuNumber, cpuSpeed or memory of a custom one.")
@click.option("--as-release", metavar="RELEASE", help="As it would be on this release, such as 4.23.")
@click.option("--host", help="Where a stopped instance would start.")
@json_option
def predict(file: Path | None, cloud: Path | None, as_json: bool, **options: Any) -> None:
    """Ask the reference what a scale will do, without doing it: of a file, or of an instance of a running cloud."""
    if (file is None) == (cloud is None):
        raise click.UsageError("give one of --offline and --cloud")
    if cloud is not None:
        from harness.cli.predict_live import predict_on

        predict_on(cloud, as_json=as_json, **options)
    elif file is not None:
        if any(options.values()):
            raise click.UsageError("--offline has all that is asked in its file")
        _predict_offline(file, as_json)


def _predict_offline(file: Path, as_json: bool) -> None:
    from harness.report.prediction import prediction_document
    from harness.report.prediction_text import prediction_text
    from harness.run.offline import load
    from harness.run.question import answer, question

    offline = load(file)
    asked = question(offline)
    document = prediction_document(asked, answer(offline, asked))
    click.echo(document.model_dump_json(indent=2) + "\n" if as_json else prediction_text(document), nl=False)


@click.command("rules")
@click.argument("rule_id", metavar="ID", required=False)
@click.option("--markdown", is_flag=True, help="Print all of them as docs/reference.md has them.")
def rules_of_the_reference(rule_id: str | None, markdown: bool) -> None:
    """List the rules that predictions and findings rest on, or tell one."""
    from harness.report.rule_pages import rule_text, rules_markdown, rules_table

    if markdown and rule_id is not None:
        raise click.UsageError("--markdown prints all rules; leave out the ID")
    click.echo(rule_text(rule_id) if rule_id else rules_markdown() if markdown else rules_table(), nl=False)
