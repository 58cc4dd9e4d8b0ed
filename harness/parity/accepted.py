"""The differences that a person has looked at and accepted, each with its reason."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field

from harness.errors import HarnessError
from harness.parity.exchanges import Difference
from harness.toml_file import Table, read


class AcceptedFileError(HarnessError):
    """The file of accepted differences cannot be used; the text names the key."""


class Accepted(Table):
    """`exchange` and `path` may have `*`. `reason` says why our lab may differ there."""

    exchange: str = Field(min_length=1)
    path: str = Field(min_length=1)
    reason: str = Field(min_length=10)

    def covers(self, difference: Difference) -> bool:
        return fnmatchcase(difference.exchange, self.exchange) and fnmatchcase(difference.path, self.path)


class AcceptedDifferences(Table):
    accepted: list[Accepted] = Field(default_factory=list)

    def reason(self, difference: Difference) -> str | None:
        """Why it is accepted; None where it is not."""
        return next((each.reason for each in self.accepted if each.covers(difference)), None)

    def unused(self, seen: list[Difference]) -> list[Accepted]:
        """Those that cover nothing that was seen: what was a difference is none any more."""
        return [each for each in self.accepted if not any(each.covers(difference) for difference in seen)]


def load_accepted(file: Path | None) -> AcceptedDifferences:
    """Raises AcceptedFileError."""
    if file is None:
        return AcceptedDifferences()
    return read(file, AcceptedDifferences, AcceptedFileError, given_as="--accepted")
