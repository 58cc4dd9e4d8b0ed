"""An instance of a case: knows what it must be, scales, and looks at itself on every layer."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from harness.cloud import instances
from harness.cloud.client import ApiError
from harness.cloud.entities import TemplateRecord
from harness.cloud.jobs import JobResult
from harness.errors import HarnessError
from harness.hosts.observation import DomainView, GuestView, NotSeen, Observation
from harness.reference import rules
from harness.reference import settings as names
from harness.reference.domain import Domain, domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, concrete_size
from harness.reference.readiness import instance_flag, is_prepared
from harness.reference.rule import Kind, Rule
from harness.reference.scaling import RUNNING, EndlessScaleError, Instance, Prediction, World, predict
from harness.run.facts import scale_record, size_record
from harness.run.room import Room, require_arranged
from harness.run.scene import CannotArrangeError, Scene
from harness.run.steps import WaitsFor
from harness.verify.domain import seen_domain
from harness.verify.instance import (
    ExpectedInstance,
    compare_absence,
    compare_job,
    compare_observation,
    compare_record,
    compare_silent_guest,
    guest_has_settled,
)
from harness.waiting import DeadlineExpired, wait_until


class HostUnknownError(HarnessError):
    """The API says that the instance runs on no host, or on one that the run did not know at its start."""


@dataclass(frozen=True)
class Scaled:
    """One scale: what was predicted, how the job ended, and what the host showed afterwards."""

    prediction: Prediction
    job: JobResult
    observation: Observation

    @property
    def bandwidth(self) -> tuple[int | None, int | None]:
        """Quota and period in us as the live domain has them. Raises NotVerifiedError where it was not seen."""
        domain = seen_domain(self.observation)
        return domain.quota_us, domain.period_us

    def refused_with(self, code: int, pattern: str) -> bool:
        """Whether the job failed with this code and a text that is wholly of this pattern."""
        return self.job.code == code and re.fullmatch(pattern, self.job.text) is not None


class StagedInstance:
    """A running instance. `record` and `observation` are the newest look, taken at deployment and after each scale."""

    def __init__(
        self,
        scene: Scene,
        instance_id: str,
        world: World,
        offering: Offering,
        parameters: CustomParameters,
        template: TemplateRecord,
        *,
        requested_flag: bool,
    ) -> None:
        self.id = instance_id
        self._scene = scene
        self._offering = offering
        self._size = concrete_size(offering, parameters)
        self._saved = parameters if offering.is_custom else NO_PARAMETERS
        self._cpu_cap = offering.cpu_cap
        self._template_flag = template.dynamically_scalable
        zone_setting = world.settings.flag(names.ENABLE_DYNAMIC_SCALE)
        self._flag = instance_flag(
            requested=requested_flag,
            offering=offering.dynamic_scaling,
            template=template.dynamically_scalable,
            zone_setting=zone_setting,
        )
        self._host_ids: tuple[str, ...] = (scene.home.id,)
        self._domain = domain_at_start(
            world.release,
            world.settings,
            world.host(scene.home.id),
            offering,
            self._size,
            cpu_cap=offering.cpu_cap,
            prepared=is_prepared(
                world.release, flag=self._flag, zone_setting=zone_setting, custom_offering=offering.is_custom
            ),
        )
        for rule in self._domain.because.values():
            if rule.kind is Kind.ODDITY:
                scene.note(rule.id, f"{rule.says} {rule.note}")
        self._guest_answered = False
        self._was_hotplugged = False
        self.record = instances.get(scene.api, instance_id)

    @property
    def domain(self) -> Domain:
        """What its domain must be now."""
        return self._domain

    @property
    def is_on_home(self) -> bool:
        return self.record.host_id == self._scene.home.id

    def verify(self) -> Observation:
        """Look on every layer and hold it against what the instance must be now."""
        self.record = instances.get(self._scene.api, self.id)
        return self._look(rules.IN_PLACE, rules.INSTANCE_FLAG if self._flag else rules.NO_CEILINGS)

    def scale(self, offering: Offering, parameters: CustomParameters = NO_PARAMETERS) -> Scaled:
        """Predict, scale, look, compare, on a host that has room. A refusal is a result, predicted or not.

        Raises:
            CannotArrangeError: the host or the cluster is too full; nothing was sent.
            DeadlineExpired: the job does not end.
            HarnessError: the cloud or a host cannot be looked into.
        """
        return self._scale(offering, parameters, Room.ON_THE_HOST)

    def scale_without_room(self, offering: Offering, parameters: CustomParameters = NO_PARAMETERS) -> Scaled:
        """As `scale`, for an instance whose host lacks room for the growth. Errors as there."""
        return self._scale(offering, parameters, Room.NOT_ON_THE_HOST)

    def scale_in_a_full_cluster(self, offering: Offering, parameters: CustomParameters = NO_PARAMETERS) -> Scaled:
        """As `scale`, for an instance whose growth takes the cluster across its threshold. Errors as there."""
        return self._scale(offering, parameters, Room.CLUSTER_TOO_FULL)

    def _scale(self, offering: Offering, asked: CustomParameters, room: Room) -> Scaled:
        scene = self._scene
        if scene.session.guest_agent_silent is None:
            self._wait_for_guest()
        left_host = self.record.host_name
        old_size = size_record(self._offering, self._size)
        world = scene.session.world()
        before = self._as_reference()
        try:
            prediction = predict(world, before, offering, asked)
        except EndlessScaleError as endless:
            raise CannotArrangeError(f"needs a scale that ends: {endless}") from None
        require_arranged(prediction, room)
        with scene.steps.step(f"scale {self.record.instance_name}"):
            job = self._send(offering, asked)
        scene.saw(compare_job(prediction.refusal, job))
        self.record = instances.get(scene.api, self.id)
        if self.record.host_id in prediction.host_ids:
            # Of several possible destinations the allocator took this one; quota and shares depend on it.
            prediction = predict(world, before, offering, asked, landed_on=self.record.host_id)
        for odd in prediction.oddities:
            scene.note(odd.id, f"{odd.says} {odd.note}")
        for broken in prediction.contradictions:
            scene.note(broken.rule.id, f"promised: {broken.promised}; built: {broken.built}")
        # What is asked for, also where it is refused; a request that names no complete size keeps the old one.
        new_size = size_record(offering, prediction.size)
        self._offering = prediction.offering
        self._saved = prediction.saved
        self._size = prediction.size
        self._cpu_cap = prediction.cpu_cap
        self._flag = prediction.flag
        self._was_hotplugged = self._was_hotplugged or (
            prediction.domain.vcpus != self._domain.vcpus or prediction.domain.dimms_kib != self._domain.dimms_kib
        )
        self._domain = prediction.domain
        self._host_ids = prediction.host_ids
        rule = prediction.refusal.rule if prediction.refusal else prediction.rules[-1]
        observation = self._look(rule, rule)
        if self.record.host_name != left_host and left_host is not None:
            scene.saw(compare_absence(scene.session.view(left_host).observe(self.record.instance_name)))
        speed = next((host.speed_mhz for host in world.hosts if host.id == self.record.host_id), None)
        scene.scales.append(
            scale_record(
                self.record.instance_name,
                old_size,
                new_size,
                prediction,
                job,
                (left_host, self.record.host_name),
                speed,
                observation,
            )
        )
        return Scaled(prediction, job, observation)

    def _send(self, offering: Offering, asked: CustomParameters) -> JobResult:
        limit = self._scene.session.environment.time_limits.job
        try:
            return instances.scale(self._scene.api, limit, self.id, offering.id, asked)
        except ApiError as refused:
            return JobResult("(none)", False, refused.code, refused.text, {}, 0.0)

    def _as_reference(self) -> Instance:
        if self.record.host_id is None:
            raise HostUnknownError(f"instance {self.record.instance_name} is {self.record.state} and runs on no host")
        return Instance(
            name=self.record.instance_name,
            state=RUNNING,
            offering=self._offering,
            size=self._size,
            cpu_cap=self._cpu_cap,
            flag=self._flag,
            template_flag=self._template_flag,
            host_id=self.record.host_id,
            domain=self._domain,
            saved=self._saved,
        )

    def _look(self, placed_by: Rule, sized_by: Rule) -> Observation:
        scene = self._scene
        with scene.steps.step(f"look at {self.record.instance_name}", WaitsFor.HOSTS):
            expected = ExpectedInstance(
                state=RUNNING,
                offering_id=self._offering.id,
                size=self._size,
                flag=self._flag,
                host_ids=self._host_ids,
                domain=self._domain,
                placed_by=placed_by,
                sized_by=sized_by,
            )
            scene.saw(compare_record(expected, self.record))
            view = scene.session.view(self._host_name())
            observation = view.observe(self.record.instance_name)
            if isinstance(observation.domain, DomainView) and not guest_has_settled(self._domain, observation.guest):
                self._wait_for_guest()
                observation = view.observe(self.record.instance_name)
            if self._guest_stays_behind:
                reason = "the environment file says that the guest does not bring hot-plugged parts online"
                observation = replace(observation, guest=NotSeen(reason))
            scene.saw(compare_observation(self._domain, observation))
        return observation

    @property
    def _guest_stays_behind(self) -> bool:
        return self._was_hotplugged and not self._scene.session.environment.guest.onlines_hotplug

    def _host_name(self) -> str:
        name = self.record.host_name
        if name is None or name not in self._scene.session.inventory.facts:
            raise HostUnknownError(f"instance {self.record.instance_name} is said to run on host {name}")
        return name

    def _wait_for_guest(self) -> None:
        """Give the guest time to boot and to bring online what was plugged in; the comparison comes afterwards."""
        session = self._scene.session
        if session.guest_agent_silent is not None:
            return
        view = session.view(self._host_name())
        limits = session.environment.time_limits
        name = self.record.instance_name
        try:
            wait_until(
                f"the guest agent of {name}",
                lambda: view.guest(name),
                _answers,
                limits.guest_boot,
                longest_pause_s=0.25,
            )
        except DeadlineExpired as expired:
            self._guest_is_silent(expired)
            return
        session.guest_agent_answered = True
        self._guest_answered = True
        if self._guest_stays_behind:
            return
        # What the guest shows instead is compared next and becomes a finding there.
        with suppress(DeadlineExpired):
            wait_until(
                f"guest {name} to bring its CPUs and memory online",
                lambda: view.guest(name),
                lambda seen: guest_has_settled(self._domain, seen),
                limits.guest_hotplug,
                longest_pause_s=0.25,
            )

    def _guest_is_silent(self, expired: DeadlineExpired) -> None:
        if self._guest_answered:
            self._scene.saw(compare_silent_guest(self.record.instance_name, expired))
        elif not self._scene.session.guest_agent_answered:
            self._scene.session.guest_agent_silent = str(expired)


def _answers(seen: GuestView | NotSeen) -> bool:
    return isinstance(seen, GuestView)
