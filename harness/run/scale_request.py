"""A scale that was asked for: predicted in every way that is known, waited for, looked at and judged."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.cloud import instances
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.jobs import Job, JobResult
from harness.hosts.observation import DomainView, Observation
from harness.reference import rules
from harness.reference.capacity import Allocation, Host, with_allocation
from harness.reference.cpu_tuning import QUOTA_REMOVED_US
from harness.reference.decision import decide
from harness.reference.offering import CustomParameters, Offering
from harness.reference.scaling import RUNNING, EndlessScaleError, Outcome, Prediction, World, predict
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_OVERCOMMIT
from harness.run.facts import look_records, scale_record, size_record
from harness.run.inquiry import Doubt
from harness.run.permits import CannotArrangeError
from harness.run.reserved_room import (
    recalculated,
    size_of,
    told,
    world_with_the_rest_reserved,
    worlds_with_reserved,
)
from harness.run.room import Room, require_arranged
from harness.verify.books import compare_books
from harness.verify.domain import seen_domain
from harness.verify.finding import NOTHING_SEEN, Comparison
from harness.verify.instance import compare_absence, compare_arrival, compare_job, compare_saved_speed
from harness.verify.ways import Shown, Way, which

if TYPE_CHECKING:
    from harness.run.staged_instance import StagedInstance


# In place of the id of a job that never was.
NO_JOB = "(none)"


@dataclass(frozen=True)
class Scaled:
    """One scale: what was predicted, how the job ended, and what the host showed afterwards."""

    prediction: Prediction
    job: JobResult
    observation: Observation
    memory_overcommit: float = 1.0
    cpu_overcommit: float = 1.0

    @property
    def domain(self) -> DomainView:
        """The live domain as it was seen. Raises NotVerifiedError where it was not."""
        return seen_domain(self.observation)

    @property
    def bandwidth(self) -> tuple[int | None, int | None]:
        """Quota and period in us as the live domain has them. Raises NotVerifiedError where it was not seen."""
        return self.domain.quota_us, self.domain.period_us

    def grew_to(self, vcpus: int, *dimms_kib: int) -> bool:
        """Whether the live domain has these vCPUs and DIMMs.

        Sizes of DIMMs are promised without memory overcommit, which also takes its part of what an instance starts
        with; with overcommit the comparison with the reference stands alone. Raises NotVerifiedError.
        """
        return self.domain.vcpus == vcpus and (self.domain.dimms_kib == dimms_kib or self.memory_overcommit != 1)

    def limits_cpu_to(self, quota_us: int | None, period_us: int | None) -> bool:
        """Whether the live domain has this quota and period, in us; None where it has to have none.

        A quota that is by the speed is promised without CPU overcommit, which divides it (DEF-04); with overcommit the
        comparison with the reference stands alone. Raises NotVerifiedError.
        """
        by_speed = quota_us not in (None, QUOTA_REMOVED_US)
        return self.bandwidth == (quota_us, period_us) or (by_speed and self.cpu_overcommit != 1)

    def refused_with(self, code: int, pattern: str) -> bool:
        """Whether the job failed with this code and a text that is wholly of this pattern."""
        return self.job.code == code and re.fullmatch(pattern, self.job.text) is not None


class ScaleRequest:
    """One scale from its prediction to its judgement; `world` and `before` are as they were when it was predicted."""

    def __init__(
        self, instance: StagedInstance, offering: Offering, asked: CustomParameters, room: Room, api: CloudApi
    ) -> None:
        """Predict; nothing is sent yet. `api` has the keys of whoever is to ask.

        Raises:
            CannotArrangeError: the host or the cluster has not the room that the case arranged.
            HarnessError: the cloud or a host cannot be looked into.
        """
        scene = instance.scene
        self.instance = instance
        self.offering = offering
        self.asked = asked
        self.before = instance.as_reference()
        self.world = scene.session.world()
        self._left_host = instance.record.host_name
        self._observation: Observation | None = None
        try:
            self.built = predict(self.world, self.before, offering, asked)
        except EndlessScaleError as endless:
            raise CannotArrangeError(f"needs a scale that ends: {endless}") from None
        require_arranged(
            self.world, self.before, decide(self.world, self.before, offering, asked).size, self.built, room
        )
        if self.built.outcome is Outcome.IN_PLACE:
            scene.takes(instance.record.name, self.built.size)
        self._api = api
        self._sent: Job | JobResult | None = None
        self._ended: JobResult | None = None
        # Nobody asked for anything else at the same time.
        self._is_alone = False

    def send(self) -> ScaleRequest:
        """Ask for it, and do not wait. Raises HarnessError where the cloud cannot be asked."""
        with self.instance.scene.steps.step(f"ask to scale {self.before.name}"):
            try:
                self._sent = instances.begin_scale(self._api, self.instance.id, self.offering.id, self.asked)
            except ApiError as refused:
                self._sent = JobResult(NO_JOB, False, refused.code, refused.text, {}, 0.0)
        self.instance.scene.scales_under_way += 1
        return self

    def finish(self) -> Scaled:
        """Wait, look, and hold what is seen against what is built, and where that has a defect against its mend.

        Raises:
            DeadlineExpired: the job does not end.
            HarnessError: the cloud or a host cannot be looked into.
        """
        self._is_alone = True
        self.wait()
        ways = list(self._ways())
        self.look([way.expected for way in ways])
        way, comparison, fits = which(ways, lambda prediction: self.compare(prediction, saved=len(ways) > 1))
        if fits:
            self.instance.scene.shows(way.defects)
        else:
            self._require_the_same_room()
            self._require_no_reserved_room()
        return self.settle(way.expected, comparison)

    def _require_the_same_room(self) -> None:
        """What differs may be the doing of others, where there can be any: a host may have been filled meanwhile.

        Raises:
            CannotArrangeError: all is as it has to be with what the hosts count now.
        """
        if self.wait().succeeded or self.instance.scene.has_the_books:
            return
        now = self.predict(self.instance.scene.session.world())
        if now.outcome is not self.built.outcome and not self.compare(now).findings:
            raise CannotArrangeError(
                f"needs room that nobody else takes meanwhile; {self.wait().text!r} is right for what hosts count now"
            )

    def _require_no_reserved_room(self) -> None:
        """What differs may be right where a part of what the host counts is only reserved: for stopped instances, or
        for one that is gone.

        Raises:
            CannotArrangeError: all is as it has to be with as much reserved as some of the zone's have, or with all
                that the host counts beyond what runs there.
        """
        scene = self.instance.scene
        zone_id = scene.session.inventory.zone.id
        stopped = [
            each for each in instances.stopped(scene.api) if each.zone_id == zone_id and each.id != self.instance.id
        ]
        others = [each for each in instances.running(scene.api) if each.id != self.instance.id]
        worlds = list(worlds_with_reserved(self.world, self.before, others, stopped))
        rest = world_with_the_rest_reserved(self.world, self.before, others)
        if rest != self.world:
            worlds.append(rest)
        expected: list[Prediction] = []
        for world in worlds:
            with suppress(EndlessScaleError):
                expected.append(self.predict(world))
        if not expected:
            return
        self.look(expected)
        if any(not self.compare(prediction).findings for prediction in expected):
            ended = self.wait().text or "a success"
            raise CannotArrangeError(
                f"needs a host of whose allocated capacity nothing is reserved; the zone has {len(stopped)} stopped "
                f"instances, and {ended!r} is right if {self._left_host} keeps room for them or for one that is gone"
            )

    def finish_alone(self) -> Scaled:
        """As `finish`, where nothing else was done meanwhile: what the cluster's hosts count is compared as well.

        Not for a stopped instance: only what is reserved for it changes, which listHosts does not tell apart.
        """
        scaled = self.finish()
        scene = self.instance.scene
        if scene.has_the_books and scene.scales_under_way == 0 and self.before.state == RUNNING:
            scene.saw(
                compare_books(self._books(scaled.prediction), scene.session.world().hosts, rules.COUNTED_IN_PLACE)
            )
        return scaled

    def _books(self, prediction: Prediction) -> list[list[Host]]:
        """As predicted; as a recalculation afterwards or before leaves them, which counts what runs and no more; or as
        predicted where what does not run is reserved, which is told together with what is used."""
        scene = self.instance.scene
        running = instances.running(scene.api)
        others = [each for each in running if each.id != self.instance.id]
        predicted = self._in_cluster(prediction)
        counted = dict.fromkeys((host.id for host in predicted), Allocation(0, 0))
        for each in running:
            if each.host_id in counted:
                counted[each.host_id] = counted[each.host_id].with_allocated(size_of(each))
        ways = [predicted, [with_allocation(host, counted[host.id]) for host in predicted]]
        for counted_as in (recalculated, world_with_the_rest_reserved):
            with suppress(EndlessScaleError):
                otherwise = self.predict(counted_as(self.world, self.before, others))
                ways.append([with_allocation(host, told(host)) for host in self._in_cluster(otherwise)])
        return ways

    def _in_cluster(self, prediction: Prediction) -> list[Host]:
        return [host for host in prediction.hosts if host.cluster_id == self.instance.scene.home.cluster_id]

    def wait(self) -> JobResult:
        """How the job ended; the instance's record is as the API has it after that, or after the last look."""
        scene, sent = self.instance.scene, self._sent
        if sent is None:
            raise RuntimeError("send() comes first")
        if self._ended is None:
            if isinstance(sent, Job):
                with scene.steps.step(f"scale {self.before.name}"):
                    sent = sent.wait(scene.session.environment.time_limits.job)
            self.instance.refresh()
            self._ended = sent
        return self._ended

    def look(self, expected: Sequence[Prediction]) -> Observation:
        """What the host shows, once the guest had time to show one of what is expected."""
        self._observation = self.instance.observe([prediction.domain for prediction in expected])
        self.instance.refresh()
        return self._observation

    def compare(self, prediction: Prediction, *, saved: bool = False) -> Comparison:
        """Job, API and host against one prediction; with `saved` also what the next start will go by."""
        rule = prediction.refusal.rule if prediction.refusal else prediction.rules[-1]
        comparison = compare_job(prediction.refusal, self.wait()) + self.instance.compare(
            prediction, self._seen, rule, rule
        )
        if saved:
            comparison += compare_saved_speed(prediction, self.instance.record)
        return comparison

    def settle(self, prediction: Prediction, comparison: Comparison) -> Scaled:
        """From now on the instance is as this prediction says; what was seen is the case's."""
        scene, instance, job = self.instance.scene, self.instance, self.wait()
        scene.scales_under_way -= 1
        scene.saw(comparison + self._left_behind())
        self._doubt(prediction, job)
        for odd in prediction.oddities:
            scene.note(odd.id, f"{odd.says} {odd.note}")
        for broken in prediction.contradictions:
            scene.note(broken.rule.id, f"promised: {broken.promised}; built: {broken.built}")
        instance.become(prediction)
        if self.before.state == RUNNING:
            scene.looks.extend(look_records(prediction.domain, self._seen))
        scene.scales.append(
            scale_record(
                self.before.name,
                size_record(self.before.offering, self.before.size),
                # What is asked for, also where it is refused; a request that names no complete size keeps the old one.
                size_record(self.offering, prediction.size),
                prediction,
                prediction.domain if self.before.state == RUNNING else None,
                job,
                (self._left_host, instance.record.host_name),
                next((host.speed_mhz for host in self.world.hosts if host.id == instance.record.host_id), None),
                self._seen,
            )
        )
        factors = (
            self.world.settings.number(name, scene.home.cluster_id) for name in (MEMORY_OVERCOMMIT, CPU_OVERCOMMIT)
        )
        return Scaled(prediction, job, self._seen, *factors)

    def _doubt(self, prediction: Prediction, job: JobResult) -> None:
        """Keep what a fault of an agent or of libvirt may stand behind."""
        scene, refusal = self.instance.scene, prediction.refusal
        if job.succeeded or job.job_id == NO_JOB:
            return
        if refusal is None:
            size = prediction.size
            asked = (size.memory_mib * 1024, size.cpus)
            again = self._again if self._is_alone else None
            by_agent = job.text == self.world.release.agent_failure
            stops = self.instance.goes_when_stopped
            scene.doubts.append(Doubt(f"scaling {self.before.name}", job, asked, again, by_agent, stops))
        elif refusal.text == self.world.release.agent_failure:
            scene.unproven.append(job)

    def _again(self) -> JobResult:
        with self.instance.scene.steps.step(f"scale {self.before.name} again"):
            try:
                sent = instances.begin_scale(self._api, self.instance.id, self.offering.id, self.asked)
            except ApiError as refused:
                return JobResult(NO_JOB, False, refused.code, refused.text, {}, 0.0)
            return sent.wait(self.instance.scene.session.environment.time_limits.job)

    def predict(self, world: World) -> Prediction:
        """What comes of it in this world; of several possible destinations, on the one that the allocator took."""
        prediction = predict(world, self.before, self.offering, self.asked)
        landed_on = self.instance.record.host_id
        if landed_on in prediction.host_ids:
            prediction = predict(world, self.before, self.offering, self.asked, landed_on=landed_on)
        return prediction

    @property
    def _seen(self) -> Observation:
        if self._observation is None:
            raise RuntimeError("look() comes first")
        return self._observation

    def _ways(self) -> Iterator[Way[Prediction]]:
        """As built; then with each of the defects that show in it mended, alone and together."""
        involved = list(dict.fromkeys(broken.rule for broken in self.built.contradictions))
        for number in range(len(involved) + 1):
            for mended in itertools.combinations(involved, number):
                release = replace(self.world.release, defects=self.world.release.defects - set(mended))
                shown = {rule: Shown.MENDED if rule in mended else Shown.AS_BUILT for rule in involved}
                yield Way(self.predict(replace(self.world, release=release)), shown)

    def _left_behind(self) -> Comparison:
        name = self._left_host
        if name is None or name == self.instance.record.host_name or self.before.state != RUNNING:
            return NOTHING_SEEN
        left = compare_absence(self.instance.scene.session.view(name).observe(self.before.name))
        return left + compare_arrival(self._seen, rules.AUTO_MIGRATE)
