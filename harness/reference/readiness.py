"""When an instance may be scaled live (its flag) and when its domain is prepared for it."""

from __future__ import annotations

from harness.reference import refusals
from harness.reference.refusal import Refusal
from harness.reference.release import Release


def instance_flag(*, requested: bool, offering: bool, template: bool, zone_setting: bool) -> bool:
    """`isdynamicallyscalable` of an instance at deploy. Source: UserVmManagerImpl.checkIfDynamicScalingCanBeEnabled."""
    return requested and offering and template and zone_setting


def flag_after_change(*, flag: bool, offering: bool, template: bool, zone_setting: bool) -> bool:
    """The flag after a change to `offering`: it can only go down. Source: VirtualMachineManagerImpl.upgradeVmDb."""
    return flag and offering and template and zone_setting


def is_prepared(release: Release, *, flag: bool, zone_setting: bool, custom_offering: bool) -> bool:
    """Whether a domain that starts now is prepared. Source: KVMGuru.isVmDynamicScalable (4.23), KVMGuru (4.22)."""
    prepared = flag and zone_setting
    return prepared if release.scales_fixed_offerings else prepared and custom_offering


def flag_refusal(release: Release, *, template: bool, offering: bool, zone_setting: bool) -> Refusal | None:
    """Why updateVirtualMachine does not switch the instance flag on, or None; switching it off is always accepted.

    Source: UserVmManagerImpl.updateVirtualMachine, in its order; the code of the last was seen.
    """
    cannot = "Dynamic Scaling cannot be enabled for the"
    instance, its_template = release.flagged_instance, release.flagged_template
    if not template:
        text = f"{cannot} {instance} since its {its_template} does not have dynamic scaling enabled"
        return Refusal(431, text, refusals.FLAG_NOT_ALLOWED)
    if not offering:
        text = f"{cannot} {instance} since its service offering does not have dynamic scaling enabled"
        return Refusal(431, text, refusals.FLAG_NOT_ALLOWED)
    if not zone_setting:
        cause = f"{cannot} VM since corresponding global setting is set to false"
        return Refusal(530, f"Failed to update VM, due to: {cause}", refusals.FLAG_NOT_ALLOWED)
    return None
