"""An instance of a case: knows what it must be, starts, stops, scales, and looks at itself on every layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.cloud import instances
from harness.cloud.client import CloudApi
from harness.cloud.entities import HostRecord, TemplateRecord
from harness.cloud.instances import JobFailedError
from harness.cloud.jobs import JobResult
from harness.errors import HarnessError
from harness.hosts.observation import DomainView, Observation
from harness.hosts.view import HostView
from harness.reference import refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.domain import Domain
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering
from harness.reference.readiness import flag_refusal
from harness.reference.rule import Kind, Rule
from harness.reference.scaling import RUNNING, STOPPED, Instance, Prediction, World
from harness.run import cpu_load, expectation
from harness.run.expectation import for_the_api
from harness.run.facts import Start, look_records, size_record, start_record
from harness.run.guest_watch import GuestWatch
from harness.run.inquiry import Doubt
from harness.run.room import Room
from harness.run.scale_request import Scaled, ScaleRequest
from harness.run.scene import Scene
from harness.run.staged_account import StagedAccount
from harness.run.steps import WaitsFor
from harness.verify.cpu_time import CpuShare, compare_cpu_share
from harness.verify.finding import Comparison
from harness.verify.instance import (
    compare_absence,
    compare_answer,
    compare_arrival,
    compare_continuity,
    compare_job,
    compare_observation,
    compare_record,
)


class HostUnknownError(HarnessError):
    """The API says that the instance runs on no host, or on one that the run did not know at its start."""


class StagedInstance:
    """An instance, running at first. `record` is the API's newest view of it, taken after each thing done to it."""

    def __init__(
        self,
        scene: Scene,
        instance_id: str,
        world: World,
        host: Host,
        offering: Offering,
        parameters: CustomParameters,
        template: TemplateRecord,
        *,
        requested_flag: bool,
        owner: StagedAccount | None = None,
        may_run_on: Callable[[str, str], object],
    ) -> None:
        """`may_run_on` is told host and domain before a stop, after which CloudStack no longer tells the host."""
        self.id = instance_id
        self.template_id = template.id
        self._owner = owner
        self._may_run_on = may_run_on
        self.scene = scene
        self.record = instances.get(scene.api, instance_id)
        self._guest = GuestWatch(scene, self.record.instance_name)
        # The newest look since its last start.
        self._last_look: Observation | None = None
        self._host_ids: tuple[str, ...] = (host.id,)
        # The name of the host on which it runs, or ran when it was stopped.
        self._host_name = self.record.host_name
        self._now = expectation.deployed(
            world,
            host,
            self.record.instance_name,
            offering,
            parameters,
            template_flag=template.dynamically_scalable,
            requested_flag=requested_flag,
        )
        self._unseen_start: Start | None = None
        self._has_started(world, host, switch=requested_flag)

    @property
    def domain(self) -> Domain:
        """What its domain must be now; of a stopped instance, what it was last."""
        return self._now.domain

    @property
    def is_on_home(self) -> bool:
        return self.record.host_id == self.scene.home.id

    def runs_with(self, offering: Offering) -> bool:
        """Whether the API shows it running with this offering."""
        return (self.record.state, self.record.offering_id) == (RUNNING, offering.id)

    def verify(self) -> Observation:
        """Look on every layer and hold it against what the instance must be now."""
        self.record = instances.get(self.scene.api, self.id)
        return self._look(rules.IN_PLACE, rules.INSTANCE_FLAG if self._now.flag else rules.NO_CEILINGS)

    def stop(self) -> Observation:
        """Stop by force. The domain must be gone from the host, whatever state the API tells.

        Raises:
            JobFailedError, DeadlineExpired, HarnessError: it could not be stopped or looked at.
        """
        if self._host_name is not None:
            self._may_run_on(self._host_name, self._now.name)
        job = self._do("stop", instances.stop, rules.GONE_WHEN_STOPPED)
        self._now = replace(self._now, state=STOPPED)
        self._host_ids = ()
        seen = self._look(rules.GONE_WHEN_STOPPED, rules.IN_PLACE)
        if isinstance(seen.domain, DomainView):
            # CloudStack tells that it is stopped also where the agent was not reached.
            self.scene.doubts.append(Doubt(f"stop of {self._now.name}", job, stops=lambda: False))
        return seen

    def goes_when_stopped(self) -> bool:
        """Stop it by force, and say whether its domain has gone. Raises HarnessError."""
        scene, name = self.scene, self._now.name
        if self._host_name is None:
            return True
        self._may_run_on(self._host_name, name)
        with scene.steps.step(f"stop {name} to see whether its agent is reached"):
            instances.stop(scene.api, scene.session.environment.time_limits.job, self.id)
        return name not in self._view().domain_names()

    def start(self) -> Observation:
        """Start on whichever host CloudStack chooses; the domain must be as a start on that host now makes it.

        Raises:
            JobFailedError, DeadlineExpired, HarnessError: it could not be started or looked at.
        """
        scene = self.scene
        world = scene.session.world()
        self._do("start", instances.start, rules.BUILT_AT_START)
        host = next((host for host in world.hosts if host.id == self.record.host_id), None)
        if host is None:
            raise HostUnknownError(f"instance {self._now.name} was started and is on host {self.record.host_name}")
        self._now = expectation.started(world, host, self._now)
        self._host_ids = tuple(host.id for host in world.hosts if host.up and host.enabled)
        self._guest = GuestWatch(scene, self._now.name)
        self._last_look = None
        self._has_started(world, host, switch=self._now.flag)
        return self._look(rules.BUILT_AT_START, rules.BUILT_AT_START)

    def restart(self) -> Observation:
        """Stop by force and start: the domain is built anew. Errors as in `stop` and `start`."""
        self.stop()
        return self.start()

    def burn_cpu(self, *, above: float | None = None) -> CpuShare:
        """Keep its guest busy for a moment: a capped vCPU gets no more than its cap, one without is not held back.

        `above` is a former cap, as a part of one CPU, that must no longer hold.

        Raises:
            NotVerifiedError: the guest runs no program, or the host does not tell CPU times.
            HarnessError: the host cannot be looked into.
        """
        self.look_at_start()
        with self.scene.steps.step(f"burn CPU in {self._now.name}", WaitsFor.HOSTS):
            share = cpu_load.measure(self._view(), self._now.name)
        read_from = f"CPU times of {self._now.name} on {self._host_name}"
        self.scene.saw(compare_cpu_share(self._now.domain, share, read_from, above=above))
        return share

    def expunge(self) -> None:
        """Take it away for good. Raises JobFailedError, DeadlineExpired."""
        with self.scene.steps.step(f"destroy {self._now.name}"):
            instances.destroy(self.scene.api, self.scene.session.environment.time_limits.job, self.id)

    def migrate_to(self, host: HostRecord) -> Observation:
        """Migrate it live to this host; what a migration keeps and what the destination computes anew is compared.

        Raises:
            JobFailedError, DeadlineExpired, HarnessError: it could not be migrated or looked at.
        """
        self.look_at_start()
        left_host, world = self._host_name, self.scene.session.world()
        self._do(
            "migrate", lambda api, seconds, own: instances.migrate(api, seconds, own, host.id), rules.MIGRATION_KEEPS
        )
        self.is_moved_to(world.host(host.id), world)
        observation = self._look(rules.MIGRATION_KEEPS, rules.MIGRATION_KEEPS)
        if left_host is not None:
            self.scene.saw(compare_absence(self.scene.session.view(left_host).observe(self._now.name)))
            self.scene.saw(compare_arrival(observation, rules.MIGRATION_KEEPS))
        return observation

    def is_moved_to(self, host: Host, world: World) -> None:
        """From now on it must be as after a live migration there."""
        self._now = expectation.migrated(world, host, self._now)
        self._host_ids = (host.id,)

    def set_dynamic_scaling(self, on: bool) -> None:
        """Change the instance flag (updateVirtualMachine); whether CloudStack must accept that is compared.

        Raises:
            HarnessError: the cloud cannot be asked.
        """
        scene, now = self.scene, self._now
        world = scene.session.world()
        refusal = None
        if on:
            refusal = flag_refusal(
                world.release,
                template=now.template_flag,
                offering=now.offering.dynamic_scaling,
                zone_setting=world.settings.flag(names.ENABLE_DYNAMIC_SCALE),
            )
        if refusal is None:
            self._now = replace(now, flag=on)
        with scene.steps.step(f"set dynamic scaling of {now.name} to {on}"):
            scene.saw(
                compare_answer(
                    refusal,
                    lambda: instances.set_dynamic_scaling(scene.api, self.id, on),
                    refusals.FLAG_NOT_ALLOWED,
                )
            )
        self.record = instances.get(scene.api, self.id)
        scene.saw(compare_record(for_the_api(self._now, self._host_ids, rules.IN_PLACE, rules.IN_PLACE), self.record))

    def template_is_switched(self, on: bool) -> None:
        """Its template's flag is another one now, which its own flag learns at its next change of offering."""
        self._now = replace(self._now, template_flag=on)

    def scale(self, offering: Offering, parameters: CustomParameters = NO_PARAMETERS) -> Scaled:
        """Predict, scale, look, compare, on a host that has room. A refusal is a result, predicted or not.

        A stopped instance only keeps the new size for its next start.

        Raises:
            CannotArrangeError: the host or the cluster is too full; nothing was sent.
            DeadlineExpired: the job does not end.
            HarnessError: the cloud or a host cannot be looked into.
        """
        return self.request(offering, parameters).send().finish_alone()

    def scale_without_room(self, offering: Offering, parameters: CustomParameters = NO_PARAMETERS) -> Scaled:
        """As `scale`, for an instance whose host lacks room for the growth. Errors as there."""
        return self.request(offering, parameters, Room.NOT_ON_THE_HOST).send().finish_alone()

    def scale_in_a_full_cluster(self, offering: Offering, parameters: CustomParameters = NO_PARAMETERS) -> Scaled:
        """As `scale`, for an instance whose growth takes the cluster across its threshold. Errors as there."""
        return self.request(offering, parameters, Room.CLUSTER_TOO_FULL).send().finish()

    def request(
        self,
        offering: Offering,
        parameters: CustomParameters = NO_PARAMETERS,
        room: Room = Room.ON_THE_HOST,
        *,
        by: CloudApi | None = None,
    ) -> ScaleRequest:
        """A scale that is predicted and not yet sent; `by` has the keys of whoever asks in place of the run.

        Raises:
            CannotArrangeError, HarnessError: as `scale`.
        """
        self.look_at_start()
        return ScaleRequest(self, offering, parameters, room, by or self.scene.api)

    def look_at_start(self) -> None:
        """Look at it unless that was done since its start: what something is done to must be right as well."""
        if self._unseen_start is not None:
            self._look(rules.IN_PLACE, rules.IN_PLACE)

    def refresh(self) -> None:
        """Ask the API anew."""
        self.record = instances.get(self.scene.api, self.id)

    def observe(self, expected: Sequence[Domain]) -> Observation:
        """A look at its host, once the guest had time to show one of what is expected; a stopped one is looked for."""
        now = self._now
        with self.scene.steps.step(f"look at {now.name}", WaitsFor.HOSTS):
            if now.state == STOPPED:
                return self._view().observe(now.name)
            if any((one.vcpus, one.dimms_kib) != (now.domain.vcpus, now.domain.dimms_kib) for one in expected):
                self._guest.was_hotplugged = True
            self._host_name = self.record.host_name
            seen = self._guest.observe(self._view(), expected)
            self.scene.saw(compare_continuity(self._last_look, seen))
            self._last_look = seen
            return seen

    def compare(self, prediction: Prediction, seen: Observation, placed_by: Rule, sized_by: Rule) -> Comparison:
        """Its record and what was seen on its host against what it must be after a scale."""
        now = expectation.scaled(self._now, prediction)
        host_ids = prediction.host_ids if now.state == RUNNING else self._host_ids
        return compare_record(for_the_api(now, host_ids, placed_by, sized_by), self.record) + _on_host(now, seen)

    def become(self, prediction: Prediction) -> None:
        """From now on it must be as after this scale."""
        self._now = expectation.scaled(self._now, prediction)
        if self._now.state == RUNNING:
            self._host_ids = prediction.host_ids

    def as_reference(self) -> Instance:
        """What it must be now, where the API says that it is."""
        if self._now.state == STOPPED:
            return self._now
        if self.record.host_id is None:
            raise HostUnknownError(f"instance {self._now.name} is {self.record.state} and runs on no host")
        now = replace(self._now, host_id=self.record.host_id)
        owner = self._owner
        return now if owner is None else replace(now, owner=owner.name, limits=owner.limits_with(now.size))

    def _do(self, what: str, send: Callable[[CloudApi, float, str], JobResult], rule: Rule) -> JobResult:
        """A job that must succeed."""
        scene = self.scene
        seconds = scene.session.environment.time_limits.job
        with scene.steps.step(f"{what} {self._now.name}"):
            job = send(scene.api, seconds, self.id)
            self.record = instances.get(scene.api, self.id)
        scene.saw(compare_job(None, job, rule))
        if not job.succeeded:
            # A start may have been tried on any host, so that of those looked at none need have a line of it.
            by_agent, again = what != "start", lambda: send(scene.api, seconds, self.id)
            scene.doubts.append(Doubt(f"{what} of {self._now.name}", job, again=again, by_agent=by_agent))
            raise JobFailedError(f"{what} of instance {self._now.name}", job)
        return job

    def _has_started(self, world: World, host: Host, *, switch: bool) -> None:
        now = self._now
        self._unseen_start = Start(
            instance=now.name,
            size=size_record(now.offering, now.size),
            switches=(
                world.settings.flag(names.ENABLE_DYNAMIC_SCALE),
                now.offering.dynamic_scaling,
                now.template_flag,
                switch,
            ),
            host=host,
            settings=world.settings,
            expected=now.domain,
        )
        for rule in now.domain.because.values():
            if rule.kind is Kind.ODDITY:
                self.scene.note(rule.id, f"{rule.says} {rule.note}")

    def _look(self, placed_by: Rule, sized_by: Rule) -> Observation:
        now = self._now
        self.scene.saw(compare_record(for_the_api(now, self._host_ids, placed_by, sized_by), self.record))
        observation = self.observe([now.domain])
        self.scene.saw(_on_host(now, observation))
        if now.state == STOPPED:
            return observation
        self.scene.looks.extend(look_records(now.domain, observation))
        if self._unseen_start is not None:
            self.scene.starts.append(start_record(self._unseen_start, observation))
            self._unseen_start = None
        return observation

    def _view(self) -> HostView:
        name = self._host_name
        if name is None or name not in self.scene.session.inventory.facts:
            raise HostUnknownError(f"instance {self._now.name} is said to run on host {name}")
        return self.scene.session.view(name)


def _on_host(now: Instance, seen: Observation) -> Comparison:
    if now.state == STOPPED:
        return compare_absence(seen, rules.GONE_WHEN_STOPPED)
    return compare_observation(now.domain, seen)
