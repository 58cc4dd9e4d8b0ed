"""`cs-harness predict --cloud`: what a scale of an instance that is there would do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from harness.predict import LiveCloud, LiveQuestion
from harness.reference.offering import CustomParameters
from harness.report.live_prediction import offerings_document, offerings_text, unseen_text
from harness.report.prediction import prediction_document
from harness.report.prediction_text import prediction_text
from harness.run.environment import load

_DETAILS = ("cpuNumber", "cpuSpeed", "memory")


def predict_on(
    cloud: Path,
    *,
    as_json: bool,
    instance: str | None,
    offering: str | None,
    all_offerings: bool,
    details: Sequence[str],
    as_release: str | None,
    host: str | None,
) -> None:
    """Print what is asked. Raises HarnessError and click's UsageError."""
    if instance is None:
        raise click.UsageError("--cloud needs --instance")
    if (offering is None) != all_offerings:
        raise click.UsageError("give one of --offering and --all-offerings")
    live = LiveCloud(load(cloud))
    asked = live.questions(instance, offering, _parameters(details), host=host)
    if as_release is not None:
        asked = [one.as_release(as_release) for one in asked]
    if all_offerings:
        click.echo(json.dumps(offerings_document(asked), indent=2) if as_json else offerings_text(asked))
        return
    # What an upgrade gives is had after a restart only.
    told = [asked[0], asked[0].after_restart()] if asked[0].restart_prepares else [asked[0]]
    if as_json:
        documents = [_document(one) for one in told]
        click.echo(json.dumps(documents[0] if as_release is None and len(told) == 1 else documents, indent=2))
        return
    for number, one in enumerate(told):
        if number:
            click.echo("\nand after it was stopped and started on its host:\n")
        click.echo(prediction_text(prediction_document(one, one.predict())), nl=False)
    click.echo(unseen_text(asked[0]), nl=False)


def _document(asked: LiveQuestion) -> dict[str, object]:
    document: dict[str, object] = prediction_document(asked, asked.predict()).model_dump(mode="json")
    return {**document, "after_restart": asked.restarted, "not_seen": list(asked.not_seen)}


def _parameters(details: Sequence[str]) -> CustomParameters:
    given: dict[str, str] = {}
    for detail in details:
        name, equals, value = detail.partition("=")
        if not equals or name not in _DETAILS:
            raise click.BadParameter(f"{detail!r}: give cpuNumber=, cpuSpeed= or memory=", param_hint="--details")
        given[name] = value
    return CustomParameters(*(given.get(name) for name in _DETAILS))
