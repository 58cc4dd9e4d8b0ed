"""Which tests nose's -a and -A select.

Source: nose 1.3.7, nose/plugins/attrib.py: commas are and, repeated options are or, a method's attribute hides that of
its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import HarnessError


class AttributeExpressionError(HarnessError):
    """An --eval-attr expression is not Python, or fails for a test."""


@dataclass(frozen=True)
class Wanted:
    """One demand on an attribute: `value` None asks for a true one, or for none or a false one with `absent`."""

    key: str
    value: str | None = None
    absent: bool = False

    def holds(self, test: object, owner: type | None) -> bool:
        found = attribute(test, owner, self.key)
        if self.value is None:
            return bool(found) is not self.absent
        value = self.value.lower()
        if isinstance(found, list | tuple):
            return value in [str(each).lower() for each in found]
        return value == str(found).lower()


@dataclass(frozen=True)
class Expression:
    """A Python expression in which names are attributes; one that is not there is False."""

    text: str

    def holds(self, test: object, owner: type | None) -> bool:
        try:
            # That it is Python is what nose promises; it comes from whoever starts the run, as the tests do.
            return bool(eval(self.text, None, _Attributes(test, owner)))  # noqa: S307
        except Exception as failure:  # noqa: BLE001 - whatever the expression does wrong is said in one line
            raise AttributeExpressionError(f"--eval-attr {self.text!r}: {failure!r} for {test!r}") from None


class Selection:
    """Groups of demands: a test is selected where all of one group hold, or where there is no group."""

    def __init__(self, attributes: Sequence[str] = (), expressions: Sequence[str] = ()) -> None:
        self._groups: list[list[Wanted | Expression]] = [[Expression(text)] for text in expressions]
        self._groups += [[_wanted(part) for part in group.strip().split(",") if part] for group in attributes]

    def takes(self, test: object, owner: type | None) -> bool:
        """Whether the method `test` of the class `owner` is selected. Raises AttributeExpressionError."""
        return not self._groups or any(all(each.holds(test, owner) for each in group) for group in self._groups)


def attribute(test: object, owner: type | None, key: str) -> object:
    """The method's attribute, else its class's, else False."""
    missing = object()
    found = getattr(test, key, missing)
    if found is missing and owner is not None:
        found = getattr(owner, key, missing)
    return False if found is missing else found


def _wanted(part: str) -> Wanted:
    key, equals, value = part.partition("=")
    if equals:
        return Wanted(key, value)
    return Wanted(key[1:], absent=True) if key.startswith("!") else Wanted(key)


class _Attributes(Mapping[str, object]):
    def __init__(self, test: object, owner: type | None) -> None:
        self._test = test
        self._owner = owner

    def __getitem__(self, key: str) -> object:
        return attribute(self._test, self._owner, key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
