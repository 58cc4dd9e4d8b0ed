"""Lets only one run at a time change a zone's settings, from whichever machine: by a tag on the cloud itself.

The tag is of the cloud's oldest root admin, whom all runs find alike; its key names the zone, and a user has only one
tag of a key. A second tag, of the holder's own, says until when it holds, by the clock of the management server.
"""

from __future__ import annotations

import getpass
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cloud import tags
from harness.cloud.answers import text
from harness.cloud.client import ApiError, CloudApi
from harness.errors import HarnessError
from harness.run.ledger import THE_RUN, LockTaken
from harness.waiting import DeadlineExpired, wait_until

if TYPE_CHECKING:
    from harness.run.session import Session

TIME_TO_LIVE_S = 600.0
_LOCK = "cs-harness-lock"
_UNTIL = "cs-harness-until"
LOST_FILE = ".lock-lost"
_ROOT_ADMIN = 1


class ZoneLockedError(HarnessError):
    """Another run holds the zone; the text says whose it is and how to go on."""


class LockKeptError(HarnessError):
    """A lock that was given back is still there."""


class LockLostError(HarnessError):
    """Another run took the lock over, so this one must change nothing more."""


@dataclass(frozen=True)
class Holder:
    """`value` is what its tag says: run, owner and start; `until` is seconds since 1970, 0 where nothing says it."""

    value: str
    until: float

    @property
    def run_id(self) -> str:
        return self.value.split(" ", 1)[0]


class ServerClock:
    """The management server's clock, told once and kept going here: a jump of this machine's clock changes nothing."""

    def __init__(self, api: CloudApi) -> None:
        told = api.server_time()
        self._began, self._told = time.monotonic(), time.time() if told is None else told

    def now(self) -> float:
        """Seconds since 1970; this machine's where the server does not tell its time."""
        return self._told + time.monotonic() - self._began


class ZoneLock:
    """The lock that one run takes, renews and gives back. The ledger gives it back where the run cannot."""

    def __init__(self, session: Session, run_id: str, folder: Path, time_to_live_s: float = TIME_TO_LIVE_S) -> None:
        self._session = session
        self._api = session.calling_api()
        self._seconds = session.environment.time_limits.job
        self._folder = folder
        self._live_s = time_to_live_s
        zone = session.inventory.zone
        self._zone_name = zone.name
        owner = f"{getpass.getuser()}@{socket.gethostname()}"[:60]
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = f"csh-{run_id}"
        self._change = LockTaken(name=name, zone_id=zone.id, value=f"{name} of {owner} since {started}")
        self._user = oldest_root_admin(self._api)
        self._clock = ServerClock(self._api)
        self._renewals = 0
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def take(self, wait_s: float) -> None:
        """Take it, or wait so long for its holder. From then on it is renewed.

        Raises:
            ZoneLockedError: another run holds it, or the cloud does not let these keys take it.
        """
        self._session.ledger.intend(THE_RUN, self._change)
        try:
            self._hold_longer()
            wait_until(
                f"the lock of zone {self._zone_name}", self._try, lambda taken: taken, wait_s, longest_pause_s=5.0
            )
        except DeadlineExpired:
            holder = _holder(self._api, self._user, self._change.zone_id)
            who = "another run" if holder is None else holder.value
            left = 0.0 if holder is None else max(0.0, holder.until - self._clock.now())
            raise ZoneLockedError(
                f"zone {self._zone_name} is locked by {who}; wait for it (--wait-for-lock SECONDS), or leave "
                f"settings alone (--select smoke); if it is dead, its lock ends in {left:.0f} s or by its cleanup"
            ) from None
        except ApiError as refused:
            raise ZoneLockedError(
                f"zone {self._zone_name} cannot be locked: {refused}; give a root admin's keys, or "
                "leave settings alone (--select smoke)"
            ) from None
        self._renewing = threading.Thread(target=self._renew, name="zone-lock", daemon=True)
        self._renewing.start()

    def stop(self) -> None:
        """Renew it no more; safe to call twice. What the ledger takes back ends it."""
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()

    def _try(self) -> bool:
        key = _lock_key(self._change.zone_id)
        if tags.create(self._api, self._seconds, tags.USER, self._user, {key: self._change.value}).succeeded:
            return True
        holder = _holder(self._api, self._user, self._change.zone_id)
        if holder is not None and holder.value == self._change.value:
            return True
        if holder is not None and holder.until < self._clock.now():
            # Only what it was seen to hold: whoever took it over meanwhile keeps it.
            stale = LockTaken(name=holder.run_id, zone_id=self._change.zone_id, value=holder.value)
            _release(self._api, self._seconds, self._user, stale)
        return False

    def _hold_longer(self) -> None:
        """The new time is there before the old one goes, so that nobody finds none."""
        self._renewals += 1
        key, old = _until_key(self._change), f"{self._renewals - 1}"
        until = f"{self._clock.now() + self._live_s:.0f}"
        tags.create(self._api, self._seconds, tags.USER, self._user, {f"{key}.{self._renewals}": until})
        for name, value in tags.listed(self._api, tags.USER, self._user).items():
            if name == f"{key}.{old}":
                tags.delete(self._api, self._seconds, tags.USER, self._user, name, value)

    def _renew(self) -> None:
        while not self._ended.wait(self._live_s / 4):
            try:
                holder = _holder(self._api, self._user, self._change.zone_id)
                if holder is None or holder.value != self._change.value:
                    who = "nobody" if holder is None else holder.value
                    (self._folder / LOST_FILE).write_text(f"the lock of zone {self._zone_name} is held by {who} now")
                    return
                self._hold_longer()
            except HarnessError:
                # It holds for three more tries; a cloud that does not answer stops the cases by itself.
                continue


def require_lock(folder: Path) -> None:
    """Raises LockLostError where this run has lost the lock that it had."""
    lost = folder / LOST_FILE
    if lost.exists():
        raise LockLostError(f"{lost.read_text(encoding='utf-8')}; this run changes nothing more")


def release(api: CloudApi, seconds: float, change: LockTaken) -> None:
    """Give a lock back, if it is still this run's. Raises HarnessError where the cloud cannot be asked."""
    _release(api, seconds, oldest_root_admin(api), change)


def locks(api: CloudApi) -> Iterator[LockTaken]:
    """All locks on a cloud, whoever holds them."""
    for key, value in tags.listed(api, tags.USER, oldest_root_admin(api)).items():
        if key.startswith(f"{_LOCK}."):
            yield LockTaken(name=value.split(" ", 1)[0], zone_id=key.removeprefix(f"{_LOCK}."), value=value)


def still_held(api: CloudApi) -> dict[str, float]:
    """By the names of the runs that hold a lock now, for how many seconds it still holds."""
    user, now = oldest_root_admin(api), ServerClock(api).now()
    holders = [_holder(api, user, lock.zone_id) for lock in locks(api)]
    left = {holder.run_id: holder.until - now for holder in holders if holder is not None}
    return {run: seconds for run, seconds in left.items() if seconds > 0}


def _release(api: CloudApi, seconds: float, user_id: str, change: LockTaken) -> None:
    """The lock goes first: while it is there its time must be."""
    # Whether it is there or not: a list may be an old one, and another's lock has another value.
    tags.delete(api, seconds, tags.USER, user_id, _lock_key(change.zone_id), change.value)
    for key, value in _times_in(tags.listed(api, tags.USER, user_id), change).items():
        tags.delete(api, seconds, tags.USER, user_id, key, value)
    there = tags.listed(api, tags.USER, user_id)
    if there.get(_lock_key(change.zone_id)) == change.value or _times_in(there, change):
        raise LockKeptError(f"the cloud does not remove the tags of {change} by {change.name}")


def _times_in(there: Mapping[str, str], change: LockTaken) -> dict[str, str]:
    return {key: value for key, value in there.items() if key.startswith(f"{_until_key(change)}.")}


def _holder(api: CloudApi, user_id: str, zone_id: str) -> Holder | None:
    there = tags.listed(api, tags.USER, user_id)
    value = there.get(_lock_key(zone_id))
    if value is None:
        return None
    of_its_own = f"{_until_key(LockTaken(name=value.split(' ', 1)[0], zone_id=zone_id, value=value))}."
    times = [float(until) for key, until in there.items() if key.startswith(of_its_own) and until.isdecimal()]
    return Holder(value, max(times, default=0.0))


def _lock_key(zone_id: str) -> str:
    return f"{_LOCK}.{zone_id}"


def _until_key(change: LockTaken) -> str:
    return f"{_UNTIL}.{change.zone_id}.{change.name}"


def oldest_root_admin(api: CloudApi) -> str:
    """The id of the first user that the cloud's root admins had. Raises ZoneLockedError.

    Never one of a run's own account, which a cloud that was set up this very second has as old ones.
    """
    admins = [
        user
        for user in api.list("listUsers", "user", accounttype=_ROOT_ADMIN, listall=True)
        if not str(user.get("account", "")).startswith("csh-")
    ]
    if not admins:
        raise ZoneLockedError(
            "these keys see no root admin's user, which the lock of a zone needs; give an admin's keys"
        )
    return min((str(each.get("created", "")), text(each, "id")) for each in admins)[1]
