"""Each part comes back once, whatever happens to the worker that has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine.dask import Dask, EngineError
from harness.engine.here import Here
from harness.engine.parts import Part, PartsEngine
from tests.engine.work import Errand, run


@pytest.fixture(scope="module")
def dask() -> Iterator[Dask]:
    with Dask("local:2") as engine:
        yield engine


def parts(folder: Path, **deaths: int) -> list[Part[Errand]]:
    return [Part(name, Errand(name, folder, number)) for name, number in deaths.items()]


@pytest.mark.parametrize("kind", ["here", "dask"])
def test_every_part_comes_back_once_with_its_result_or_its_failure(kind: str, dask: Dask, tmp_path: Path) -> None:
    engine: PartsEngine = Here() if kind == "here" else dask
    errands = [*parts(tmp_path, a=0, b=0, c=0), Part("d", Errand("d", tmp_path, fails=True))]
    done = {one.key: one for one in engine.carry_out(run, errands)}
    assert [done[key].result for key in "abc"] == ["a done", "b done", "c done"]
    assert (done["d"].result, done["d"].failure) == (None, "d cannot be done")
    assert len(list(tmp_path.iterdir())) == 4


def test_the_part_of_a_worker_that_is_killed_is_done_once_more_and_counted_once(dask: Dask, tmp_path: Path) -> None:
    done = list(dask.carry_out(run, parts(tmp_path, a=0, b=1, c=0, d=0)))
    assert sorted(one.key for one in done) == ["a", "b", "c", "d"]
    assert {one.result for one in done} == {f"{key} done" for key in "abcd"}
    begun = [file.name for file in tmp_path.iterdir()]
    assert sorted(name for name in begun if name.startswith("b.")) == ["b.0", "b.1"]


def test_a_part_that_is_lost_twice_is_a_failure_and_keeps_no_other_from_being_done(dask: Dask, tmp_path: Path) -> None:
    done = {one.key: one for one in dask.carry_out(run, parts(tmp_path, a=99, b=0, c=0))}
    assert done["a"].result is None
    assert "were lost" in str(done["a"].failure)
    assert (done["b"].result, done["c"].result) == ("b done", "c done")
    assert len(list(tmp_path.glob("a.*"))) == 2


def test_a_part_goes_to_the_workers_that_are_near(dask: Dask, tmp_path: Path) -> None:
    far = Part("far", Errand("far", tmp_path), near="site-z")
    near = Part("near", Errand("near", tmp_path), near="")
    done = {one.key: one for one in dask.carry_out(run, [far, near])}
    assert done["near"].result == "near done"
    assert done["far"].failure == "no worker's name begins with 'site-z'"


@pytest.mark.parametrize("address", ["ray://x:1", "local:0", "local:many", "dask://nowhere"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(EngineError, match="dask://host:port or local:processes"):
        Dask(address)


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engine.dask._CONNECT_S", 0.5)
    with pytest.raises(EngineError, match="no Dask scheduler answers"):
        Dask("dask://127.0.0.1:9")
