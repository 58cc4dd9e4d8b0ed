"""What is left to be read of a lab that did not come up."""

from __future__ import annotations

from pathlib import Path

from harness.lab.cloudstack.build import CloudStackBuild
from harness.lab.cloudstack.lab import CloudStackLab
from harness.lab.topology import DEFAULT_LAB


def test_the_reason_names_the_log_that_is_kept_and_not_the_one_that_goes(tmp_path: Path) -> None:
    build = CloudStackBuild("tree", (), (), (), tmp_path)
    lab = CloudStackLab(build, tmp_path / "lab", "0000", DEFAULT_LAB, print)
    log = lab.logs["database"]
    log.parent.mkdir(parents=True)
    log.write_text("the port is taken\n", encoding="utf-8")
    told = lab.keep_logs(tmp_path / "failed", f"MariaDB ended: the port is taken ({log})")
    kept = tmp_path / "failed" / "database.log"
    assert told == f"MariaDB ended: the port is taken ({kept})"
    assert kept.read_text(encoding="utf-8") == "the port is taken\n"
