"""`cs-harness watch`: a cloud's scales and migrations as they happen, each held against its prediction."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.watch import WatchedLine


@click.command()
@click.option("--cloud", type=click.Path(path_type=Path), required=True, help="Environment file of the cloud.")
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Seconds to watch; default: until Ctrl-C.")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, help="Seconds between two questions (2).")
@click.option("--max-ssh", type=click.IntRange(1, 256), default=32, help="Hosts connected to at once (32).")
@click.option("--api-rate", type=click.FloatRange(0.1), default=20.0, help="API calls in a second (20).")
@click.option("--output", type=click.Path(path_type=Path), help="File to which a line of JSON is added for each job.")
def watch(cloud: Path, seconds: float | None, every: float, max_ssh: int, api_rate: float, output: Path | None) -> None:
    """Follow scales and migrations. Exit code 0: all as predicted, 1: something was otherwise, 2: some not verified."""
    from harness.report.audit_text import one_line
    from harness.run.environment import load
    from harness.watch import Verdict, Watch

    verdicts: Counter[Verdict] = Counter()

    def heard(line: WatchedLine) -> None:
        verdicts[line.verdict] += 1
        to = "" if line.offering is None else f" to {line.offering}"
        told = f"{line.what} of {line.instance} ({line.instance_name}){to}: {line.verdict.value}: {line.happened}"
        more = [*line.findings, *line.defects, *line.not_seen]
        click.echo(one_line(f"{line.at:%T} {told}; {'; '.join(more)}" if more else f"{line.at:%T} {told}"))
        if output is not None:
            with output.open("a", encoding="utf-8") as stream:
                stream.write(line.model_dump_json() + "\n")

    if output is not None:
        # One that cannot be written is told now, and not after the first job.
        output.open("a", encoding="utf-8").close()
    watching = Watch(load(cloud), max_ssh=max_ssh, api_rate=api_rate)
    click.echo(f"watching {watching.instances} running instances")
    stop = Event()
    # What is being judged is told before the end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    watching.follow(seconds, heard, every_s=every, stop=stop)
    click.echo(
        ", ".join(f"{number} {verdict.value}" for verdict, number in sorted(verdicts.items())) or "no job was seen"
    )
    sys.exit(1 if verdicts[Verdict.OTHERWISE] else 2 if verdicts[Verdict.NOT_VERIFIED] else 0)
