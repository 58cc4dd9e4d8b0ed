"""What is told of a management server that did not come up."""

from __future__ import annotations

from pathlib import Path

from harness.lab.cloudstack.management_server import why_not_up

FAILED = (
    "00:42:17 WARN (main:[]) Failed to start module [core] due to: [Error creating bean with name 'depot': Unsatisfied "
    "dependency; nested exception is CannotLoadBeanClassException: Cannot find class [a.Dao]; nested exception is "
    "java.lang.ClassNotFoundException: a.Dao].\n"
)
FOLLOWING = "00:42:18 WARN (main:[]) Failed to start module [planner] due to: [No bean named 'Resources' available].\n"
END = "Caused by: NoSuchBeanDefinitionException: No bean named 'Resources' available\n"


def test_the_first_module_that_failed_is_told_and_not_those_that_failed_for_want_of_it(tmp_path: Path) -> None:
    log = tmp_path / "management-server.log"
    log.write_text("INFO begun\n" + FAILED + FOLLOWING + END, encoding="utf-8")
    said = why_not_up(log, tmp_path / "server.out")
    assert said == f"module core did not start: java.lang.ClassNotFoundException: a.Dao ({log})"


def test_a_server_whose_modules_started_is_told_by_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "management-server.log"
    log.write_text("INFO begun\n" + END + "INFO going on\n", encoding="utf-8")
    assert why_not_up(log, tmp_path / "server.out") == f"{END.strip()} ({log})"


def test_a_server_without_a_log_is_told_by_what_it_printed(tmp_path: Path) -> None:
    output = tmp_path / "server.out"
    output.write_text("Killed\n", encoding="utf-8")
    assert why_not_up(tmp_path / "nowhere.log", output) == f"Killed ({output})"
