"""Who may use a place of the cloud now: cases that agree on its settings side by side, others one after another.

Cases run in several processes of one machine; the kernel gives a place free when its holder dies.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.waiting import wait_until

# Longer than any case; a case that hangs ends by its own deadlines.
_TURN_SECONDS = 4 * 3600.0

# The chain of cases that are alone in the zone.
ALONE_IN_THE_ZONE = "zone"

Terms = Mapping[str, str]
Arrange = Callable[[Terms], None]


@dataclass(frozen=True)
class Claim:
    """What a case needs of the cloud for itself.

    `alone`: nobody else is in its cluster, or in the zone, so that it may change settings there and fill hosts; the
    cluster has at least `hosts` usable ones. `zone_settings`: values that differ from what cases presume, shared with
    cases that want the same.
    """

    alone: Literal["cluster", "zone"] | None = None
    hosts: int = 1
    zone_settings: Terms = field(default_factory=dict)

    @property
    def chain(self) -> str | None:
        """Cases of one chain cannot overlap; None where a case can overlap with any other of its terms."""
        if self.alone == "zone":
            return ALONE_IN_THE_ZONE
        return f"cluster of {self.hosts}" if self.alone else None

    def is_followed_by(self, then: Claim | None) -> bool:
        """Whether a case with the claim `then` may have the same place without anybody in between."""
        if then is None or self.chain is None:
            return False
        return then.chain == self.chain and dict(then.zone_settings) == dict(self.zone_settings)


class Holds:
    """The places of one run, as files in a folder that all its processes share."""

    def __init__(self, folder: Path, places: Mapping[str, int] | None = None) -> None:
        """`places`: by host id, how many cases may share a host; one where nothing is said."""
        self._folder = folder
        self._places = places or {}
        # For the next case of a chain that this process goes on with; the stacks give it free.
        self._kept_zone: tuple[Claim, ExitStack] | None = None
        self._kept_cluster: tuple[str, ExitStack] | None = None

    @contextmanager
    def zone(self, claim: Claim, arrange: Arrange, then: Claim | None = None) -> Iterator[None]:
        """Hold the zone on the claim's terms; `arrange` brings its settings to them where they are not.

        `then` is what this process claims next. Cases of one chain keep their place in between: each that slipped in
        would make the whole chain wait, and win nothing, since all of the chain has to be alone some time. Whoever
        waits for a cluster's chain to leave the zone is let in before its next case, since everybody waits behind him.
        """
        kept, self._kept_zone = self._kept_zone, None
        if kept is not None and not kept[0].is_followed_by(claim):
            self._let_go(kept[1])
            kept = None
        stack = kept[1] if kept is not None else self._entered_zone(claim, arrange)
        try:
            yield
        finally:
            if claim.is_followed_by(then) and (claim.alone == "zone" or not self._somebody_waits()):
                self._kept_zone = claim, stack
            else:
                self._let_go(stack)

    def _somebody_waits(self) -> bool:
        with _opened(self._folder / "zone.line") as line:
            return not _try(line, fcntl.LOCK_EX)

    def _let_go(self, zone: ExitStack) -> None:
        """Of a chain's place the cluster goes first."""
        if self._kept_cluster is not None:
            self._kept_cluster[1].close()
            self._kept_cluster = None
        zone.close()

    def _entered_zone(self, claim: Claim, arrange: Arrange) -> ExitStack:
        alone = claim.alone == "zone"
        with ExitStack() as stack:
            held = stack.enter_context(_opened(self._folder / "zone.held"))
            if claim.zone_settings and not alone and self._joins(held, claim.zone_settings):
                return stack.pop_all()
            # Newcomers stand in line here, so that a change of terms does not wait for ever.
            with _opened(self._folder / "zone.line") as line:
                fcntl.flock(line, fcntl.LOCK_EX)
                if alone or self._terms() != dict(claim.zone_settings):
                    fcntl.flock(held, fcntl.LOCK_EX)
                    self._agree(claim.zone_settings, arrange)
                if not alone:
                    fcntl.flock(held, fcntl.LOCK_SH)
            return stack.pop_all()

    def _joins(self, held: int, terms: Terms) -> bool:
        """Enter past the line where the zone has the terms now: they are of few cases, and each change of terms costs
        the time of everybody. Nobody changes them as long as somebody is in."""
        if not _try(held, fcntl.LOCK_SH):
            return False
        if self._terms() == dict(terms):
            return True
        fcntl.flock(held, fcntl.LOCK_UN)
        return False

    @contextmanager
    def section(self, name: str, left: Callable[[str], None]) -> Iterator[None]:
        """Hold the whole cloud for a section's cases; `left` hears of the one before when all its cases have ended."""
        with ExitStack() as stack:
            held = stack.enter_context(_opened(self._folder / "section.held"))
            # Newcomers stand in line here, so that another section does not wait for ever.
            with _opened(self._folder / "section.line") as line:
                fcntl.flock(line, fcntl.LOCK_EX)
                before = self.last_section
                if before != name:
                    fcntl.flock(held, fcntl.LOCK_EX)
                    if before is not None:
                        left(before)
                    self._section_file.write_text(name, encoding="utf-8")
                fcntl.flock(held, fcntl.LOCK_SH)
            yield

    @property
    def last_section(self) -> str | None:
        """The section that holds the cloud, or did last; None where none ever did."""
        return self._section_file.read_text(encoding="utf-8") if self._section_file.exists() else None

    @property
    def _section_file(self) -> Path:
        return self._folder / "section.now"

    @contextmanager
    def cluster(self, claim: Claim, candidates: Sequence[str], then: Claim | None = None) -> Iterator[str]:
        """Hold the first of the candidates that can be had, alone or with others; gives its id. `then` as in `zone`."""
        kept, self._kept_cluster = self._kept_cluster, None
        if kept is not None and kept[0] not in candidates:
            kept[1].close()
            kept = None
        place, stack = kept or self._entered_cluster(claim, candidates)
        try:
            yield place
        finally:
            if claim.alone == "cluster" and claim.is_followed_by(then):
                self._kept_cluster = place, stack
            else:
                stack.close()

    def _entered_cluster(self, claim: Claim, candidates: Sequence[str]) -> tuple[str, ExitStack]:
        with ExitStack() as stack:
            chosen: str = wait_until(
                "a cluster that no other case holds alone",
                lambda: next((place for place in candidates if self._enter(place, claim, stack)), ""),
                bool,
                _TURN_SECONDS,
                first_pause_s=0.02,
                longest_pause_s=0.1,
            )
            return chosen, stack.pop_all()

    @contextmanager
    def host(self, candidates: Sequence[str]) -> Iterator[str]:
        """Hold a place on the first of the candidates that has one free; gives the host's id."""
        with ExitStack() as stack:
            chosen: str = wait_until(
                "a host that has room for one more case",
                lambda: next((host for host in candidates if self._sit_down(host, stack)), ""),
                bool,
                _TURN_SECONDS,
                first_pause_s=0.02,
                longest_pause_s=0.1,
            )
            yield chosen

    def _sit_down(self, host: str, stack: ExitStack) -> bool:
        for number in range(self._places.get(host, 1)):
            with ExitStack() as attempt:
                if _try(attempt.enter_context(_opened(self._folder / f"host-{host}-{number}.held")), fcntl.LOCK_EX):
                    stack.push(attempt.pop_all())
                    return True
        return False

    def _enter(self, place: str, claim: Claim, stack: ExitStack) -> bool:
        with ExitStack() as attempt:
            held = attempt.enter_context(_opened(self._folder / f"cluster-{place}.held"))
            with _opened(self._folder / f"cluster-{place}.line") as line:
                if not _try(line, fcntl.LOCK_EX):
                    return False
                if claim.alone == "cluster":
                    fcntl.flock(held, fcntl.LOCK_EX)
                elif not _try(held, fcntl.LOCK_SH):
                    return False
            stack.push(attempt.pop_all())
            return True

    def _terms(self) -> dict[str, str] | None:
        """The terms on which the zone is held; None where the last change of terms failed half-way."""
        file = self._folder / "zone.terms"
        agreed: dict[str, str] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return agreed

    def _agree(self, terms: Terms, arrange: Arrange) -> None:
        if self._terms() == dict(terms):
            return
        file = self._folder / "zone.terms"
        file.write_text("null", encoding="utf-8")
        arrange(terms)
        file.write_text(json.dumps(dict(terms)), encoding="utf-8")


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    """A descriptor of its own: locks belong to it, also between threads of one process."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
