"""NEG: what has to be refused, with which code and text."""

import pytest

from harness.reference.offering import CustomParameters, Size
from harness.reference.settings import CPU_THRESHOLD, ENABLE_DYNAMIC_SCALE
from harness.run.stage import Stage
from harness.verify.domain import is_prepared, seen_domain

NO_TOOLS = r"Unable to scale VM instance \{.+\} as it does not have tools to support dynamic scaling\."


def _attributes(cpus: int, speed_mhz: int, memory_mib: int) -> str:
    return f'{{"memory": {memory_mib}, "CPU speed": {speed_mhz}, "vCPUs": {cpus}}}'


def _is_refused_as_smaller(stage: Stage, new: tuple[int, int, int], current: tuple[int, int, int]) -> bool:
    """Whether scaling from one fixed size to another (vCPUs, MHz, MiB) is refused with the text for scaling down."""
    scaled = stage.instance(stage.fixed(*current)).scale(stage.fixed(*new))
    text = (
        f"Scaling down is not supported while the VM is running. The new service offering attributes "
        f"{_attributes(*new)} must not be lower than the current values {_attributes(*current)}."
    )
    return scaled.job.code == 431 and (scaled.job.text == text or not stage.release.scales_fixed_offerings)


@pytest.mark.case("NEG-01")
@pytest.mark.smoke
def test_fewer_vcpus_are_refused(stage: Stage) -> None:
    """Scaling to fewer vCPUs is refused and changes nothing.

    Preconditions: a running instance with 2 vCPUs.
    Steps: scale it to an offering with 1 vCPU, the same speed and the same memory.
    Expected: 431 with the text for scaling down (from 4.23 on); every layer as before.
    """
    speed = stage.speed(0.25)
    assert _is_refused_as_smaller(stage, (1, speed, 256), (2, speed, 256))


@pytest.mark.case("NEG-02")
def test_a_lower_speed_is_refused(stage: Stage) -> None:
    """Scaling to a lower speed is refused, although the number of vCPUs grows.

    Preconditions: a running instance with 1 vCPU at half of the host's speed.
    Steps: scale it to 2 vCPUs at a quarter.
    Expected: 431 with the text for scaling down (from 4.23 on); every layer as before.
    """
    assert _is_refused_as_smaller(stage, (2, stage.speed(0.25), 256), (1, stage.speed(0.5), 256))


@pytest.mark.case("NEG-03")
def test_less_memory_is_refused(stage: Stage) -> None:
    """Scaling to less memory is refused, although vCPUs and speed grow.

    Preconditions: a running instance with 512 MiB.
    Steps: scale it to 256 MiB with more vCPUs of a higher speed.
    Expected: 431 with the text for scaling down (from 4.23 on); every layer as before.
    """
    assert _is_refused_as_smaller(stage, (2, stage.speed(0.5), 256), (1, stage.speed(0.25), 512))


@pytest.mark.case("NEG-04")
def test_the_same_size_is_refused(stage: Stage) -> None:
    """Another offering of the same size, neither of them capped, is refused.

    Preconditions: a running instance of a constrained offering.
    Steps: scale it within its offering to the size that it has.
    Expected: 431 with the text that asks for a change of the CPU cap (before 4.23 with that for scaling down).
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    scaled = instance.scale(offering, CustomParameters("1", memory_mib="256"))
    assert scaled.job.code == 431
    if stage.release.scales_fixed_offerings:
        assert scaled.job.text == (
            "While the VM is running, scaling to a service offering with the same attributes (memory, CPU speed and "
            "vCPUs) is only allowed when the CPU cap is changed."
        )
    else:
        assert scaled.job.text.startswith("While the VM is running, only scalling up it is supported.")


@pytest.mark.case("NEG-05")
def test_the_offering_that_it_has_is_refused(stage: Stage) -> None:
    """Scaling to the fixed offering that the instance has is refused.

    Preconditions: a running instance of a fixed offering.
    Steps: scale it to that offering.
    Expected: 431; the text names the instance and the offering.
    """
    offering = stage.fixed(1, stage.speed(0.25), 256)
    scaled = stage.instance(offering).scale(offering)
    assert scaled.job.code == 431
    assert scaled.job.text.startswith("Not upgrading vm VM instance {")
    assert scaled.job.text.endswith(f" since it already has the requested service offering ({offering.name})")


@pytest.mark.case("NEG-06")
def test_offerings_that_differ_in_dynamic_scaling_are_refused(stage: Stage) -> None:
    """An offering whose dynamic-scaling flag is another than the present one's is refused.

    Preconditions: a running instance of a fixed offering that allows dynamic scaling.
    Steps: scale it to a larger one that does not.
    Expected: 431 with the text about the two flags, on every release.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    scaled = instance.scale(stage.fixed(2, stage.speed(0.25), 256, dynamic=False))
    assert (scaled.job.code, scaled.job.text) == (
        431,
        "Unable to Scale VM: since dynamic scaling enabled flag is not same for new service offering and old service "
        "offering",
    )


@pytest.mark.case("NEG-07")
def test_offerings_without_dynamic_scaling_are_refused(stage: Stage) -> None:
    """Between two offerings that do not allow dynamic scaling an instance is not scaled.

    Preconditions: a running instance of a constrained offering without dynamic scaling, so without the flag.
    Steps: scale it to 2 vCPUs within its offering.
    Expected: 530; the text says that the instance has no tools for dynamic scaling, on every release.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024), dynamic=False)
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    scaled = instance.scale(offering, CustomParameters("2", memory_mib="256"))
    assert scaled.refused_with(530, NO_TOOLS)


@pytest.mark.case("NEG-08")
@pytest.mark.zone_settings({ENABLE_DYNAMIC_SCALE: "false"})
def test_a_zone_without_dynamic_scaling_refuses(stage: Stage) -> None:
    """With enable.dynamic.scale.vm off in the zone nothing is scaled.

    Preconditions: the zone setting is false; a running instance of a constrained offering.
    Steps: scale it to 2 vCPUs within its offering.
    Expected: 530 with the text about the zone, which speaks of Instances from 4.23 on and of virtual machines before.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    scaled = instance.scale(offering, CustomParameters("2", memory_mib="256"))
    what = "Instances" if stage.release.scales_fixed_offerings else "virtual machines"
    text = rf"Dynamically scaling {what} is disabled for this zone, please contact your admin\."
    assert scaled.refused_with(530, text)


@pytest.mark.case("NEG-09")
def test_an_instance_deployed_without_dynamic_scaling_is_refused(stage: Stage) -> None:
    """An instance deployed with dynamicscalingenabled=false is not scaled.

    Preconditions: zone setting, offering and template allow dynamic scaling, the request to deploy did not.
    Steps: scale the running instance to 2 vCPUs within its constrained offering.
    Expected: 530; the text says that the instance has no tools for dynamic scaling, on every release.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"), dynamic_scaling=False)
    assert instance.scale(offering, CustomParameters("2", memory_mib="256")).refused_with(530, NO_TOOLS)


@pytest.mark.case("NEG-10")
def test_memory_for_an_unprepared_domain_is_refused(stage: Stage) -> None:
    """An instance whose domain was not prepared at its start cannot be given memory, although its flag is on now.

    Preconditions: an instance deployed with dynamicscalingenabled=false, whose flag is then switched on.
    Steps: scale it from 256 to 512 MiB within its constrained offering.
    Expected: 530 "Unable to reconfigure VM." (before 4.23 "Unhandled exception"); every layer as before.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"), dynamic_scaling=False)
    instance.set_dynamic_scaling(True)
    scaled = instance.scale(offering, CustomParameters("1", memory_mib="512"))
    text = "Unable to reconfigure VM." if stage.release.scales_fixed_offerings else "Unhandled exception"
    assert (scaled.job.code, scaled.job.text) == (530, text)


@pytest.mark.case("NEG-11")
def test_an_inactive_offering_is_refused(stage: Stage) -> None:
    """An offering that is no longer active is refused.

    Preconditions: a running instance; a larger offering that was made inactive.
    Steps: scale the instance to it.
    Expected: 431; the text names the offering, on every release.
    """
    speed = stage.speed(0.25)
    offering = stage.made_inactive(stage.fixed(2, speed, 256))
    scaled = stage.instance(stage.fixed(1, speed, 256)).scale(offering)
    assert (scaled.job.code, scaled.job.text) == (431, f"New service offering is inactive: [{offering.id}].")


@pytest.mark.case("NEG-12")
def test_parameters_out_of_range_are_refused(stage: Stage) -> None:
    """Custom parameters outside the ranges of a constrained offering are refused.

    Preconditions: a running instance of a constrained offering of 1 to 4 vCPUs and 256 to 1024 MiB.
    Steps: scale it to 5 vCPUs, then to 1152 MiB.
    Expected: 431 both times; the texts name the ranges. Before 4.23 the first writes "cpu" in place of "CPU".
    """
    cpu = "CPU" if stage.release.scales_fixed_offerings else "cpu"
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    cpus = instance.scale(offering, CustomParameters("5", memory_mib="256"))
    assert (cpus.job.code, cpus.job.text) == (431, f"Invalid {cpu} cores value, specify a value between 1 and 4")
    memory = instance.scale(offering, CustomParameters("1", memory_mib="1152"))
    assert (memory.job.code, memory.job.text) == (431, "Invalid memory value, specify a value between 256 and 1024")


@pytest.mark.case("NEG-13")
def test_a_parameter_for_what_is_fixed_is_refused(stage: Stage) -> None:
    """A cpuSpeed for a constrained offering, which fixes the speed, is refused.

    Preconditions: a running instance of a constrained offering at a quarter of the host's speed.
    Steps: scale it to 2 vCPUs within its offering, with a cpuSpeed of half of the host's.
    Expected: 431; the text names offering and speed. Before 4.23 it says "in the template" in place of the speed.
    """
    speed = stage.speed(0.25)
    offering = stage.constrained((1, 4), speed, (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    scaled = instance.scale(offering, CustomParameters("2", str(stage.speed(0.5)), "256"))
    cpu, place = ("CPU", f"as {speed} MHz") if stage.release.scales_fixed_offerings else ("cpu", "in the template")
    assert (scaled.job.code, scaled.job.text) == (
        431,
        f"The {cpu} speed of this offering id:{offering.id} is not customizable. This is predefined {place}.",
    )


@pytest.mark.case("NEG-14")
def test_a_speed_that_no_host_has_is_refused(stage: Stage) -> None:
    """A speed above that of every host of the cluster is refused.

    Preconditions: a running instance of an unconstrained offering.
    Steps: scale it to a speed 100 MHz above that of the cluster's fastest host.
    Expected: 530 "Failed to scale the VM", on every release; same host, every layer as before.
    """
    fastest = max(host.speed_mhz for host in (stage.home, *stage.neighbours))
    offering = stage.unconstrained()
    instance = stage.instance(offering, CustomParameters("1", str(stage.speed(0.25)), "256"))
    scaled = instance.scale_without_room(offering, CustomParameters("1", str(fastest + 100), "256"))
    assert (scaled.job.code, scaled.job.text) == (530, "Failed to scale the VM")
    assert instance.is_on_home


@pytest.mark.case("NEG-15")
def test_a_request_without_or_with_unknown_ids_is_refused_at_once(stage: Stage) -> None:
    """A request that lacks an id, or gives one that nothing has, is refused before there is a job.

    Preconditions: a running instance.
    Steps: call scaleVirtualMachine without id, without serviceofferingid, and with an id that no instance has.
    Expected: 431 each time, with the texts that name the parameter; the instance is as before on every layer.
    """
    offering = stage.fixed(1, stage.speed(0.25), 256)
    instance = stage.instance(offering)
    unable = "Unable to execute API command scalevirtualmachine due to"
    for missing, given in (("id", {"serviceofferingid": offering.id}), ("serviceofferingid", {"id": instance.id})):
        refused = stage.refused_at_once("scaleVirtualMachine", **given)
        assert (refused.code, refused.text) == (431, f"{unable} missing parameter {missing}")
    nobody = "11111111-2222-4333-8444-555555555555"
    refused = stage.refused_at_once("scaleVirtualMachine", id=nobody, serviceofferingid=offering.id)
    assert refused.code == 431
    assert refused.text.startswith(f"{unable} invalid value. Invalid parameter id value={nobody} due to")
    instance.verify()


@pytest.mark.case("NEG-16")
@pytest.mark.alone("cluster")
def test_a_cluster_above_its_threshold_refuses(stage: Stage) -> None:
    """An instance whose growth takes its cluster across the allocation threshold is not scaled.

    Preconditions: a running instance of a constrained offering; then the cluster's CPU threshold is set just below
        what would be allocated with the growth.
    Steps: scale it to 2 vCPUs.
    Expected: 530; the text speaks of insufficient resources, on every release; every layer as before.
    """
    speed = stage.speed(0.25)
    offering = stage.constrained((1, 4), speed, (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    stage.setting(CPU_THRESHOLD, stage.cpu_threshold_below(speed))
    scaled = instance.scale_in_a_full_cluster(offering, CustomParameters("2", memory_mib="256"))
    assert scaled.refused_with(530, r"Unable to scale VM instance \{.+\} due to insufficient resources\.")


@pytest.mark.case("NEG-17")
def test_more_than_the_owner_is_allowed_is_refused(stage: Stage) -> None:
    """An instance whose growth exceeds the limits of its owner is not scaled, whoever asks.

    Preconditions: a running instance with 1 vCPU and 256 MiB of an account that is allowed 1 vCPU and 384 MiB.
    Steps: have an admin scale it to 2 vCPUs, then to 512 MiB.
    Expected: 530 both times, on every release; the texts name what is exceeded and by how much.
    """
    owner, speed = stage.account(), stage.speed(0.25)
    owner.limit_cpus(1)
    owner.limit_memory(384)
    instance = stage.instance(*stage.scalable(Size(1, speed, 256)), owner=owner)
    for grown, exceeded in ((Size(2, speed, 256), ("cpu", 1, 1, 1)), (Size(1, speed, 512), ("memory", 384, 256, 256))):
        kind, limit, amount, requested = exceeded
        assert instance.scale(*stage.scalable(grown)).refused_with(
            530,
            f"Maximum amount of resources of Type = '{kind}', tag = 'null' for Account Name = {owner.name} in Domain "
            rf"Id = \d+ is exceeded: Account Resource Limit = {limit}, Current Account Resource Amount = {amount}, "
            # The second is how a development tree of 4.23 reckons: the old size given back, the new one asked for.
            rf"Current Account Resource Reservation = (0, Requested Resource Amount = {requested}"
            rf"|-{amount}, Requested Resource Amount = {amount + requested})\.",
        )


@pytest.mark.case("NEG-18")
def test_a_stopped_instance_can_shrink(stage: Stage) -> None:
    """Scaling down is allowed while the instance is stopped.

    Preconditions: a stopped instance with 2 vCPUs and 512 MiB.
    Steps: scale it to 1 vCPU and 256 MiB of a lower speed; start it.
    Expected: the job succeeds on every release; the new domain has 1 vCPU and 256 MiB.
    """
    instance = stage.instance(stage.fixed(2, stage.speed(0.5), 512))
    instance.stop()
    assert instance.scale(stage.fixed(1, stage.speed(0.25), 256)).job.succeeded
    domain = seen_domain(instance.start())
    assert stage.starts_with(domain, 1, 262144)


@pytest.mark.case("NEG-19")
@pytest.mark.alone("zone")
def test_an_instance_whose_template_is_switched_off_is_scaled_only_once(stage: Stage) -> None:
    """An instance whose template's flag is switched off is scaled once more, and refused from then on.

    Preconditions: a running instance, prepared, whose template's flag was switched on before its deployment.
    Steps: updateTemplate isdynamicallyscalable=false; scale it to 512 MiB; to 768 MiB; stop and start it.
    Expected: the first scale succeeds and leaves the instance flag off; the second ends with 530, whose text says that
        the instance has no tools for dynamic scaling, on every release; not prepared after the start.
    """
    template = stage.switched(stage.unscalable_template, on=True)
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)), template=template)
    stage.switched(template, on=False)
    assert instance.scale(*stage.scalable(stage.size(1, 0.25, 512))).grew_to(1, 262144)
    assert not instance.record.dynamically_scalable
    assert instance.scale(*stage.scalable(stage.size(1, 0.25, 768))).refused_with(530, NO_TOOLS)
    assert not is_prepared(seen_domain(instance.restart()))
