"""Asks for two things at once, and judges them together, in every order and every way in which they may rightly end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.cloud import instances
from harness.cloud.entities import HostRecord
from harness.reference import oddities, rules
from harness.reference.rule import Rule
from harness.reference.scaling import predict
from harness.reference.together import Pair, Request, two_instances, two_requests
from harness.reference.world import World
from harness.run import expectation
from harness.run.inquiry import Doubt
from harness.run.scale_request import Scaled, ScaleRequest
from harness.verify.finding import NOTHING_SEEN, Comparison
from harness.verify.instance import compare_job
from harness.verify.ways import Shown, Way, which

_MIGRATING = "Migrating"


def scale_one_instance_twice(first: ScaleRequest, second: ScaleRequest) -> tuple[Scaled, Scaled]:
    """Send two scales of one instance, the second while the first is under way. Errors as ScaleRequest.finish."""

    def pair(world: World) -> Pair:
        return two_requests(world, first.before, _request(first), _request(second))

    return _scale_both(first, second, list(_ways(first.world, oddities.CONCURRENT_SCALES, [pair])))


def scale_two_instances(first: ScaleRequest, second: ScaleRequest) -> tuple[Scaled, Scaled]:
    """Send scales of two instances of one host together: either may be taken up first. Errors as finish."""

    def in_order(world: World) -> Pair:
        return two_instances(world, first.before, _request(first), second.before, _request(second))

    def turned(world: World) -> Pair:
        pair = two_instances(world, second.before, _request(second), first.before, _request(first))
        return Pair(pair.second, pair.first, (pair.counted[1], pair.counted[0]))

    return _scale_both(first, second, list(_ways(first.world, oddities.CONCURRENT_GROWTH, [in_order, turned])))


def scale_during_migration(destination: HostRecord, request: ScaleRequest) -> Scaled:
    """Send a scale while the instance is on its way to another host: refused for its state, or done after that.

    Raises:
        ApiError: the migration was refused.
        DeadlineExpired, HarnessError: a job does not end, or the cloud or a host cannot be looked into.
    """
    scene, world, instance = request.instance.scene, request.world, request.instance
    moved = expectation.migrated(world, world.host(destination.id), request.before)
    with scene.steps.step(f"ask to migrate {request.before.name}"):
        migration = instances.begin_migration(scene.api, instance.id, destination.id)
    request.send()
    with scene.steps.step(f"migrate {request.before.name}"):
        ended = migration.wait(scene.session.environment.time_limits.job)
    scene.saw(compare_job(None, ended, rules.MIGRATION_KEEPS))
    if not ended.succeeded:
        scene.doubts.append(Doubt(f"migration of {request.before.name}", ended))
    request.wait()
    instance.is_moved_to(world.host(destination.id), world)
    refused = predict(world, replace(moved, state=_MIGRATING), request.offering, request.asked)
    ways = [Way(refused), Way(predict(world, moved, request.offering, request.asked))]
    request.look([way.expected for way in ways])
    way, comparison, _ = which(ways, request.compare)
    return request.settle(way.expected, comparison)


def _request(sent: ScaleRequest) -> Request:
    return Request(sent.offering, sent.asked)


def _ways(world: World, defect: Rule, orders: Sequence[Callable[[World], Pair]]) -> Iterator[Way[Pair]]:
    mended = replace(world, release=replace(world.release, defects=world.release.defects - {defect}))
    known = defect in world.release.defects
    worlds = {Shown.AS_BUILT: world, Shown.MENDED: mended} if known else {Shown.MENDED: world}
    for shown, there in worlds.items():
        for order in orders:
            yield Way(order(there), {defect: shown} if known else {})


def _scale_both(first: ScaleRequest, second: ScaleRequest, ways: list[Way[Pair]]) -> tuple[Scaled, Scaled]:
    scene = first.instance.scene
    first.send()
    second.send()
    first.wait()
    second.wait()
    first.look([way.expected.first for way in ways])
    second.look([way.expected.second for way in ways])

    def compare(pair: Pair) -> Comparison:
        return first.compare(pair.first) + second.compare(pair.second)

    way, comparison, fits = which(ways, compare)
    if fits:
        scene.shows(way.defects)
    return first.settle(way.expected.first, comparison), second.settle(way.expected.second, NOTHING_SEEN)
