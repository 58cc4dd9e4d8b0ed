"""`cs-harness predict` and `rules`: the reference, without a cloud."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import json_option


@click.command("predict")
@click.option(
    "--offline",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    help="File that says what there is and what is requested; configs/predict.toml explains every key.",
)
@json_option
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


@click.command("rules")
@click.argument("rule_id", metavar="ID", required=False)
@click.option("--markdown", is_flag=True, help="Print all of them as docs/reference.md has them.")
def rules_of_the_reference(rule_id: str | None, markdown: bool) -> None:
    """List the rules that predictions and findings rest on, or tell one."""
    from harness.report.rule_pages import rule_text, rules_markdown, rules_table

    if markdown and rule_id is not None:
        raise click.UsageError("--markdown prints all rules; leave out the ID")
    click.echo(rule_text(rule_id) if rule_id else rules_markdown() if markdown else rules_table(), nl=False)
