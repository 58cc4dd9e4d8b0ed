"""`cs-harness lab fault`: faults of the environment, armed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import state_option

if TYPE_CHECKING:
    from harness.lab.faults.order import FaultOrder


@click.command()
@click.argument("kind", required=False)
@click.option("--list", "list_them", is_flag=True, help="Say which kinds there are.")
@click.option("--clear", is_flag=True, help="Clear all faults, or all of KIND.")
@click.option("--command", help="Only calls of this command: of the API, or start, stop, scale, ... of an agent.")
@click.option("--host", help="Only this host.")
@click.option("--instance", help="Only calls about this instance: its id or any of its names.")
@click.option("--nth", type=click.IntRange(1), help="Let calls through before the nth.")
@click.option("--times", type=click.IntRange(1), help="Strike so many calls; default: all until it is cleared.")
@click.option("--probability", type=click.FloatRange(0, 1, min_open=True), help="Strike by chance.")
@click.option("--seed", type=int, help="What chance is drawn from.")
@click.option("--lasts", type=float, help="Clear it by itself after so many seconds.")
@click.option("--seconds", type=float, help="For how long, where the kind has that.")
@click.option("--status", type=int, help="HTTP status, where the kind has one.")
@click.option("--size", type=int, help="Bytes, where the kind has that.")
@state_option
def fault(kind: str | None, list_them: bool, clear: bool, state: Path, **given: str | float | None) -> None:
    """Let something go wrong in the lab that is up."""
    from harness.lab.control import kept_control
    from harness.lab.faults.catalogue import KINDS, Fault

    if list_them:
        width = max(map(len, KINDS))
        for each in KINDS.values():
            click.echo(f"{each.id:<{width}}  {each.layer:<7}  {each.says}")
        return
    if kind is None and not clear:
        raise click.UsageError("name a KIND, or give --list or --clear")
    if kind is not None and kind not in set(Fault):
        raise click.UsageError(f"there is no fault {kind}; --list says which there are")
    order = None if clear else _order(kind, given)
    with closing(kept_control(state)) as control:
        if order is None:
            gone = [one for one in control.faults() if kind in (None, one.order.kind)]
            for one in gone:
                control.disarm(one.number)
            click.echo(f"cleared {len(gone)}")
            return
        armed = control.arm(order)
    click.echo(f"armed {armed.order.kind} as number {armed.number}; `cs-harness lab fault --clear` ends it")


def _order(kind: str | None, given: Mapping[str, str | float | None]) -> FaultOrder:
    from pydantic import ValidationError

    from harness.lab.faults.order import FaultOrder

    asked = {name: value for name, value in given.items() if value is not None}
    try:
        return FaultOrder.model_validate({"kind": kind, **asked})
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise click.UsageError(f"--{first['loc'][0]}: {first['msg']}") from None
