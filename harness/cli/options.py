"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., None])

STATE = Path(".lab")
STATE_FOLDER = click.Path(path_type=Path, file_okay=False)


def hosts_option(command: Command) -> Command:
    kinds = click.Choice(["kvm", "simulated", "auto"])
    return click.option("--hosts", type=kinds, default="auto", help="The embedded lab's hosts.")(command)


def latency_option(command: Command) -> Command:
    text = "How long operations of the embedded lab take: instant, real-cloud, real-cloud/10, or a TOML file."
    return click.option("--latency", default="instant", metavar="NAME|FILE", help=text)(command)


def clock_option(command: Command) -> Command:
    kinds = click.Choice(["wall", "virtual"])
    text = "The embedded lab's clock; a virtual one (simulated hosts only) jumps over latencies."
    return click.option("--clock", type=kinds, default="wall", help=text)(command)


def state_option(command: Command) -> Command:
    return click.option("--state", type=STATE_FOLDER, default=STATE, help="Where labs keep their files.")(command)


def defect_option(command: Command) -> Command:
    told = "Have one of the defects that docs/defects.md lists."
    return click.option("--defect", metavar="ID", help=told)(command)


def mended_option(command: Command) -> Command:
    told = "Have the embedded lab without the known defects of its release."
    return click.option("--mended", is_flag=True, help=told)(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON in place of text.")(command)
