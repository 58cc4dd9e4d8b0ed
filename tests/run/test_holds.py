"""Places are shared by those who agree, held alone by those who must be, and given free by the dead."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.run.holds import Claim, Holds
from harness.waiting import DeadlineExpired, wait_until

OFF = Claim(zone_settings={"enable": "false"})
ZONE = Claim(alone="zone")
CLUSTER = Claim(alone="cluster")
_TOGETHER_SECONDS = 20.0

_HOLDER = """
import sys, time
from pathlib import Path
from harness.run.holds import Claim, Holds
from harness.waiting import DeadlineExpired
holds = Holds(Path(sys.argv[1]))
with holds.zone(Claim(alone="zone"), lambda terms: None):
    print("held", flush=True)
    time.sleep(60)
"""


def _nothing(terms: Mapping[str, str]) -> None:
    del terms


@pytest.mark.parametrize("claim", [Claim(), OFF], ids=["presumed", "other settings"])
def test_cases_of_the_same_terms_are_in_the_zone_together(tmp_path: Path, claim: Claim) -> None:
    holds, both = Holds(tmp_path), Barrier(2)

    def run() -> None:
        with holds.zone(claim, _nothing):
            both.wait(_TOGETHER_SECONDS)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(run) for _ in range(2)]:
            done.result()


def test_cases_of_other_terms_wait_and_find_their_own_settings(tmp_path: Path) -> None:
    holds, in_force, seen = Holds(tmp_path), {"enable": "true"}, []

    def arrange(terms: Mapping[str, str]) -> None:
        in_force["enable"] = terms.get("enable", "true")

    def run(claim: Claim) -> None:
        with holds.zone(claim, arrange):
            wanted = claim.zone_settings.get("enable", "true")
            seen.append(in_force["enable"] == wanted)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(run, claim) for claim in [Claim(), OFF, Claim(), OFF] * 5]:
            done.result()
    assert seen == [True] * 20


def test_who_wants_the_other_settings_that_are_in_force_passes_whoever_waits_for_a_change(tmp_path: Path) -> None:
    holds, order = Holds(tmp_path), []

    def presumes() -> None:
        with holds.zone(Claim(), lambda terms: order.append(dict(terms))):
            order.append("presumes")

    def waits() -> bool:
        return (tmp_path / "zone.line").exists() and holds._somebody_waits()

    with ThreadPoolExecutor(1) as threads:
        with holds.zone(OFF, _nothing):
            waiting = threads.submit(presumes)
            wait_until("the other one to stand in line", waits, bool, _TOGETHER_SECONDS)
            with holds.zone(OFF, _nothing):
                order.append("passes")
        waiting.result()
    assert order == ["passes", {}, "presumes"]


def test_settings_that_could_not_be_arranged_are_arranged_by_the_next(tmp_path: Path) -> None:
    holds, arranged = Holds(tmp_path), []

    def refuse(terms: Mapping[str, str]) -> None:
        raise OSError(f"the cloud refuses {terms}")

    with pytest.raises(OSError, match="the cloud refuses"), holds.zone(OFF, refuse):
        pass
    with holds.zone(Claim(), lambda terms: arranged.append(dict(terms))):
        pass
    assert arranged == [{}]


def test_a_free_cluster_is_taken_where_the_first_is_held_alone(tmp_path: Path) -> None:
    holds = Holds(tmp_path)
    with holds.cluster(CLUSTER, ["a", "b"]) as first, holds.cluster(Claim(), ["a", "b"]) as second:
        assert (first, second) == ("a", "b")


def test_a_cluster_that_is_to_be_held_alone_is_waited_for(tmp_path: Path) -> None:
    holds, leave, entered = Holds(tmp_path), Event(), Event()

    def run() -> None:
        with holds.cluster(CLUSTER, ["a"]):
            entered.set()

    with ThreadPoolExecutor(1) as threads:
        with holds.cluster(Claim(), ["a"]):
            waiting = threads.submit(run)
            assert not entered.wait(0.2)
            leave.set()
        waiting.result()
    assert entered.is_set()


@pytest.mark.parametrize("claim", [ZONE, CLUSTER], ids=["zone", "cluster"])
def test_a_chain_keeps_its_place_between_its_cases_and_gives_it_free_after_the_last(
    tmp_path: Path, claim: Claim
) -> None:
    mine, theirs, begun = Holds(tmp_path), Holds(tmp_path), Event()
    order: list[str] = []

    def case(holds: Holds, own: Claim, name: str, then: Claim | None) -> None:
        with holds.zone(own, _nothing, then), holds.cluster(own, ["a"], then):
            begun.set()
            order.append(name)

    with ThreadPoolExecutor(1) as threads:
        case(mine, claim, "first", claim)
        waiting = threads.submit(case, theirs, Claim(), "other", None)
        begun.clear()
        assert not begun.wait(0.2)
        case(mine, claim, "second", Claim())
        waiting.result(_TOGETHER_SECONDS)
    assert order == ["first", "second", "other"]


def test_a_chain_of_a_cluster_lets_in_who_waits_for_the_zone(tmp_path: Path) -> None:
    mine, theirs = Holds(tmp_path), Holds(tmp_path)
    order: list[str] = []

    def case(holds: Holds, claim: Claim, then: Claim | None) -> None:
        with holds.zone(claim, _nothing, then), holds.cluster(claim, ["a"], then):
            order.append(claim.alone or "")

    with ThreadPoolExecutor(1) as threads:
        with mine.zone(CLUSTER, _nothing, CLUSTER), mine.cluster(CLUSTER, ["a"], CLUSTER):
            waiting = threads.submit(case, theirs, ZONE, None)
            wait_until("the other to stand in line", mine._somebody_waits, bool, _TOGETHER_SECONDS)
        case(mine, CLUSTER, None)
        waiting.result(_TOGETHER_SECONDS)
    assert order == ["zone", "cluster"]


@pytest.mark.parametrize("comes", [Claim(), OFF, Claim(alone="cluster", hosts=2), ZONE], ids=str)
def test_a_place_that_was_kept_for_a_case_that_does_not_come_is_given_free(tmp_path: Path, comes: Claim) -> None:
    holds = Holds(tmp_path)
    with holds.zone(CLUSTER, _nothing, CLUSTER), holds.cluster(CLUSTER, ["a"], CLUSTER):
        pass
    with holds.zone(comes, _nothing), holds.cluster(comes, ["a"]) as cluster:
        assert cluster == "a"


def test_another_cluster_is_had_where_the_kept_one_will_not_do_any_more(tmp_path: Path) -> None:
    holds = Holds(tmp_path)
    with holds.zone(CLUSTER, _nothing, CLUSTER), holds.cluster(CLUSTER, ["a", "b"], CLUSTER) as first:
        assert first == "a"
    with holds.zone(CLUSTER, _nothing), holds.cluster(CLUSTER, ["b"]) as second:
        assert second == "b"
    with holds.cluster(Claim(), ["a"]) as free:
        assert free == "a"


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with Holds(tmp_path).zone(ZONE, _nothing):
        assert json.loads((tmp_path / "zone.terms").read_text() if (tmp_path / "zone.terms").exists() else "{}") == {}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(claims=st.lists(st.sampled_from([Claim(), OFF, ZONE, CLUSTER, Claim(alone="cluster", hosts=2)]), max_size=12))
def test_nobody_is_ever_with_somebody_who_disagrees(
    tmp_path_factory: pytest.TempPathFactory, claims: list[Claim]
) -> None:
    holds, guard = Holds(tmp_path_factory.mktemp("holds")), Lock()
    inside: list[tuple[Claim, str]] = []
    clashes: list[object] = []

    def run(claim: Claim) -> None:
        with holds.zone(claim, _nothing), holds.cluster(claim, ["a", "b"][: 3 - claim.hosts]) as cluster:
            with guard:
                for other, its_cluster in inside:
                    if (
                        "zone" in (claim.alone, other.alone)
                        or claim.zone_settings != other.zone_settings
                        or (cluster == its_cluster and "cluster" in (claim.alone, other.alone))
                    ):
                        clashes.append((claim, other))
                inside.append((claim, cluster))
            with guard:
                inside.remove((claim, cluster))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(run, claim) for claim in claims]:
            done.result()
    assert clashes == []


def test_waiting_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.holds._TURN_SECONDS", 0.1)
    holds = Holds(tmp_path)
    with (
        holds.cluster(CLUSTER, ["a"]),
        pytest.raises(DeadlineExpired, match=r"waited 0\.1 s for a cluster that no other case holds alone"),
        holds.cluster(Claim(), ["a"]),
    ):
        pass


def test_as_many_cases_share_a_host_as_have_room_there(tmp_path: Path) -> None:
    holds = Holds(tmp_path, {"a": 2})
    with holds.host(["a", "b"]) as first, holds.host(["a", "b"]) as second, holds.host(["a", "b"]) as third:
        assert (first, second, third) == ("a", "a", "b")


def test_a_host_that_is_full_is_waited_for(tmp_path: Path) -> None:
    holds, leave, entered = Holds(tmp_path), Event(), Event()

    def stay() -> None:
        with holds.host(["a"]):
            entered.set()
            leave.wait(_TOGETHER_SECONDS)

    with ThreadPoolExecutor(2) as threads:
        staying = threads.submit(stay)
        assert entered.wait(_TOGETHER_SECONDS)
        coming = threads.submit(lambda: holds.host(["a"]).__enter__())
        assert not coming.done()
        leave.set()
        assert coming.result(_TOGETHER_SECONDS) == "a"
        staying.result()


def test_a_section_waits_until_the_one_before_has_left_and_tells_of_it(tmp_path: Path) -> None:
    holds, guard = Holds(tmp_path), Lock()
    inside: list[str] = []
    mixed: list[list[str]] = []
    left: list[tuple[str, list[str]]] = []

    def case(section: str) -> None:
        with holds.section(section, lambda before: left.append((before, list(inside)))):
            with guard:
                inside.append(section)
                if len(set(inside)) > 1:
                    mixed.append(list(inside))
            with guard:
                inside.remove(section)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(case, section) for section in ["CAP", "CAP", "LS", "MIG"] * 5]:
            done.result()
    assert mixed == []
    # Nobody was there any more when a section was told to have ended, and none was forgotten.
    assert [who for _, who in left] == [[]] * len(left)
    assert {section for section, _ in left} | {holds.last_section} == {"CAP", "LS", "MIG"}


def test_cases_of_one_section_are_in_it_together(tmp_path: Path) -> None:
    holds, both = Holds(tmp_path), Barrier(2)

    def run() -> None:
        with holds.section("LS", lambda before: pytest.fail(f"{before} was told to have ended")):
            both.wait(_TOGETHER_SECONDS)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(run) for _ in range(2)]:
            done.result()
