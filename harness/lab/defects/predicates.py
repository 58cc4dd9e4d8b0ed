"""Defects of the switches: who is flagged as scalable, and whose domain is prepared."""

from __future__ import annotations

from harness.lab.defects.defect import Defect, Part, Sign
from harness.lab.seams import Seams, prepared
from harness.reference.release import Release


def _forgets(name: str, switch: str, says: str) -> Defect:
    def flag(**switches: bool) -> bool:
        return all(on for each, on in switches.items() if each != switch)

    story = "The four switches are asked in three places, and one was overlooked in one of them."
    sign = Sign("api", ("instance flag",))
    return Defect(f"flag-{name}", says, Part.MANAGEMENT, "XML", story, sign, Seams(instance_flag=flag))


def _prepared_4_22(_release: Release, *, flag: bool, zone_setting: bool, custom_offering: bool, template: bool) -> bool:
    del template
    return flag and zone_setting and custom_offering


def _prepared_always(_release: Release, **_switches: bool) -> bool:
    return True


def _prepared_without_zone(_release: Release, *, flag: bool, **_switches: bool) -> bool:
    return flag


def _prepared_by_template(release: Release, *, template: bool, **switches: bool) -> bool:
    return template and prepared(release, template=template, **switches)


PREDICATES = (
    _forgets("forgets-zone", "zone_setting", "The instance flag ignores enable.dynamic.scale.vm of the zone."),
    _forgets("forgets-offering", "offering", "The instance flag ignores the offering's."),
    _forgets("forgets-template", "template", "The instance flag ignores the template's."),
    _forgets("forgets-request", "requested", "The instance flag ignores what the deployment asked for."),
    Defect(
        "prepared-custom-only",
        "Only instances of custom offerings are prepared, as before the pull request.",
        Part.GURU,
        "XML",
        "The old condition survives a merge.",
        Sign("domain", ("maxMemory in KiB", "maximum vCPUs")),
        Seams(is_prepared=_prepared_4_22),
    ),
    Defect(
        "prepared-always",
        "Every domain is prepared, whatever the switches.",
        Part.GURU,
        "XML",
        "The condition is inverted twice.",
        Sign("domain", ("maxMemory in KiB", "maximum vCPUs")),
        Seams(is_prepared=_prepared_always),
    ),
    Defect(
        "prepared-without-zone",
        "A domain is prepared although the zone's setting was switched off before its start.",
        Part.GURU,
        "XML,SWT,UPG",
        "Only the instance flag is asked at a start.",
        Sign("domain", ("maxMemory in KiB", "maximum vCPUs")),
        Seams(is_prepared=_prepared_without_zone),
    ),
    Defect(
        "prepared-by-template",
        "A start asks the template's flag as it is then, beside the instance's own.",
        Part.GURU,
        "XML",
        "The check of the deployment is called once more where the domain is built.",
        Sign("domain", ("maxMemory in KiB", "maximum vCPUs")),
        Seams(is_prepared=_prepared_by_template),
    ),
)
