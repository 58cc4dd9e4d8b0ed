"""`cs-harness lab parity`: a real CloudStack and our own lab, asked the same."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import click

from harness.cli.options import state_option


@click.command()
@click.option(
    "--real", type=click.Path(path_type=Path, dir_okay=False), required=True, help="cloud.toml of a real one."
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("tests/data/lab/exchanges.json"),
    show_default=True,
    help="What is asked of both.",
)
@click.option("--accepted", type=click.Path(path_type=Path, dir_okay=False), help="TOML of differences with a reason.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write the real one's answers there.")
@state_option
def parity(real: Path, corpus: Path, accepted: Path | None, record: Path | None, state: Path) -> None:
    """Ask a real CloudStack and our own lab the same, and say where they differ. Exit code 1 where they do.

    The requests change settings and make offerings and an account: only for a cloud of `lab up --cloudstack`.
    """
    from harness.lab.config_files import CLOUD_FILE
    from harness.lab.control import embedded_lab
    from harness.parity.accepted import load_accepted
    from harness.parity.exchanges import Asked, differences, load
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
    if record is not None:
        document = {"version": version, "exchanges": [each.model_dump() for each in seen]}
        record.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with embedded_lab(state, "simulated", release) as cloud_file:
        ours = load_environment(cloud_file.with_name(CLOUD_FILE))
        with closing(Asked(ours.api.endpoint, ours.api_key(), ours.secret_key())) as lab:
            found = [difference for exchange in seen for difference in differences(exchange, lab.answer(exchange))]
    remaining = [difference for difference in found if reviewed.reason(difference) is None]
    for difference in remaining:
        click.echo(f"{difference.exchange}: {difference.path}: real {difference.real}, ours {difference.ours}")
    for entry in reviewed.unused(found):
        click.echo(f"accepted, and no difference any more: {entry.exchange}: {entry.path}", err=True)
    click.echo(
        f"{len(chosen)} exchanges with CloudStack {version} (behaves like {release}): "
        f"{len(remaining)} differences, {len(found) - len(remaining)} accepted"
    )
    if not chosen:
        raise click.UsageError(f"--corpus {corpus}: has no exchange for {release}; nothing was compared")
    sys.exit(1 if remaining else 0)
