"""What is told of a program that ended: the line of its logs that matters."""

from __future__ import annotations

from pathlib import Path

from harness.lab.cloudstack.daemon import last_words


def test_the_last_line_that_tells_of_an_error_is_told(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("INFO begun\nERROR the port is taken\nERROR still taken\nINFO going on\n\n", encoding="utf-8")
    assert last_words(log) == f"ERROR still taken ({log})"


def test_without_an_error_it_is_the_last_line(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("begun\nKilled\n", encoding="utf-8")
    assert last_words(log) == f"Killed ({log})"


def test_an_empty_log_leaves_the_word_to_the_next(tmp_path: Path) -> None:
    empty, other = tmp_path / "empty.log", tmp_path / "other.log"
    empty.touch()
    other.write_text("out of memory\n", encoding="utf-8")
    assert last_words(empty, tmp_path / "nowhere.log", other) == f"out of memory ({other})"


def test_nothing_at_all_is_said_to_be_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "nowhere.log") == f"nothing in {tmp_path / 'nowhere.log'}"


def test_a_long_line_is_cut_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("x" * 5000 + " the end\n", encoding="utf-8")
    assert last_words(log).endswith(f" the end ({log})")
    assert len(last_words(log)) < 600
