"""A lab's state as one table on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.lab.control_endpoint.rows import COLUMNS, Row, rows
from harness.lab.control_endpoint.state import LabState


def print_table(state: LabState) -> None:
    """Write it to standard output, as wide as the terminal, or as it needs where there is none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    last = ""
    for row in rows(state):
        if last not in ("", row.what):
            table.add_section()
        # Text and not str: what users wrote is no markup.
        table.add_row(*(Text(cell, style=_style(row, number)) for number, cell in enumerate(row.cells)))
        last = row.what
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, table.__rich_measure__(console, console.options).maximum)
    console.print(table)


def _style(row: Row, number: int) -> str:
    return "bold red" if row.is_bad and COLUMNS[number] == "state" else ""
