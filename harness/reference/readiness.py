"""When an instance may be scaled live (its flag) and when its domain is prepared for it."""

from __future__ import annotations

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
