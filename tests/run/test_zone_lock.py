"""Only one run at a time may change a zone's settings, whichever machine it is on."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.cloud import tags
from harness.cloud.client import CloudApi
from harness.lab.faults.order import FaultOrder
from harness.run import zone_lock
from harness.run.environment import load
from harness.run.session import Session
from harness.run.zone_lock import LOST_FILE, LockLostError, ZoneLock, ZoneLockedError, locks, require_lock
from harness.waiting import wait_until
from tests.conftest import SimulatedLab
from tests.run.stages import session_of


@pytest.fixture
def sessions(lab: SimulatedLab) -> Iterator[list[Session]]:
    """As of runs on several machines."""
    opened = [session_of(load(lab.cloud_file)) for _ in range(3)]
    for session in opened:
        session.open()
    yield opened
    for session in opened:
        assert session.take_back() == []
        session.close()
    assert _tags_of_locks(opened[0]) == {}


def _tags_of_locks(session: Session) -> dict[str, str]:
    users = session.api.list("listUsers", "user", listall=True)
    found = [tags.listed(session.api, tags.USER, str(user["id"])) for user in users]
    return {key: value for each in found for key, value in each.items() if key.startswith("cs-harness")}


def test_the_second_run_leaves_with_a_line_and_may_come_when_the_first_has_gone(
    sessions: list[Session], tmp_path: Path
) -> None:
    first = ZoneLock(sessions[0], "20260101-000000-1", tmp_path)
    first.take(0)
    with pytest.raises(ZoneLockedError, match=r"zone \S+ is locked by csh-20260101-000000-1 of \S+@\S+ since 20\d\d-"):
        ZoneLock(sessions[1], "20260101-000000-2", tmp_path).take(0)
    assert sessions[1].take_back() == []
    assert [lock.name for lock in locks(sessions[2].api)] == ["csh-20260101-000000-1"]
    first.stop()
    assert sessions[0].take_back() == []
    second = ZoneLock(sessions[1], "20260101-000000-3", tmp_path)
    second.take(0)
    second.stop()


def test_it_is_given_back_though_an_old_list_does_not_have_it(
    sessions: list[Session], lab: SimulatedLab, tmp_path: Path
) -> None:
    lab.faults.arm(FaultOrder.model_validate({"kind": "replayed-answer", "command": "listTags", "nth": 2, "times": 1}))
    assert list(locks(sessions[1].api)) == []
    lock = ZoneLock(sessions[0], "20260101-000000-1", tmp_path)
    try:
        lock.take(0)
        lock.stop()
        assert sessions[0].take_back() == []
        assert [fault.struck for fault in lab.faults.armed] == [1]
    finally:
        lab.faults.clear()
    assert [lock.name for lock in locks(sessions[2].api)] == []


@pytest.mark.parametrize(
    ("times", "told"),
    [(None, "is answered with job .* of an earlier request"), (1, "does not remove the tags of lock of zone")],
)
def test_one_that_the_cloud_did_not_remove_is_told_and_gone_the_next_time(
    sessions: list[Session], lab: SimulatedLab, tmp_path: Path, times: int | None, told: str
) -> None:
    lock = ZoneLock(sessions[0], "20260101-000000-1", tmp_path)
    lock.take(0)
    lock.stop()
    lab.faults.arm(FaultOrder.model_validate({"kind": "replayed-answer", "command": "deleteTags", "times": times}))
    try:
        # Of another process, which this one knows no job of.
        tags.delete(sessions[1].api, 10, tags.USER, zone_lock.oldest_root_admin(sessions[1].api), "no", "such")
        [stayed] = sessions[0].take_back()
        assert re.search(told, stayed)
    finally:
        lab.faults.clear()
    assert sessions[0].take_back() == []


def test_the_user_who_bears_it_is_never_one_of_a_runs_own_account(sessions: list[Session]) -> None:
    api = sessions[0].api
    bearer = zone_lock.oldest_root_admin(api)
    users = api.list("listUsers", "user", accounttype=1, listall=True)
    own = {**users[0], "account": "csh-20260101-000000-1", "id": "00000000", "created": "2000-01-01T00:00:00+0000"}
    fake = SimpleNamespace(list=lambda *_, **__: [own, *users])
    assert zone_lock.oldest_root_admin(cast("CloudApi", fake)) == bearer


def test_of_many_that_come_at_once_one_has_it(sessions: list[Session], tmp_path: Path) -> None:
    runs = [ZoneLock(sessions[n % 3], f"20260101-000000-{n}", tmp_path) for n in range(9)]

    def take(run: ZoneLock) -> bool:
        try:
            run.take(0)
        except ZoneLockedError:
            return False
        return True

    with ThreadPoolExecutor(9) as threads:
        assert sum(threads.map(take, runs)) == 1
    for run in runs:
        run.stop()


def test_who_waits_gets_it_when_it_is_given_back(sessions: list[Session], tmp_path: Path) -> None:
    first, second = (ZoneLock(sessions[n], f"20260101-000000-{n}", tmp_path) for n in (1, 2))
    first.take(0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(second.take, 60)
        wait_until("it to wait", lambda: len(_tags_of_locks(sessions[0])), lambda there: there >= 3, 20)
        first.stop()
        assert sessions[1].take_back() == []
        waiting.result(60)
    second.stop()
    assert [lock.name for lock in locks(sessions[0].api)] == ["csh-20260101-000000-2"]


def test_one_that_is_not_renewed_is_taken_over_once(sessions: list[Session], tmp_path: Path) -> None:
    dead = ZoneLock(sessions[0], "20260101-000000-1", tmp_path, time_to_live_s=1.0)
    dead.take(0)
    dead.stop()
    heirs = [ZoneLock(sessions[n], f"20260101-000000-{n + 1}", tmp_path) for n in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(heir.take, 4) for heir in heirs]
        assert sum(one.exception(60) is None for one in taken) == 1
    for heir in heirs:
        heir.stop()
    # What the dead run's ledger still says does not take the heir's lock away.
    assert sessions[0].take_back() == []
    assert len(list(locks(sessions[0].api))) == 1


def test_it_is_renewed_while_the_run_goes_on(sessions: list[Session], tmp_path: Path) -> None:
    run = ZoneLock(sessions[0], "20260101-000000-1", tmp_path, time_to_live_s=2.0)
    run.take(0)
    ends = time.time() + 2
    untils = wait_until(
        "a later end",
        lambda: [float(v) for k, v in _tags_of_locks(sessions[1]).items() if "until" in k],
        lambda found: max(found) > ends + 1,
        20,
    )
    assert len(untils) <= 2
    run.stop()


def test_who_lost_it_begins_no_more_cases(sessions: list[Session], tmp_path: Path) -> None:
    require_lock(tmp_path)
    run = ZoneLock(sessions[0], "20260101-000000-1", tmp_path, time_to_live_s=1.0)
    run.take(0)
    api = sessions[1].api
    for lock in locks(api):
        sessions[1].ledger.intend("", lock)
    assert sessions[1].take_back() == []
    wait_until("it to notice", (tmp_path / LOST_FILE).exists, bool, 20)
    with pytest.raises(LockLostError, match="is held by nobody now; this run changes nothing more"):
        require_lock(tmp_path)
    run.stop()


def test_whoevers_clock_is_wrong_takes_nothing_over_and_holds_nothing_longer(
    sessions: list[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = SimpleNamespace(time=lambda: time.time() + 7200, monotonic=time.monotonic)
    first = ZoneLock(sessions[0], "20260101-000000-1", tmp_path)
    first.take(0)
    monkeypatch.setattr(zone_lock, "time", ahead)
    with pytest.raises(ZoneLockedError, match="is locked by csh-20260101-000000-1"):
        ZoneLock(sessions[1], "20260101-000000-2", tmp_path).take(0)
    first.stop()
    assert sessions[0].take_back() == []
    second = ZoneLock(sessions[1], "20260101-000000-3", tmp_path)
    second.take(0)
    second.stop()
    [seconds] = zone_lock.still_held(sessions[2].api).values()
    assert seconds <= zone_lock.TIME_TO_LIVE_S + 2
