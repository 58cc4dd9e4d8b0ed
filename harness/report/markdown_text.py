"""Puts foreign text into Markdown so that it stays text, also where GitHub would make links and mentions of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_SIGNS = "\\`*_{}[]<>|~#&"
# Between "@" and a name: GitHub then mentions nobody.
_WORD_JOINER = "\N{WORD JOINER}"


def escaped(text: str, signs: str = _SIGNS) -> str:
    """The text with a backslash before each of `signs`."""
    return "".join(f"\\{char}" if char in signs else char for char in text)


def inline(text: str, longest: int = 300) -> str:
    """Foreign text as one line of plain Markdown, cut at `longest` characters."""
    line = " ".join(text.split())
    line = line if len(line) <= longest else f"{line[:longest]} ..."
    return escaped(line).replace("@", f"@{_WORD_JOINER}")


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table; the cells are Markdown already."""
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def fitting(lines: Iterable[str], limit: int, size: int = 0) -> tuple[list[str], int]:
    """Those of the lines that come first and fit into `limit` bytes beside `size`, and how many do not."""
    kept: list[str] = []
    left_out = 0
    for line in lines:
        size += len(line.encode()) + 1
        if left_out or size > limit:
            left_out += 1
        else:
            kept.append(line)
    return kept, left_out
