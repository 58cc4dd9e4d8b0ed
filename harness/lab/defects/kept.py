"""Defects of what the management server keeps with an instance, and of the settings that it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.lab.api.command import Answer, Call
from harness.lab.defects.defect import Defect, Part, api, domain
from harness.lab.management import lifecycle
from harness.lab.management.model import State, size_in_force
from harness.lab.seams import Seams
from harness.reference import settings as names
from harness.reference.offering import CustomParameters, Offering, Size
from harness.reference.release import Release
from harness.reference.settings import Settings


def _flag_kept(*, flag: bool, offering: bool, template: bool, zone_setting: bool) -> bool:
    del offering, template, zone_setting
    return flag


def _flag_without_template(*, flag: bool, offering: bool, template: bool, zone_setting: bool) -> bool:
    del template
    return flag and offering and zone_setting


def _flag_lost(**_switches: bool) -> bool:
    return False


def _not_saved(_release: Release, _offering: Offering, _size: Size, before: CustomParameters) -> CustomParameters:
    return before


def _without(name: str) -> Callable[[Settings], Settings]:
    """The clusters' own values of a setting are not seen."""

    def read(settings: Settings) -> Settings:
        clusters = {
            cluster: {each: value for each, value in values.items() if each != name}
            for cluster, values in settings.clusters.items()
        }
        return replace(settings, clusters=clusters)

    return read


def _forced(name: str, value: str) -> Callable[[Settings], Settings]:
    def read(settings: Settings) -> Settings:
        clusters = {cluster: {**values, name: value} for cluster, values in settings.clusters.items()}
        return replace(settings, clusters=clusters, global_values={**settings.global_values, name: value})

    return read


def _applied_at_once(command: str, call: Call, respond: Callable[[Call], Answer]) -> Answer:
    """A ceiling that is set is given to the instances that run, by building their domains anew."""
    given = respond(call)
    if command == "updateConfiguration" and call.must("name") in (names.CPU_CEILING, names.MEMORY_CEILING):
        cloud = call.cloud
        for instance in [each for each in cloud.state.instances.values() if each.state is State.RUNNING]:
            host = cloud.state.host(instance.host_id or "")
            offering = cloud.state.offerings[instance.offering_id].offering
            size = size_in_force(offering, instance.details)
            domain = lifecycle.built_domain(cloud, instance, host, offering, size)
            cloud.agents[host.id].destroy(instance.instance_name)
            cloud.agents[host.id].start(domain, lifecycle.hardware(cloud, instance, host.id))
            cloud.state.change(instance.id, domain=domain)
    return given


KEPT = (
    Defect(
        "ceilings-reach-running-domains",
        "A ceiling that is changed counts for instances that run: their domains are built anew.",
        Part.MANAGEMENT,
        "LIM",
        "A listener of configuration changes reconfigures domains, for which libvirt has to start them again.",
        domain("libvirt's id of the domain"),
        Seams(answer=_applied_at_once),
    ),
    Defect(
        "flag-not-recomputed",
        "A change of offering leaves the instance flag as it was.",
        Part.MANAGEMENT,
        "LS,NEG,SWT,UPG",
        "upgradeVmDb sets it on a copy.",
        api("instance flag"),
        Seams(flag_after_change=_flag_kept),
    ),
    Defect(
        "flag-not-of-the-template",
        "A change of offering leaves the instance flag on although the template's was switched off.",
        Part.MANAGEMENT,
        "NEG",
        "The template is taken for something that counts at a deployment only.",
        api("instance flag"),
        Seams(flag_after_change=_flag_without_template),
    ),
    Defect(
        "flag-lost",
        "A change of offering clears the instance flag.",
        Part.MANAGEMENT,
        "LS",
        "The template's flag is read from a field that is not loaded.",
        api("instance flag"),
        Seams(flag_after_change=_flag_lost),
    ),
    Defect(
        "parameters-not-saved",
        "Custom parameters are not saved with the instance.",
        Part.MANAGEMENT,
        "LS",
        "saveCustomOfferingDetails is called for fixed offerings only.",
        api("vCPUs", "memory in MiB"),
        Seams(saved_parameters=_not_saved),
    ),
    Defect(
        "cpu-setting-global",
        "kvm.cpu.dynamic.scaling.capacity is read globally where the cluster has its own value.",
        Part.GURU,
        "LIM",
        "ConfigKey.value() in place of valueIn(clusterId).",
        domain("maximum vCPUs"),
        Seams(settings=_without(names.CPU_CEILING)),
    ),
    Defect(
        "memory-setting-global",
        "kvm.memory.dynamic.scaling.capacity is read globally where the cluster has its own value.",
        Part.GURU,
        "LIM",
        "ConfigKey.value() in place of valueIn(clusterId).",
        domain("maxMemory in KiB"),
        Seams(settings=_without(names.MEMORY_CEILING)),
    ),
    Defect(
        "zone-setting-global",
        "enable.dynamic.scale.vm is read globally where the zone has its own value.",
        Part.MANAGEMENT,
        "XML",
        "ConfigKey.value() in place of valueIn(zoneId).",
        api("instance flag", "answer"),
        Seams(settings=lambda settings: replace(settings, zone={})),
    ),
    Defect(
        "auto-migrate-setting-global",
        "The auto-migration setting is read globally where the cluster has its own value.",
        Part.PLANNER,
        "MIG",
        "ConfigKey.value() in place of valueIn(clusterId).",
        api("job", "host"),
        Seams(settings=_without(names.AUTO_MIGRATE)),
    ),
    Defect(
        "auto-migrate-always-off",
        "Auto-migration is off whatever the setting says.",
        Part.PLANNER,
        "MIG",
        "The setting's name in the code is not the one that is stored.",
        api("job"),
        Seams(settings=_forced(names.AUTO_MIGRATE, "false")),
    ),
    Defect(
        "shares-of-one-vcpu-live",
        "A live scale reckons shares with one vCPU.",
        Part.AGENT,
        "LS",
        "The factor is lost where the computation moved to calculateCpuShares.",
        domain("shares"),
        Seams(cpu_shares=lambda _cpus, min_speed_mhz, **_host: max(2, min_speed_mhz)),
    ),
)
