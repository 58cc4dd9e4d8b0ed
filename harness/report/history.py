"""The history of results: a SQLite file that takes each run, and what it tells of cases and releases over time."""

from __future__ import annotations

import fnmatch
import json
import sqlite3
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import HarnessError
from harness.report.outcomes import BAD, Results, Status

_VERSION = 1
_TABLES = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    started TEXT NOT NULL,
    release TEXT,
    environment TEXT NOT NULL,
    whole INTEGER NOT NULL
);
CREATE TABLE tests (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    seconds REAL,
    flaky INTEGER NOT NULL,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;
"""
# As often as this a case must have changed between good and bad to be called flaky: once may be a mend, or a break.
_FLIPS_OF_A_FLAKY_CASE = 2


class HistoryError(HarnessError):
    """The history file cannot be used."""


@dataclass(frozen=True)
class Run:
    number: int
    name: str
    started: datetime
    release: str | None


@dataclass(frozen=True)
class Look:
    """How a case did in one run."""

    run: Run
    status: Status
    seconds: float | None
    flaky: bool


@dataclass(frozen=True)
class Trend:
    """A case over time, the oldest look first."""

    id: str
    looks: tuple[Look, ...]

    @property
    def flips(self) -> int:
        """Changes between good and bad from run to run of one release: another release may well do otherwise."""
        count = 0
        last: dict[str | None, bool] = {}
        for look in self.looks:
            if look.status is Status.NOT_VERIFIED:
                continue
            bad = look.status in BAD
            count += last.get(look.run.release, bad) is not bad
            last[look.run.release] = bad
        return count

    @property
    def is_flaky(self) -> bool:
        return self.flips >= _FLIPS_OF_A_FLAKY_CASE or any(look.flaky for look in self.looks)

    @property
    def pass_rate(self) -> float | None:
        """Of the looks that ended in a verdict."""
        judged = [look for look in self.looks if look.status is not Status.NOT_VERIFIED]
        return sum(look.status is Status.PASSED for look in judged) / len(judged) if judged else None

    @property
    def durations(self) -> list[float]:
        """Of passes, in seconds."""
        return [look.seconds for look in self.looks if look.status is Status.PASSED and look.seconds is not None]

    @property
    def median_seconds(self) -> float | None:
        return statistics.median(self.durations) if self.durations else None


@dataclass(frozen=True)
class ReleaseTrend:
    """What the newest run of each case said on one release, and how many runs there were."""

    release: str
    runs: int
    counts: dict[Status, int]
    failing: list[str]


class History:
    """An open history file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, results: Results) -> None:
        """Take a result; one of the same name is replaced."""
        started = (results.started or datetime.now(UTC)).astimezone(UTC).isoformat()
        with self._connection as transaction:
            transaction.execute("DELETE FROM runs WHERE name = ?", (results.name,))
            row = (results.name, started, results.release, json.dumps(dict(results.environment)), results.whole)
            number = transaction.execute(
                "INSERT INTO runs (name, started, release, environment, whole) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            transaction.executemany(
                "INSERT INTO tests VALUES (?, ?, ?, ?, ?)",
                ((number, test.id, test.status.value, test.seconds, test.flaky) for test in results.tests.values()),
            )

    def runs(self, *, release: str | None = None, last: int = 30) -> list[Run]:
        """The newest runs, the oldest of them first."""
        rows = self._connection.execute(
            "SELECT number, name, started, release FROM runs WHERE ? IS NULL OR release = ? "
            "ORDER BY started DESC, number DESC LIMIT ?",
            (release, release, last),
        )
        return [Run(number, name, datetime.fromisoformat(began), of) for number, name, began, of in rows][::-1]

    def trends(self, runs: Sequence[Run], pattern: str = "*") -> list[Trend]:
        """Each case that these runs have and whose id matches, by id."""
        looks: dict[str, list[Look]] = {}
        for run in runs:
            rows = self._connection.execute("SELECT id, status, seconds, flaky FROM tests WHERE run = ?", (run.number,))
            for test_id, status, seconds, flaky in rows:
                looks.setdefault(test_id, []).append(Look(run, Status(status), seconds, bool(flaky)))
        return [Trend(one, tuple(looks[one])) for one in sorted(looks) if fnmatch.fnmatchcase(one, pattern)]


def releases(trends: Sequence[Trend]) -> list[ReleaseTrend]:
    """By release, the newest word on each case there."""
    newest: dict[str, dict[str, Status]] = {}
    runs: dict[str, set[int]] = {}
    for trend in trends:
        for look in trend.looks:
            release = look.run.release or "(not told)"
            newest.setdefault(release, {})[trend.id] = look.status
            runs.setdefault(release, set()).add(look.run.number)
    return [
        ReleaseTrend(
            release,
            len(runs[release]),
            {status: sum(one is status for one in said.values()) for status in Status},
            [test_id for test_id, status in said.items() if status in BAD],
        )
        for release, said in sorted(newest.items())
    ]


@contextmanager
def opened(file: Path) -> Iterator[History]:
    """The history in a file, which is made where there is none. Raises HistoryError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=30)
    except (OSError, sqlite3.Error) as failure:
        raise HistoryError(f"{file}: {failure}") from None
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise HistoryError(
                f"{file}: a history of version {version}; this harness knows {_VERSION}: name another file"
            )
        yield History(connection)
    except sqlite3.Error as failure:
        raise HistoryError(f"{file}: no history file, or one in use: {failure}") from None
    finally:
        connection.close()
