"""The record of a run: results.json, written anew after every case, so that a killed run leaves a readable one."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harness.errors import HarnessError
from harness.run.steps import WaitsFor
from harness.verify.finding import Comparison, Layer

RESULTS_FILE = "results.json"


class Outcome(StrEnum):
    """How a case ended. Only PASSED is green; KNOWN_DEFECT: the cloud shows a defect of the product as catalogued."""

    PASSED = "passed"
    KNOWN_DEFECT = "known defect"
    FAILED = "failed"
    NOT_VERIFIED = "not verified"
    COULD_NOT_RUN = "could not run"


# The cloud was seen to do something that is known.
LOOKED = frozenset({Outcome.PASSED, Outcome.KNOWN_DEFECT})


class Cause(StrEnum):
    """Whose a finding or an error is: what is verified, what that runs on, or the harness itself."""

    PRODUCT = "product"
    ENVIRONMENT = "environment"
    HARNESS = "harness"


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class FindingRecord(Record):
    layer: str
    what: str
    expected: str
    observed: str
    read_from: str
    rule: str
    cause: Cause = Cause.PRODUCT

    def __str__(self) -> str:
        return (
            f"{self.layer}: {self.what} should be {self.expected}, is {self.observed} "
            f"({self.read_from}; rule {self.rule})"
        )


class StepRecord(Record):
    """`began` is seconds since the run's start; `waits_for` says whose time it is."""

    name: str
    waits_for: WaitsFor
    began: float
    seconds: float


class SizeRecord(Record):
    """An offering's class and the size that an instance has with it."""

    offering_class: str
    cpu_cap: bool
    cpus: int
    speed_mhz: int
    memory_mib: int


class HostTotalsRecord(Record):
    name: str
    cpus: int
    speed_mhz: int
    memory_mib: int


class StartRecord(Record):
    """A start of an instance: by which switches, where, and the ceilings of the domain that was seen (None: none)."""

    instance: str
    size: SizeRecord
    zone_switch: bool
    offering_switch: bool
    template_switch: bool
    instance_switch: bool
    host: HostTotalsRecord
    cpu_setting: str | None
    memory_setting: str | None
    prepared: bool | None
    max_vcpus: int | None
    max_memory_kib: int | None
    expected_max_vcpus: int | None
    expected_max_memory_kib: int | None


class ScaleRecord(Record):
    """A scale as it was asked for, predicted and seen; quota and period in us, None where the domain has none."""

    instance: str
    before: SizeRecord
    after: SizeRecord
    predicted: str
    succeeded: bool
    code: int
    text: str
    job_id: str
    seconds: float
    host_before: str | None
    host_after: str | None
    host_speed_mhz: int | None
    expected_quota_us: int | None
    expected_period_us: int | None
    quota_us: int | None
    period_us: int | None


class LookRecord(Record):
    """The part of a domain's XML that live scaling is about: as predicted, and as seen (None: the same)."""

    instance: str
    host: str
    expected_xml: str
    observed_xml: str | None


class CallRecord(Record):
    """A command that changes something, as it was sent; `began` is seconds since the run's start.

    `job_id` is of the job it began, `error` the code and text with which it was refused at once. `before_its_turn`: it
    brought settings to what all cases presume, which whoever comes first does.
    """

    command: str
    parameters: dict[str, str]
    began: float
    before_its_turn: bool = False
    job_id: str | None = None
    error: str | None = None


class NoteRecord(Record):
    """Something that is as predicted and yet odd, or a known defect of the product."""

    rule: str
    says: str


class KnownDefectRecord(Record):
    """A defect of the product that the cloud was seen to have: what it promises, what it does, the way to see it."""

    id: str
    title: str
    promised: str
    happens: str
    steps: list[str]


class CaseRecord(Record):
    """A case. `layers` maps each layer to "seen" or to why it was not verified; `reason` says why there is no verdict.

    `description` is the case's own text (preconditions, steps, expected), `source` the test's node id. `began` is
    seconds since the run's start, `worker` who ran it, `chain` what it held alone: cases of one chain cannot overlap.
    `evidence` are paths relative to the run's folder; `cause` says whose it is that it failed or could not run.
    """

    id: str
    section: str
    title: str
    description: str = ""
    source: str = ""
    worker: str = "main"
    chain: str | None = None
    began: float = 0.0
    outcome: Outcome
    layers: dict[str, str]
    findings: list[FindingRecord]
    notes: list[NoteRecord] = []
    known_defect: KnownDefectRecord | None = None
    reason: str | None
    cause: Cause | None = None
    steps: list[StepRecord]
    starts: list[StartRecord] = []
    scales: list[ScaleRecord] = []
    looks: list[LookRecord] = []
    calls: list[CallRecord] = []
    evidence: list[str] = []
    seconds: float

    @property
    def waited(self) -> dict[WaitsFor, float]:
        """Seconds by whose they were; what no step accounts for is the harness's own."""
        spent = dict.fromkeys(WaitsFor, 0.0)
        for step in self.steps:
            spent[step.waits_for] += step.seconds
        spent[WaitsFor.HARNESS] += max(0.0, self.seconds - sum(spent.values()))
        return spent


class HostRecord(Record):
    name: str
    cpus: int
    speed_mhz: int
    memory_kib: int
    cgroup_version: int
    libvirt: str
    qemu: str
    kernel: str


class EnvironmentRecord(Record):
    """`hosts_kind` is "kvm" or "simulated" on the embedded lab, "cloudstack" where that lab runs CloudStack's own
    server and agents, "cloud" elsewhere. `deviations` say in what a lab's hosts differ from what is asked of them."""

    endpoint: str
    cloudstack: str
    release: str
    hosts_kind: str
    deviations: list[str] = []
    hosts: list[HostRecord]


class CampaignMemberRecord(Record):
    """An environment of a campaign as its file declares it, and its own run: `cases` of it, or why there is none."""

    name: str
    management_os: str = ""
    host_os: str = ""
    release: str | None = None
    cgroup_version: int | None = None
    run_id: str | None = None
    environment: EnvironmentRecord | None = None
    exit_code: int | None = None
    cases: int = 0
    could_not_run: str | None = None


class RunRecord(Record):
    """`finished` is None while the run goes on. `leftovers` are lines about what could not be taken back, `unmet` about
    what the run was required to verify and did not, `forgiven` sections of which nothing need be verified, `warnings`
    lines about how the run was set up. `campaign` has the environments where there were several; cases and sections
    are named `environment:id` then.
    """

    schema_version: int = 2
    run_id: str
    started: datetime
    finished: datetime | None = None
    environment: EnvironmentRecord | None = None
    selection: str | None = None
    workers: int = 1
    shuffle_seed: int | None = None
    cases: list[CaseRecord] = []
    leftovers: list[str] = []
    unmet: list[str] = []
    forgiven: list[str] = []
    warnings: list[str] = []
    could_not_run: str | None = None
    campaign: list[CampaignMemberRecord] = []

    @property
    def exit_code(self) -> int:
        """0 all as predicted, 1 findings or something required not verified, 2 could not run or proved too little.

        Too little: no case at all, or a section of which nothing was verified and which need not be forgiven.
        """
        outcomes = {case.outcome for case in self.cases}
        if Outcome.FAILED in outcomes or self.unmet:
            return 1
        if self.could_not_run or not self.cases or self.blind or Outcome.COULD_NOT_RUN in outcomes or self.leftovers:
            return 2
        return 0

    @property
    def blind(self) -> list[str]:
        """Sections in which no case came to a verdict, but for those where that is allowed."""
        verified = {case.section for case in self.cases if case.outcome in LOOKED or case.outcome is Outcome.FAILED}
        return sorted({case.section for case in self.cases} - verified - set(self.forgiven))


def case_outcome(comparison: Comparison, required: tuple[Layer, ...]) -> tuple[Outcome, str | None]:
    """The verdict on a case that ran to its end, and the reason where it is none.

    Without the `required` layers it has not been looked at.
    """
    if comparison.findings:
        return Outcome.FAILED, None
    unseen = [layer for layer in required if layer not in comparison.seen]
    if unseen:
        reasons = [f"{layer}: {comparison.not_verified.get(layer, 'never looked at')}" for layer in unseen]
        return Outcome.NOT_VERIFIED, "; ".join(reasons)
    return Outcome.PASSED, None


def layer_lines(comparison: Comparison) -> dict[str, str]:
    """Each layer with "seen" or the reason why not."""
    lines = {layer.value: "seen" for layer in Layer if layer in comparison.seen}
    for layer in Layer:
        if layer not in comparison.seen:
            lines[layer.value] = f"not verified: {comparison.not_verified.get(layer, 'never looked at')}"
    return lines


class NoFolderError(HarnessError):
    """Where a run's report is to be no folder can be made."""


class RecordUnwrittenError(HarnessError):
    """The record is not on disk as it should be; the text names the file and says why."""


class RunFolder:
    """`<reports>/<run id>/` with results.json in it; `<reports>/latest` points to the newest."""

    def __init__(self, reports: Path) -> None:
        started = datetime.now(UTC)
        # Of all processes of a machine alike, and it does not jump.
        self.began = time.monotonic()
        self.path = _new_folder(reports, f"{started:%Y%m%d-%H%M%S}-{os.getpid()}")
        self.record = RunRecord(run_id=self.path.name, started=started)
        # By identity: a case in the record changes no more, and all of them anew after each is a lot in the end.
        self._texts: dict[int, str] = {}
        self._point_latest(reports)
        self.write()

    def add(self, case: CaseRecord) -> None:
        """Where it cannot be written now, `finish` tells."""
        self.record.cases.append(case)
        with suppress(RecordUnwrittenError):
            self.write()

    def finish(self) -> None:
        """Raises RecordUnwrittenError."""
        self.record.finished = self.record.started + timedelta(seconds=time.monotonic() - self.began)
        self.write()

    def write(self) -> None:
        """Write results.json so that a reader finds the old or the new text, never half of one.

        Raises:
            RecordUnwrittenError: it cannot be written.
        """
        file, fresh = self.path / RESULTS_FILE, self.path / f".{RESULTS_FILE}"
        try:
            fresh.write_text(self._text() + "\n", encoding="utf-8")
            fresh.replace(file)
        except OSError as failure:
            # What there is of it may be what fills the disk.
            fresh.unlink(missing_ok=True)
            raise RecordUnwrittenError(f"{file} cannot be written: {failure.strerror}") from None

    def _text(self) -> str:
        """The record as JSON, indented as a whole."""
        frame = self.record.model_copy(update={"cases": []}).model_dump_json(indent=2)
        texts = []
        for case in self.record.cases:
            if id(case) not in self._texts:
                self._texts[id(case)] = case.model_dump_json(indent=2).replace("\n", "\n    ")
            texts.append(self._texts[id(case)])
        if not texts:
            return frame
        # No text has a line's end in JSON, so this is the record's own key.
        return frame.replace('\n  "cases": [],', '\n  "cases": [\n    ' + ",\n    ".join(texts) + "\n  ],", 1)

    def _point_latest(self, reports: Path) -> None:
        fresh = reports / f".latest-{self.record.run_id}"
        fresh.symlink_to(self.record.run_id)
        fresh.replace(reports / "latest")


def load(folder: Path) -> RunRecord:
    """The record in a run's folder. Raises OSError or pydantic's ValidationError."""
    return RunRecord.model_validate_json((folder / RESULTS_FILE).read_text(encoding="utf-8"))


def _new_folder(reports: Path, name: str) -> Path:
    """A process may have had another run in this second; the next one's name has a digit more."""
    path, runs = reports / name, 1
    while True:
        try:
            reports.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError:
            if not reports.is_dir():
                raise NoFolderError(f"{reports} is no folder, and a run's report goes there") from None
            runs += 1
            path = reports / f"{name}{runs}"
        except OSError as failure:
            raise NoFolderError(f"{failure.filename}: {failure.strerror}; a run's report goes there") from failure
        else:
            return path
