"""Two scale requests that are sent together: what is built, and on a mended release what is promised."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.reference import oddities
from harness.reference.contradictions import Contradiction
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering
from harness.reference.scaling import Outcome, Prediction, predict
from harness.reference.world import Instance, World


@dataclass(frozen=True)
class Request:
    """One scaleVirtualMachine."""

    offering: Offering
    asked: CustomParameters = NO_PARAMETERS


@dataclass(frozen=True)
class Growth:
    """What a request adds to an account's resource counts."""

    cpus: int
    memory_mib: int


@dataclass(frozen=True)
class Pair:
    """How the two end, in the order in which the server takes them up.

    Each prediction says how its instance is after both; `counted` is what each adds to its account's resource counts.
    """

    first: Prediction
    second: Prediction
    counted: tuple[Growth, Growth]


def two_requests(world: World, instance: Instance, first: Request, second: Request) -> Pair:
    """Two requests for one instance, the second sent while the first is under way.

    As built (DEF-01) the second is checked against the size before the first, waits for the first's work in place of
    doing its own, and succeeds; its growth is counted. Mended, it is carried out after the first.

    Raises:
        EndlessScaleError: a job would never end.
    """
    done = predict(world, instance, first.offering, first.asked)
    if oddities.CONCURRENT_SCALES not in world.release.defects or done.refusal is not None:
        after = _after(instance, done)
        then = predict(replace(world, hosts=done.hosts), after, second.offering, second.asked)
        last = then if then.refusal is None else replace(done, hosts=then.hosts)
        return Pair(replace(last, outcome=done.outcome, refusal=done.refusal), then, _counted(instance, done, then))
    alone = predict(world, instance, second.offering, second.asked)
    if alone.refusal is not None:
        return Pair(done, replace(done, outcome=alone.outcome, refusal=alone.refusal), _counted(instance, done, done))
    lost = Contradiction(
        oddities.CONCURRENT_SCALES,
        f"both requests are carried out, or the second is refused: {_size(alone)} in the end",
        f"the second job succeeds with {_size(done)}, and its growth is counted all the same",
    )
    joined = replace(done, contradictions=(*done.contradictions, lost))
    growths = (_growth(instance, done), _growth(instance, alone))
    return Pair(joined, joined, growths)


def two_instances(
    world: World, first: Instance, first_request: Request, second: Instance, second_request: Request
) -> Pair:
    """Two instances of one host that grow together, each of which alone has room there.

    As built (DEF-06) both are decided before either is counted, so both are carried out and the books find out
    afterwards. Mended, the room is taken with the decision, and the second is decided by what the first left.

    Raises:
        EndlessScaleError: a job would never end.
    """
    done = predict(world, first, first_request.offering, first_request.asked)
    offering, asked = second_request.offering, second_request.asked
    left = replace(world, hosts=done.hosts)
    without = replace(world.release, defects=world.release.defects - {oddities.CONCURRENT_GROWTH})
    mended = predict(replace(left, release=without), second, offering, asked)
    if oddities.CONCURRENT_GROWTH not in world.release.defects:
        return Pair(done, mended, (_growth(first, done), _growth(second, mended)))
    built = predict(world, second, offering, asked, counted=done.hosts)
    if mended.outcome is not Outcome.IN_PLACE:
        overfilled = Contradiction(
            oddities.CONCURRENT_GROWTH,
            f"the second instance is not scaled on its host: {mended.outcome}",
            f"the second instance has {_size(built)} although there is no room for it",
        )
        built = replace(built, contradictions=(*built.contradictions, overfilled))
    # The growth of a job that fails is not counted, although the instance has grown.
    counted = Growth(0, 0) if built.refusal is not None else _growth(second, built)
    return Pair(done, built, (_growth(first, done), counted))


def _after(instance: Instance, done: Prediction) -> Instance:
    return replace(
        instance,
        offering=done.offering,
        size=done.size,
        cpu_cap=done.cpu_cap,
        flag=done.flag,
        domain=done.domain,
        saved=done.saved,
        host_id=done.host_ids[0],
    )


def _growth(before: Instance, after: Prediction) -> Growth:
    return Growth(after.size.cpus - before.size.cpus, after.size.memory_mib - before.size.memory_mib)


def _counted(instance: Instance, done: Prediction, then: Prediction) -> tuple[Growth, Growth]:
    return _growth(instance, done), _growth(_after(instance, done), then)


def _size(prediction: Prediction) -> str:
    size = prediction.size
    return f"{size.cpus} vCPUs and {size.memory_mib} MiB"
