"""The ledger survives its writer, and says of each change what taking it back needs."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from harness.run.ledger import (
    THE_RUN,
    HostTagsChanged,
    InstanceMade,
    Ledger,
    LedgerError,
    LedgerRun,
    OfferingMade,
    SettingChanged,
    TemplateFlagChanged,
)

_WRITER = """
import sys, time
from pathlib import Path
from harness.run.ledger import InstanceMade, Ledger
Ledger(Path(sys.argv[1])).intend("XML-01", InstanceMade(name="csh-1"))
print("written", flush=True)
time.sleep(60)
"""


def test_what_is_unsettled_is_told_newest_first_and_by_case(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    offering = ledger.intend("XML-01", OfferingMade(name="a"))
    instance = ledger.intend("XML-01", InstanceMade(name="b"))
    ledger.intend(THE_RUN, SettingChanged(name="x", former="1", ours="2", inherited=True, zone_id="z"))
    assert [str(line.change) for line in ledger.unsettled()] == [
        "setting x back to 1 (taken for inherited)",
        "instance b",
        "offering a",
    ]
    ledger.settle(offering)
    ledger.amend(instance, InstanceMade(name="b", id="7"))
    [line] = ledger.unsettled("XML-01")
    assert line.change == InstanceMade(name="b", id="7")


def test_a_line_is_there_after_its_writer_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(file)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert [line.change for line in Ledger(file).unsettled()] == [InstanceMade(name="csh-1")]


def test_many_write_at_once_and_no_line_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    Ledger(file)

    def write(case: int) -> None:
        for number in range(10):
            Ledger(file).intend(f"C-{case}", InstanceMade(name=f"{case}-{number}"))

    threads = [Thread(target=write, args=(case,)) for case in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Ledger(file).unsettled()) == 60


def test_whose_it_is_is_known_once_the_run_has_looked_at_the_cloud(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.run() is None
    run = LedgerRun("r", "http://127.0.0.1/client/api", Path("/x/cloud.toml"), on_lab=False)
    ledger.describe(run)
    assert ledger.run() == run


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_text("not a database, but long enough to be looked at as one" * 10)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: file is not a database"):
        Ledger(file)


def test_host_tags_are_told_also_where_there_were_none() -> None:
    assert str(HostTagsChanged(host_id="1", host_name="h", former="", ours="x")) == "tags of host h back to none"


def test_a_templates_former_flag_is_told() -> None:
    switched_on = TemplateFlagChanged(template_id="1", template_name="t", former=False)
    assert str(switched_on) == "dynamic-scaling flag of template t back to off"
    assert str(switched_on.model_copy(update={"former": True})).endswith("back to on")
