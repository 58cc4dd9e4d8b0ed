"""The table that CloudStack's test bot posts."""

from harness.report.trillian import FileCounts, Header, Row, Word, comment, trillian
from harness.run.record import Outcome
from tests.report.runs import HOSTILE, make_case, make_run

HEADER = Header("16026", "kvm-ol8 (x2), zone: Advanced Networking with Mgmt server ol8", 49004.4, "https://x/logs.zip")


def test_the_form_is_the_bots_own() -> None:
    rows = [
        Row("test_01_volume_usage", Word.FAILURE, 194.154, "test_usage.py"),
        Row("all_test_create_network", Word.SKIPPED, None, "test_create_network.py"),
    ]
    assert comment(HEADER, FileCounts(151, 0, 0), rows) == (
        "<b>[SF] Trillian test result (tid-16026)</b>\n"
        "Environment: kvm-ol8 (x2), zone: Advanced Networking with Mgmt server ol8\n"
        "Total time taken: 49004 seconds\n"
        "Marvin logs: https://x/logs.zip\n"
        "Smoke tests completed. 151 look OK, 0 have errors, 0 did not run\n"
        "Only failed and skipped tests results shown below:\n"
        "\n"
        "Test | Result | Time (s) | Test File\n"
        "--- | --- | --- | ---\n"
        "test_01_volume_usage | `Failure` | 194.15 | test_usage.py\n"
        "all_test_create_network | `Skipped` | --- | test_create_network.py\n"
    )


def test_a_comment_fits_githubs_limit_and_says_how_much_is_missing() -> None:
    rows = [Row(f"test_ü{number:05}", Word.ERROR, 1.0, "test_many.py") for number in range(5000)]
    text = comment(HEADER, FileCounts(0, 1, 0), rows)
    assert len(text.encode()) <= 65_536
    shown = text.count("`Error`")
    assert text.endswith(f"and {5000 - shown} more\n")
    assert shown > 1000


def test_files_are_counted_and_passes_are_left_out() -> None:
    run = make_run(
        make_case("XML-01"),
        make_case("LS-01"),
        make_case("LS-02", Outcome.FAILED),
        make_case("MIG-01", Outcome.NOT_VERIFIED),
        make_case("CAP-01", Outcome.COULD_NOT_RUN),
    )
    lines = trillian(run).splitlines()
    assert lines[1] == "Environment: kvm-libvirt9.0.0-qemu7.2.22 (x2), zone: Embedded lab with Mgmt server 4.23.0.0"
    assert lines[4] == "Smoke tests completed. 1 look OK, 2 have errors, 1 did not run"
    assert lines[9:] == [
        "LS-02 test_ls_02 | `Failure` | 2.34 | test_ls.py",
        "MIG-01 test_mig_01 | `Skipped` | --- | test_mig.py",
        "CAP-01 test_cap_01 | `Error` | 2.34 | test_cap.py",
    ]


def test_a_hostile_name_stays_in_its_cell() -> None:
    line = comment(HEADER, FileCounts(0, 1, 0), [Row(HOSTILE + "\nsecond | line", Word.ERROR, 1.0, "f")]).splitlines()
    assert len(line) == 10
    assert "<script" not in line[9]
    assert line[9].replace("\\|", "").count("|") == 3
