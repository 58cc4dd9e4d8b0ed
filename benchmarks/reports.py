"""How long all forms of a run take, how large they are, and how long a comparison of two takes."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measuring import Figure, bare_interpreter, print_figures

from harness.report.forms import FORMS
from harness.run.record import (
    CallRecord,
    CaseRecord,
    FindingRecord,
    HostTotalsRecord,
    LookRecord,
    Outcome,
    RunRecord,
    ScaleRecord,
    SizeRecord,
    StartRecord,
    StepRecord,
)
from harness.run.steps import WaitsFor

COMMAND = str(Path(sys.executable).with_name("cs-harness"))
FORMS_GOALS = {200: 1.5, 5000: 8.0}
COMPARE_GOAL = 1.0
MEMORY_GOAL_MIB = 400
PAGE_GOAL_MIB = 8
SEEN = {"api": "seen", "domain": "seen", "scheduler": "seen", "guest": "seen"}
XML = (
    "<domain>\n"
    + "\n".join(f"  <part number='{number}'>{number * 1024}</part>" for number in range(16))
    + "\n</domain>"
)


def case(number: int) -> CaseRecord:
    """As a run writes them: eight steps and calls, a start, a scale, two looks; one in fifty has failed."""
    began, instance = number * 0.8, f"i-2-{number}-VM"
    size = SizeRecord(offering_class="fixed", cpu_cap=bool(number % 2), cpus=1, speed_mhz=500, memory_mib=256)
    host = HostTotalsRecord(name="kvm1", cpus=8, speed_mhz=2000, memory_mib=4096)
    start = StartRecord(
        instance=instance,
        size=size,
        zone_switch=True,
        offering_switch=True,
        template_switch=True,
        instance_switch=bool(number % 3),
        host=host,
        cpu_setting="0",
        memory_setting="0",
        prepared=True,
        max_vcpus=8,
        max_memory_kib=4194304,
        expected_max_vcpus=8,
        expected_max_memory_kib=4194304,
    )
    scale = ScaleRecord(
        instance=instance,
        before=size,
        after=size,
        predicted="in place",
        succeeded=True,
        code=0,
        text="",
        job_id=f"{number:032x}",
        seconds=0.4,
        host_before="kvm1",
        host_after="kvm1",
        host_speed_mhz=2000,
        expected_quota_us=2500,
        expected_period_us=10000,
        quota_us=2500,
        period_us=10000,
    )
    failed = number % 50 == 49
    finding = FindingRecord(
        layer="domain",
        what="shares",
        expected=str(number),
        observed="0",
        read_from=f"virsh dumpxml {instance} on kvm1 by ssh",
        rule="shares",
    )
    look = LookRecord(instance=instance, host="kvm1", expected_xml=XML, observed_xml=XML + "!" if failed else None)
    call = CallRecord(
        command="deployVirtualMachine",
        parameters={name: f"{number:08x}-{name}" for name in ("name", "zoneid", "templateid", "serviceofferingid")},
        began=began,
        job_id=f"{number:032x}",
    )
    steps = [
        StepRecord(name=f"{name} {instance}", waits_for=waits_for, began=began + at / 10, seconds=0.09)
        for at, (name, waits_for) in enumerate([("scale", WaitsFor.CLOUD), ("look at", WaitsFor.HOSTS)] * 4)
    ]
    return CaseRecord(
        id=f"LS-{number:05}",
        section="LS",
        title=f"Case {number} of a large run is scaled to an offering with more of everything.",
        description=f"Case {number}.\n\nPreconditions: it runs.\nSteps: scale it.\nExpected: it has the size.",
        source=f"test_ls.py::test_{number}",
        worker=f"gw{number % 4}",
        began=began,
        outcome=Outcome.FAILED if failed else Outcome.PASSED,
        layers=SEEN,
        findings=[finding] if failed else [],
        reason=None,
        steps=steps,
        starts=[start],
        scales=[scale],
        looks=[look, look],
        calls=[call] * 8,
        seconds=0.75 + number % 7 / 100,
    )


def write_run(folder: Path, cases: int, begun: int) -> Path:
    run = folder / f"run-{cases}-{begun}"
    run.mkdir()
    started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=begun)
    record = RunRecord(
        run_id=run.name, started=started, finished=started + timedelta(hours=1), cases=list(map(case, range(cases)))
    )
    (run / "results.json").write_text(record.model_dump_json(indent=2), encoding="utf-8")
    return run


def measured(*arguments: str) -> tuple[float, float, int]:
    """Seconds from start to end of a command, those of the processor, and the most memory that it had, in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"cs-harness {' '.join(arguments)} ended with {process.returncode}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def middle(rounds: int, *arguments: str) -> tuple[float, float, int]:
    """The medians of several rounds' times, and the most memory of any."""
    wall, processor, memory = zip(*(measured(*arguments) for _ in range(rounds)), strict=True)
    return statistics.median(wall), statistics.median(processor), max(memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="+", default=[200, 5000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    reference = bare_interpreter(5)
    figures, sizes = [], []
    with tempfile.TemporaryDirectory(prefix="csh-") as name:
        for cases in arguments.cases:
            run = write_run(Path(name), cases, 0)
            seconds, busy, memory = middle(arguments.rounds, "report", str(run))
            figures.append(Figure(f"all forms of {cases} cases", seconds, reference, FORMS_GOALS.get(cases)))
            page = (run / FORMS["html"].file).stat().st_size / 1024**2
            other = write_run(Path(name), cases, 1)
            seconds, comparing, _ = middle(arguments.rounds, "compare", str(run), str(other))
            sizes.append((cases, busy, comparing, memory, page))
            figures.append(Figure(f"compare of two runs of {cases} cases", seconds, reference, COMPARE_GOAL))
    print_figures("starting a bare Python", figures)
    for cases, busy, comparing, memory, page in sizes:
        kept = "kept" if memory <= MEMORY_GOAL_MIB and page <= PAGE_GOAL_MIB else "missed"
        print(f"{cases} cases: {memory} MiB of memory, a page of {page:.1f} MiB; goals {kept} (400 MiB, 8 MiB)")
        print(f"{cases} cases: {busy:.2f} s and {comparing:.2f} s of these were the processor's")


if __name__ == "__main__":
    main()
