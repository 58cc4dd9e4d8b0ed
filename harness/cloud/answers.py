"""Reads single values out of an answer that may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cloud.client import ApiAnswerError


def part(answer: Any, *path: str | int) -> Any:
    """What stands at `path`: names of objects' fields and places in lists. Raises ApiAnswerError."""
    seen = answer
    for step in path:
        try:
            seen = seen[step]
        except (KeyError, IndexError, TypeError):
            raise ApiAnswerError(f"the API's answer has no {'.'.join(map(str, path))}") from None
    return seen


def text(answer: Any, *path: str | int) -> str:
    """A string or number there, as text. Raises ApiAnswerError."""
    found = part(answer, *path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise ApiAnswerError(f"the API's answer has {type(found).__name__} for {'.'.join(map(str, path))}")
    return str(found)


def number(answer: Any, *path: str | int) -> int:
    """A whole number there. Raises ApiAnswerError."""
    found = text(answer, *path)
    try:
        return int(found)
    except ValueError:
        where = ".".join(map(str, path))
        raise ApiAnswerError(f"the API's answer has {found[:80]!r} for {where}, which is no number") from None


def require_same(command: str, answered: Any, asked: Mapping[str, object]) -> None:
    """Raises ApiAnswerError where an answer tells other values than were asked for: it is another call's, from a cache.

    What it does not tell is not looked at.
    """
    for name, value in asked.items() if isinstance(answered, Mapping) else ():
        told = answered.get(name, value)
        if str(told).lower() != str(value).lower():
            raise ApiAnswerError(f"{command} was asked for {name} {value} and answers for {str(told)[:80]}")
