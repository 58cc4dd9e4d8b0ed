"""An audit from its first question to its last line: read the API, look at the hosts, judge, look twice, tell."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.audit import host as hosts
from harness.audit import instance as instances
from harness.audit import inventory as inventories
from harness.audit import states
from harness.audit.instance import Judged, Moments
from harness.audit.inventory import RUNNING, Inventory, reference_host
from harness.audit.journal import Journal
from harness.audit.looking import Engine, HereEngine, Looked, Task
from harness.audit.moments import scaling_since
from harness.audit.records import CloudLine, EndLine, Grade, HostLine, InstanceLine
from harness.audit.selection import Selection
from harness.cloud import fleet
from harness.cloud.entities import HostRecord
from harness.cloud.fleet import FleetHost, FleetInstance
from harness.cloud.read_only import ReadOnlyApi
from harness.errors import HarnessError
from harness.reference.settings import ENABLE_DYNAMIC_SCALE
from harness.run.api_access import read_only_api
from harness.run.environment import Environment
from harness.run.host_logins import host_access

# Looks of whole hosts take longer than those at one domain: so much for each, beside the file's time limit. A guest's
# agent that hangs takes as long as libvirt waits for it.
_S_FOR_EACH_DOMAIN = 0.05
_S_FOR_EACH_GUEST = 1.0
# What may be no more than a look in the middle of a change; everything else stays as it is while nobody scales.
_OF_A_MOMENT = {
    state.id
    for state in (
        states.ABSENT,
        states.DOMAIN_LARGER,
        states.DOMAIN_SMALLER,
        states.COUNTED_LOW,
        states.COUNTED_HIGH,
        states.STRANGERS,
    )
}


@dataclass(frozen=True)
class Bounds:
    """How much load an audit may make, and what it may ask.

    Attributes:
        max_ssh: SSH connections at the same time; there is one to a host.
        api_rate: API calls in a second, None for as many as can be.
        guests: whether guests are asked by their agents.
        upgraded: when the cloud was upgraded to 4.23, where the operator tells.
        engine: who looks; None for this process.
    """

    max_ssh: int = 32
    api_rate: float | None = 20.0
    guests: bool = False
    upgraded: datetime | None = None
    engine: Engine | None = None


@dataclass
class Audit:
    """All that was found. `file` is where its lines are."""

    cloud: CloudLine
    hosts: list[HostLine] = field(default_factory=list)
    instances: list[InstanceLine] = field(default_factory=list)
    end: EndLine | None = None
    file: Path | None = None

    def count(self, grade: Grade) -> int:
        """Hosts and instances whose gravest state is of this grade."""
        return sum(line.grade is grade for line in self.lines)

    @property
    def lines(self) -> Iterator[HostLine | InstanceLine]:
        """All hosts, then all instances."""
        yield from self.hosts
        yield from self.instances

    @property
    def grades(self) -> frozenset[str]:
        """All that there are."""
        return frozenset(line.grade.value for line in self.lines if line.grade is not None)

    @property
    def unseen(self) -> int:
        """Hosts and instances of which something was not seen, though the selection has it."""
        return sum(any(reason != hosts.LEFT_OUT for reason in line.not_seen) for line in self.lines)


class NotRunningError(HarnessError):
    """The instance that is selected does not run, or not where the selection looks."""


Progress = Callable[[int, int], object]


def audit(
    environment: Environment,
    folder: Path,
    selection: Selection | None = None,
    bounds: Bounds | None = None,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """Audit what `selection` leaves over, and write its lines to `folder`/audit.jsonl.

    Nothing is changed, on the cloud or on its hosts. `progress` is told how many hosts are done, and of how many.
    One that was cut off goes on with `resume`: hosts that were seen are not looked at again.

    Raises:
        HarnessError: the API cannot be read, the selection names what there is not, or there is nothing to resume.
    """
    return _Auditor(environment, folder, selection or Selection(), bounds or Bounds(), resume, progress).run()


class _Auditor:
    def __init__(
        self,
        environment: Environment,
        folder: Path,
        selection: Selection,
        bounds: Bounds,
        resume: bool,
        progress: Progress | None,
    ) -> None:
        self._environment = environment
        self._folder = folder
        self._selection = selection
        self._bounds = bounds
        self._resume = resume
        self._progress = progress or (lambda _done, _of: None)
        self._engine = bounds.engine or HereEngine(bounds.max_ssh)
        self._api: ReadOnlyApi = read_only_api(environment, bounds.api_rate)

    def run(self) -> Audit:
        began, started = datetime.now(UTC), time.monotonic()
        inventory = inventories.read(self._api, self._environment.cloud.zone, self._selection)
        if self._selection.instance is not None and not inventory.instances:
            raise NotRunningError(f"{self._selection}: it does not run there, and only running instances are audited")
        moments = Moments(scaling_since(self._api), self._bounds.upgraded)
        cloud = self._cloud_line(inventory, began)
        with Journal(self._folder, cloud, resume=self._resume) as journal:
            if self._resume:
                _forget_what_has_changed(journal, inventory)
            missing = [host for host in inventory.hosts if host.id not in journal.hosts]
            self._look(journal, inventory, moments, missing)
            self._look_twice(journal, inventory, moments)
            found = Audit(
                journal.cloud,
                sorted(journal.hosts.values(), key=lambda line: (line.cluster, line.name)),
                sorted(journal.instances.values(), key=lambda line: (line.cluster, line.host, line.instance_name)),
            )
            found.end = self._end_line(found, time.monotonic() - started)
            found.file = journal.finish(found.end, found.lines)
        return found

    def _cloud_line(self, inventory: Inventory, began: datetime) -> CloudLine:
        return CloudLine(
            endpoint=inventory.endpoint,
            cloudstack=inventory.version,
            release=inventory.release.name,
            zone=inventory.zone.name,
            zone_id=inventory.zone.id,
            selection=str(self._selection),
            began=began,
            guests_asked=self._bounds.guests,
            scaling_enabled=inventory.settings.flag(ENABLE_DYNAMIC_SCALE),
        )

    def _end_line(self, found: Audit, seconds: float) -> EndLine:
        reasons: Counter[str] = Counter()
        for line in found.lines:
            reasons.update({_without_names(reason) for reason in line.not_seen})
        return EndLine(
            finished=datetime.now(UTC),
            seconds=round(seconds, 3),
            instances=len(found.instances),
            hosts=len(found.hosts),
            api_calls=self._api.sent,
            not_seen=dict(reasons.most_common()),
        )

    def _look(self, journal: Journal, inventory: Inventory, moments: Moments, chosen: Iterable[FleetHost]) -> None:
        """Look at these hosts and keep what there is of them and of their instances."""
        there: dict[str, list[FleetInstance]] = {}
        for one in inventory.instances:
            there.setdefault(one.host_id or "", []).append(one)
        by_id = {host.id: host for host in chosen}
        done, every = len(inventory.hosts) - len(by_id), len(inventory.hosts)
        self._progress(done, every)
        residents = hosts.Residents(inventory)
        speeds = frozenset(host.speed_mhz for host in inventory.all_hosts if host.speed_mhz)
        tasks = []
        for host in by_id.values():
            task = self._task(host, inventory, there.get(host.id, []))
            if isinstance(task, Task):
                tasks.append(task)
            else:
                _keep_unseen(journal, inventory, host, there.get(host.id, []), task)
                done += 1
                self._progress(done, every)
        for looked in self._engine.look(tasks):
            host = by_id[looked.host_id]
            here = there.get(host.id, [])
            if looked.look is None:
                _keep_unseen(journal, inventory, host, here, looked.failure or "nothing came back")
            else:
                self._judge(journal, residents, host, here, looked, moments, speeds)
            done += 1
            self._progress(done, every)

    def _task(self, host: FleetHost, inventory: Inventory, here: list[FleetInstance]) -> Task | str:
        """What to look at there, or why that cannot be."""
        if host.state not in ("Up", "Alert", "Disconnected", "Connecting", "Rebalancing", ""):
            return f"CloudStack says that the host is {host.state}"
        address = host.address or host.name
        record = HostRecord.model_construct(name=host.name, address=address)
        access = host_access(self._environment, record)
        for_each = _S_FOR_EACH_GUEST if self._bounds.guests else _S_FOR_EACH_DOMAIN
        seconds = access.command_timeout_s + for_each * len(here)
        wanted = tuple(one.instance_name for one in here) if self._selection.leaves_instances_out else None
        cluster = inventory.cluster_name(host)
        return Task(host.id, replace(access, command_timeout_s=seconds), wanted, self._bounds.guests, cluster)

    def _judge(
        self,
        journal: Journal,
        residents: hosts.Residents,
        host: FleetHost,
        here: list[FleetInstance],
        looked: Looked,
        moments: Moments,
        speeds: frozenset[int],
    ) -> None:
        look, inventory = looked.look, residents.inventory
        if look is None:
            raise ValueError("a host that was not looked at cannot be judged")
        cluster = inventory.cluster_name(host)
        reference = reference_host(inventory, host, look.facts.cgroup_version)
        lines = []
        for one in here:
            member = look.members.get(one.instance_name)
            if reference is None:
                line = instances.blank_line(inventory, one, cluster, ["the API does not tell its host's size"])
            elif member is not None:
                line = instances.judge(Judged(inventory, one, reference, member, moments, speeds), cluster)
            elif one.instance_name in look.names:
                line = instances.blank_line(inventory, one, cluster, ["its domain's name is none to ask a shell for"])
            else:
                blank = instances.blank_line(inventory, one, cluster, ())
                line = blank.model_copy(update={"states": [states.ABSENT.line("running", "not there")]})
            lines.append(line)
        whole = not self._selection.leaves_instances_out
        journal.add(hosts.judge(residents, host, look, whole=whole, seconds=looked.seconds), lines)

    def _look_twice(self, journal: Journal, inventory: Inventory, moments: Moments) -> None:
        """Ask the API once more, and look again where something has changed meanwhile or was caught in a change.

        A change between two looks must not be told as something wrong.
        """
        doubtful = {line.id for line in journal.hosts.values() if _is_of_a_moment(line)}
        hosts_by_name = {host.name: host.id for host in inventory.hosts}
        doubtful |= {hosts_by_name[one.host] for one in journal.instances.values() if _is_of_a_moment(one)}
        now = self._again(inventory)
        changed = _changed(inventory.instances, now.instances)
        doubtful |= {one.host_id for one in changed if one.host_id is not None}
        gone = {one.id for one in inventory.instances} - {one.id for one in now.instances}
        for one_id in gone:
            journal.instances.pop(one_id, None)
        chosen = [host for host in now.hosts if host.id in doubtful and journal.hosts.get(host.id, None) is not None]
        if chosen:
            self._look(journal, now, moments, chosen)

    def _again(self, before: Inventory) -> Inventory:
        # Hosts are read after instances: what was counted when is then at least not older than what runs.
        selection, zone_id = self._selection, before.zone.id
        _, found = inventories.selected_instances(self._api, zone_id, selection)
        here = {host.id for host in before.hosts}
        residents = tuple(found)
        running = tuple(one for one in found if one.state == RUNNING and one.host_id in here)
        now = before.with_instances(running, tuple(fleet.hosts(self._api, zone_id)))
        return replace(now, residents=residents)


def _keep_unseen(
    journal: Journal, inventory: Inventory, host: FleetHost, here: list[FleetInstance], reason: str
) -> None:
    cluster = inventory.cluster_name(host)
    unseen = [instances.blank_line(inventory, one, cluster, [f"its host: {reason}"]) for one in here]
    journal.add(hosts.host_line(inventory, host, [reason]), unseen)


def _forget_what_has_changed(journal: Journal, inventory: Inventory) -> None:
    """What was seen before an audit was cut off counts where the API still shows the same there."""

    def shown(line: InstanceLine | None) -> object:
        return line and (line.host, line.offering, line.cpus, line.speed_mhz, line.memory_mib, line.scalable_flag)

    before = journal.instances
    now = {one.id: instances.blank_line(inventory, one, "", ()) for one in inventory.instances}
    changed = {one for one in before.keys() | now.keys() if shown(before.get(one)) != shown(now.get(one))}
    there = {line.host for lines in (before, now) for one_id, line in lines.items() if one_id in changed}
    kept = {host.id for host in inventory.hosts if host.name not in there}
    journal.hosts = {host_id: line for host_id, line in journal.hosts.items() if host_id in kept}
    names = {line.name for line in journal.hosts.values()}
    journal.instances = {one_id: line for one_id, line in before.items() if line.host in names}


def _is_of_a_moment(line: HostLine | InstanceLine) -> bool:
    return any(state.state in _OF_A_MOMENT for state in line.states)


def _changed(before: Iterable[FleetInstance], now: Iterable[FleetInstance]) -> list[FleetInstance]:
    """Both sides of each instance that is not what it was, or not where."""
    old = fleet.by_id(before)
    found = []
    for one in now:
        former = old.get(one.id)
        if former != one:
            found += [one] if former is None else [former, one]
    return found


def _without_names(reason: str) -> str:
    """A reason that many hosts share, without what is each one's own."""
    text = reason.removeprefix("its host: ")
    head, colon, rest = text.partition("): ")
    return rest if colon and head.startswith("host ") else text
