"""Keeps what every instance was before, hears of jobs by the event log, and judges each when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from threading import Event

from harness.audit import inventory as inventories
from harness.audit.inventory import Inventory, reference_host
from harness.audit.looking import HereEngine, Task
from harness.audit.selection import Selection
from harness.cloud import fleet
from harness.cloud.client import ApiError
from harness.cloud.entities import HostRecord
from harness.cloud.fleet import FleetHost, FleetInstance
from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.observation import Observation
from harness.hosts.ssh_transport import SshHostView
from harness.reference.decision import EndlessScaleError
from harness.reference.domain import Domain, domain_after_migration
from harness.reference.scaling import Prediction, World, predict
from harness.run.api_access import read_only_api
from harness.run.environment import Environment
from harness.run.host_logins import host_access
from harness.verify.finding import Comparison
from harness.verify.instance import compare_observation, guest_has_settled
from harness.waiting import DeadlineExpired, wait_until
from harness.watch.events import MIGRATE, SCALE, STARTS, CloudEvent, EventTail
from harness.watch.judging import SEVERAL, compare, doubted, line_of, told, with_verdict
from harness.watch.known import Known, as_instance, given_parameters, size_of
from harness.watch.records import WatchedLine

Heard = Callable[[WatchedLine], object]


@dataclass(frozen=True)
class _Asked:
    """A scale that was asked for, with all that was known then; `disturbed` says why it cannot be judged."""

    known: Known | None
    inventory: Inventory
    offering_id: str
    job_id: str | None
    disturbed: str | None = None


class Watch:
    """Follows one zone. Nothing is changed: the API connection is read-only, hosts are looked at."""

    def __init__(self, environment: Environment, *, max_ssh: int = 32, api_rate: float | None = 20.0) -> None:
        """Look at every running instance once. Raises HarnessError where the API cannot be read."""
        self._environment = environment
        self._api = read_only_api(environment, api_rate)
        self._max_ssh = max_ssh
        self._tail = EventTail(self._api)
        self._inventory = self._read()
        self._versions: dict[str, int] = {}
        self._known: dict[str, Known] = {}
        self._asked: dict[str, _Asked] = {}
        self._queue: list[CloudEvent] = []
        self._look({one.id for one in self._inventory.instances})
        self._distrust_what_changed_meanwhile()

    @property
    def instances(self) -> int:
        """How many it knows."""
        return len(self._known)

    def follow(self, seconds: float | None, heard: Heard, *, every_s: float = 2.0, stop: Event | None = None) -> None:
        """Judge what ends until `seconds` are over or `stop` is set. Raises HarnessError where the API cannot be read.

        `stop` is heeded between two looks.
        """
        stop = stop or Event()

        def round_by_round() -> bool:
            self.step(heard)
            return stop.is_set()

        while not stop.is_set():
            try:
                wait_until(
                    "the end of the watch",
                    round_by_round,
                    bool,
                    seconds if seconds is not None else 3600.0,
                    first_pause_s=every_s,
                    longest_pause_s=every_s,
                )
            except DeadlineExpired:
                if seconds is not None:
                    return

    def step(self, heard: Heard) -> None:
        """Take in what is new, and judge what has ended.

        What is seen of an instance is held against what was predicted for one job only: where another began or ended
        before it could be looked at, the job is not verified, whatever was seen.
        """
        events = [*self._queue, *self._tail.fresh()]
        if not events:
            return
        jobs, told, touched = self._pending_jobs(), [], set()
        several = _of_several(events)
        for event in events:
            touched.add(event.instance_id)
            if event.type == SCALE and event.offering_id is not None:
                self._begin(event, jobs, disturbed=event.instance_id in several)
            elif event.state == "Completed" and event.type == SCALE:
                told.append((event.instance_id, self._end_of_scale(event)))
            elif event.state == "Completed" and event.type == MIGRATE and not event.failed:
                told.append((event.instance_id, self._end_of_migration(event)))
        self._inventory = self._read()
        going_on = self._asked.keys()
        new = {one.id for one in self._inventory.instances} - self._known.keys()
        self._look((touched | new) - going_on)
        changed = self._distrust_what_changed_meanwhile() | several
        for instance_id, line in told:
            if line is not None:
                heard(doubted(line) if instance_id in changed and line.findings else line)

    def _distrust_what_changed_meanwhile(self) -> set[str]:
        """Instances with events since they were looked at: what is known of them may be from before or after those."""
        self._queue = self._tail.fresh()
        changed = {event.instance_id for event in self._queue}
        for instance_id in changed:
            self._known.pop(instance_id, None)
        return changed

    def _read(self) -> Inventory:
        return inventories.read(self._api, self._environment.cloud.zone, Selection())

    def _pending_jobs(self) -> dict[str, str]:
        """Jobs that go on, by instance: with one the text of a refusal can be read."""
        found = self._api.list("listAsyncJobs", "asyncjobs", listall=True)
        return {
            str(job["jobinstanceid"]): str(job["jobid"])
            for job in found
            if "ScaleVMCmd" in str(job.get("cmd")) and job.get("jobinstanceid")
        }

    def _access(self, host: FleetHost) -> HostAccess:
        record = HostRecord.model_construct(name=host.name, address=host.address or host.name)
        return host_access(self._environment, record)

    def _look(self, wanted: AbstractSet[str]) -> None:
        """Look at these instances, and keep what they are."""
        there: dict[str, list[FleetInstance]] = {}
        for one in self._inventory.instances:
            if one.id in wanted:
                there.setdefault(one.host_id or "", []).append(one)
        for instance_id in wanted:
            self._known.pop(instance_id, None)
        by_id = {host.id: host for host in self._inventory.hosts if host.id in there}
        tasks = [
            Task(host.id, self._access(host), tuple(one.instance_name for one in there[host.id]), guests=False)
            for host in by_id.values()
        ]
        for looked in HereEngine(self._max_ssh).look(tasks) if tasks else ():
            if looked.look is None:
                continue
            self._versions[looked.host_id] = looked.look.facts.cgroup_version
            for one in there.get(looked.host_id, []):
                member = looked.look.members.get(one.instance_name)
                if member is not None:
                    self._known[one.id] = Known(one, member, looked.host_id)

    def _begin(self, event: CloudEvent, jobs: dict[str, str], *, disturbed: bool) -> None:
        """Of two at once the second takes the place of the first, which then has no end of its own."""
        two = disturbed or event.instance_id in self._asked
        self._asked[event.instance_id] = _Asked(
            self._known.get(event.instance_id),
            self._inventory,
            event.offering_id or "",
            jobs.get(event.instance_id),
            SEVERAL if two else None,
        )

    def _end_of_scale(self, event: CloudEvent) -> WatchedLine | None:
        asked = self._asked.pop(event.instance_id, None)
        if asked is None:
            return None
        record = self._record(event.instance_id)
        failed, text = event.failed, self._refusal(asked.job_id)
        happened = f"refused{f': {text}' if text else ''}" if failed else "succeeded"
        line = line_of("scale", record, asked.inventory, asked.offering_id, happened)
        try:
            return self._judge_scale(asked, record, failed, text, line)
        except HarnessError as unseen:
            return line.model_copy(update={"not_seen": [str(unseen)]})

    def _judge_scale(
        self, asked: _Asked, record: FleetInstance | None, failed: bool, text: str | None, line: WatchedLine
    ) -> WatchedLine:
        # An offering may be newer than what was read before the scale; it never changes.
        known, offering = asked.known, asked.inventory.offerings.get(asked.offering_id)
        offering = offering or fleet.offerings(self._api).get(asked.offering_id)
        if asked.disturbed is not None:
            return line.model_copy(update={"not_seen": [asked.disturbed]})
        if known is None or offering is None or record is None:
            reason = "it was not seen before" if known is None else "its offering or its record is not told"
            return line.model_copy(update={"not_seen": [reason]})
        line = line.model_copy(update={"offering": offering.name})
        if offering.is_custom and failed:
            return line.model_copy(update={"not_seen": ["no list tells the custom parameters of a scale that failed"]})
        world = self._world(asked.inventory, known.host_id)
        instance = as_instance(asked.inventory, known)
        parameters = given_parameters(offering, record)
        observation, landed = self._observe(record)
        ways: list[tuple[Prediction, Comparison]] = []
        for release in (world.release, world.release.mended):
            try:
                there = replace(world, release=release)
                prediction = predict(there, instance, offering, parameters, landed_on=record.host_id)
            except EndlessScaleError as endless:
                return line.model_copy(update={"not_seen": [str(endless)]})
            settled = self._settled(prediction.domain, observation, landed)
            ways.append((prediction, compare(prediction, record, failed, text, settled)))
            if not ways[-1][1].findings:
                break
        prediction, comparison = next((way for way in ways if not way[1].findings), ways[0])
        return told(line, prediction, comparison, world)

    def _end_of_migration(self, event: CloudEvent) -> WatchedLine | None:
        known, record = self._known.get(event.instance_id), self._record(event.instance_id)
        # A scale that migrates has its own end.
        if event.instance_id in self._asked or record is None:
            return None
        line = line_of("migration", record, self._inventory, None, "succeeded")
        size = size_of(record)
        if known is None or size is None or record.host_id is None:
            return line.model_copy(update={"not_seen": ["it was not seen before"]})
        try:
            world = self._world(self._inventory, record.host_id)
            before = as_instance(self._inventory, known).domain
            expected = domain_after_migration(world.settings, before, size, world.host(record.host_id))
            observation, view = self._observe(record)
            comparison = compare_observation(expected, self._settled(expected, observation, view))
        except HarnessError as unseen:
            return line.model_copy(update={"not_seen": [str(unseen)]})
        return with_verdict(line.model_copy(update={"predicted": "its domain, with the host's shares"}), comparison)

    def _record(self, instance_id: str) -> FleetInstance | None:
        try:
            _, found = inventories.selected_instances(
                self._api, self._inventory.zone.id, Selection(instance=instance_id)
            )
        except HarnessError:
            return None
        return found[0]

    def _refusal(self, job_id: str | None) -> str | None:
        """The text of a job that failed, where its id was seen while it went on."""
        if job_id is None:
            return None
        try:
            job = self._api.call("queryAsyncJobResult", jobid=job_id)
        except ApiError:
            return None
        result = job.get("jobresult")
        return (
            f"{result.get('errorcode')} {result.get('errortext')}"
            if isinstance(result, dict) and "errortext" in result
            else None
        )

    def _world(self, inventory: Inventory, host_id: str) -> World:
        cluster = next((host.cluster_id for host in inventory.all_hosts if host.id == host_id), "")
        hosts = [
            reference_host(inventory, host, self._versions.get(host.id, self._versions.get(host_id, 1)))
            for host in inventory.all_hosts
            if host.cluster_id == cluster
        ]
        return World(inventory.release, inventory.settings, tuple(host for host in hosts if host is not None))

    def _observe(self, record: FleetInstance) -> tuple[Observation, SshHostView]:
        host = next(one for one in self._inventory.all_hosts if one.id == record.host_id)
        view = SshHostView(self._access(host))
        try:
            return view.observe(record.instance_name), view
        finally:
            view.close()

    def _settled(self, expected: Domain, seen: Observation, view: SshHostView) -> Observation:
        """A guest gets its time to bring online what it was given."""
        try:
            wait_until(
                "the guest",
                lambda: view.guest(seen.instance_name),
                lambda guest: guest_has_settled(expected, guest) or not hasattr(guest, "online_cpus"),
                self._environment.time_limits.guest_hotplug,
            )
        except DeadlineExpired:
            pass
        finally:
            guest = view.guest(seen.instance_name)
            view.close()
        return replace(seen, guest=guest)


def _of_several(events: Iterable[CloudEvent]) -> set[str]:
    """Instances to which more than one thing happened between two looks; a migration within a scale is a part of it."""
    seen: set[str] = set()
    several: set[str] = set()
    scaling: set[str] = set()
    for event in events:
        begins = event.type == SCALE and event.offering_id is not None
        within = event.type == MIGRATE and event.instance_id in scaling
        ends = event.state == "Completed" and event.type in (MIGRATE, *STARTS)
        if begins or (ends and not within):
            several |= {event.instance_id} & seen
            seen.add(event.instance_id)
        if begins:
            scaling.add(event.instance_id)
        elif event.type == SCALE and event.state == "Completed":
            scaling.discard(event.instance_id)
    return several
