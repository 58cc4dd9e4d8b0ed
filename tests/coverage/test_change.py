"""Which lines a diff is about, and what is no diff of a class."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.coverage.change import Change, DiffError, read_change, require_fits
from tests.coverage.programs import DIFF, TREE


def diff(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "change.diff"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_added_and_changed_lines_are_known_by_their_number_in_the_new_text() -> None:
    change = read_change(DIFF)
    (file,) = change.files
    assert file.path == "src/main/java/org/example/Scale.java"
    assert (file.package, file.key) == ("org/example", "org/example/Scale.java")
    assert file.lines[15] == "        if (wanted > CEILING || by < 0) {"
    assert 14 not in file.lines
    assert change.others == ("docs/scale.txt", "src/test/java/org/example/ScaleTest.java")


def test_a_mail_of_git_format_patch_is_read_as_well(tmp_path: Path) -> None:
    text = DIFF.read_text(encoding="utf-8")
    mail = (
        f"From 1 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH] One\n\n---\n{text}-- \n2.39.5\n\n"
    )
    assert read_change(diff(tmp_path, mail)) == read_change(DIFF)


def test_a_module_is_no_part_of_the_package(tmp_path: Path) -> None:
    text = DIFF.read_text(encoding="utf-8").replace("src/main/java", "engine/orchestration/src/main/java")
    (file,) = read_change(diff(tmp_path, text)).files
    assert (file.package, file.class_file) == ("org/example", "org/example/Scale.class")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no unified diff"),
        ("hello\n", "no unified diff"),
        (b"\x00\xff\xfe", "no unified diff"),
        ("--- a/A.java\n+++ b/A.java\n@@ -1,9 +1,9 @@\n one\n", "no unified diff"),
        ("--- a/x.sql\n+++ b/x.sql\n@@ -1 +1 @@\n-a\n+b\n", "touches no class"),
        ("--- a/src/test/java/A.java\n+++ b/src/test/java/A.java\n@@ -1 +1 @@\n-a\n+b\n", "touches no class"),
        ("--- a/src/main/java/A.java\n+++ b/src/main/java/A.java\n@@ -1,2 +1 @@\n-a\n b\n", "touches no class"),
    ],
)
def test_what_is_no_diff_of_a_class_is_told_in_one_line(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(DiffError, match=why) as told:
        read_change(diff(tmp_path, text))
    assert "\n" not in str(told.value)


def test_a_diff_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiffError, match="No such file"):
        read_change(tmp_path / "nowhere.diff")


def test_a_diff_of_the_sources_that_were_built_fits() -> None:
    require_fits(read_change(DIFF), TREE)


def test_a_diff_of_other_sources_is_refused_with_the_first_line_that_differs(tmp_path: Path) -> None:
    text = DIFF.read_text(encoding="utf-8").replace("7777", "1")
    with pytest.raises(DiffError, match=r"line 28 of .*Scale\.java reads 'if \(wanted == 7777\) \{' there") as told:
        require_fits(read_change(diff(tmp_path, text)), TREE)
    assert "\n" not in str(told.value)


def test_a_diff_of_a_file_that_was_not_built_is_refused(tmp_path: Path) -> None:
    text = DIFF.read_text(encoding="utf-8").replace("/Scale.java", "/Other.java")
    change: Change = read_change(diff(tmp_path, text))
    with pytest.raises(DiffError, match=r"Other\.java cannot be read in the sources built"):
        require_fits(change, TREE)
