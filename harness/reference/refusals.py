"""The rules of what CloudStack refuses, and those of what its jobs end with instead of success."""

from __future__ import annotations

from harness.reference.rule import Certainty, Rule

_VMM = "VirtualMachineManagerImpl"
_UVM = "UserVmManagerImpl"
_CFG = "ConfigurationManagerImpl"

UNKNOWN_SETTING = Rule(
    "unknown-setting",
    "A setting that the release does not have cannot be set.",
    f"{_CFG}.updateConfiguration",
    Certainty.SEEN,
)
MISSING_PARAMETERS = Rule(
    "missing-parameters",
    "A custom offering needs its parameters.",
    f"{_UVM}.validateCustomParameters",
    Certainty.READ,
)
CPUS_RANGE = Rule(
    "cpus-range", "vCPUs stay within the offering's range.", f"{_UVM}.validateCustomParameters", Certainty.READ
)
SPEED_RANGE = Rule("speed-range", "A custom speed is above 0.", f"{_UVM}.validateCustomParameters", Certainty.READ)
MEMORY_RANGE = Rule(
    "memory-range", "Memory stays within the offering's range.", f"{_UVM}.validateCustomParameters", Certainty.READ
)
NOT_CUSTOMIZABLE = Rule(
    "not-customizable",
    "What the offering fixes cannot be given as a parameter.",
    f"{_UVM}.validateCustomParameters",
    Certainty.READ,
)
INACTIVE_OFFERING = Rule(
    "inactive-offering", "The new offering must be active.", f"{_VMM}.checkIfCanUpgrade", Certainty.SEEN
)
WRONG_STATE = Rule(
    "wrong-state", "Only stopped and running instances can be scaled.", f"{_VMM}.checkIfCanUpgrade", Certainty.SEEN
)
SAME_OFFERING = Rule(
    "same-offering", "A fixed offering cannot be changed for itself.", f"{_VMM}.checkIfCanUpgrade", Certainty.SEEN
)
FLAGS_DIFFER = Rule(
    "offering-flags-differ",
    "Both offerings must have the same dynamic-scaling flag.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
FIXED_OFFERING_BEFORE = Rule(
    "fixed-offering-4.22",
    "Up to 4.22 an instance with a fixed offering cannot be scaled live on KVM.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
SCALING_DOWN = Rule(
    "scaling-down",
    "No size may shrink while the instance runs.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
SAME_SIZE = Rule(
    "same-size",
    "An equal size is accepted on KVM only where the CPU cap changes.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
NOT_LARGER_BEFORE = Rule(
    "not-larger-4.22",
    "Up to 4.22 no size may shrink and one has to grow.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
ZONE_DISABLED = Rule(
    "zone-disabled",
    "enable.dynamic.scale.vm of the zone must be true.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
NO_TOOLS = Rule("no-tools", "The instance flag must be true.", f"{_UVM}.upgradeRunningVirtualMachine", Certainty.SEEN)
CLUSTER_THRESHOLD = Rule(
    "cluster-threshold",
    "The cluster must stay below its allocation thresholds.",
    "CapacityManagerImpl.checkIfClusterCrossesThreshold",
    Certainty.SEEN,
)
AUTO_MIGRATE_OFF = Rule(
    "auto-migrate-off",
    "Without room on its host the instance stays as it is where the cluster's auto-migrate setting is false.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
)
NO_DESTINATION = Rule(
    "no-destination",
    "Where no host of the cluster has room for the new size the instance stays as it is.",
    f"{_VMM}.findHostAndMigrate",
    Certainty.SEEN,
)
AGENT_FAILED = Rule(
    "agent-failed",
    "A failure of the agent's scale command ends the job with one text and leaves the database as it was.",
    f"{_VMM}.reConfigureVm",
    Certainty.SEEN,
)
NOT_PREPARED_MEMORY = Rule(
    "not-prepared-memory",
    "Memory cannot be attached to a domain without maxMemory.",
    "LibvirtScaleVmCommandWrapper.scaleMemory",
    Certainty.READ,
)
CUSTOM_WITH_SIZES = Rule(
    "custom-with-sizes",
    "A custom offering is created without vCPUs and memory.",
    f"{_CFG}.createServiceOffering",
    Certainty.SEEN,
)
CUSTOM_HALF_CONSTRAINED = Rule(
    "custom-half-constrained",
    "A custom offering has all of the four limits and the speed, or none.",
    f"{_CFG}.createServiceOffering",
    Certainty.SEEN,
)
CUSTOM_LIMITS = Rule(
    "custom-limits",
    "The limits of a constrained offering are positive, its memory 32 MB at least.",
    f"{_CFG}.createServiceOffering",
    Certainty.READ,
)
FIXED_SIZES = Rule(
    "fixed-sizes",
    "A fixed offering has vCPUs, speed and memory within the global maxima.",
    f"{_CFG}.createServiceOffering",
    Certainty.READ,
)
FLAG_NOT_ALLOWED = Rule(
    "flag-not-allowed",
    "The instance flag can be switched on only where template, offering and zone setting allow it.",
    f"{_UVM}.updateVirtualMachine",
    Certainty.SEEN,
)
HYPERVISOR = Rule(
    "hypervisor",
    "Only instances on XenServer, VMware, KVM and the simulator are scaled live.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.READ,
)
STRICT_TAGS = Rule(
    "strict-tags",
    "The instance's host must carry the strict host tags of the new offering and the template.",
    f"{_UVM}.upgradeVirtualMachine",
    Certainty.READ,
)
STORAGE_TYPE = Rule(
    "storage-type",
    "Local and shared storage cannot be exchanged by a scale.",
    f"{_VMM}.checkIfCanUpgrade",
    Certainty.READ,
)
SYSTEM_FLAG = Rule(
    "system-flag", "Offerings for system VMs and for users do not mix.", f"{_VMM}.checkIfCanUpgrade", Certainty.READ
)
STORAGE_TAGS = Rule(
    "storage-tags",
    "The new offering must have all storage tags of the old one.",
    f"{_VMM}.checkIfCanUpgrade",
    Certainty.READ,
)
DISK_STRICTNESS = Rule(
    "disk-strictness",
    "Both offerings must bind their disk offering equally strictly.",
    f"{_UVM}.validateDiskOfferingChecks",
    Certainty.READ,
)
DISK_OFFERING = Rule(
    "disk-offering",
    "Where disk offerings are bound strictly both must be the same.",
    f"{_UVM}.validateDiskOfferingChecks",
    Certainty.READ,
)
VGPU = Rule(
    "vgpu", "A vGPU type cannot change while the instance runs.", f"{_UVM}.upgradeRunningVirtualMachine", Certainty.READ
)
RESOURCE_LIMIT = Rule(
    "resource-limit",
    "The growth must fit into the limits of the instance's owner, whoever asks.",
    "ResourceLimitManagerImpl.checkResourceLimit",
    Certainty.SEEN,
)
AFFINITY = Rule(
    "affinity",
    "Affinity groups that conflict end the search for another host.",
    f"{_VMM}.findHostAndMigrate",
    Certainty.READ,
)
NO_ATTEMPT = Rule(
    "no-attempt",
    "With scale.retry at 0 no attempt is made.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.DERIVED,
)
INACTIVE_WHILE_STOPPED = Rule(
    "inactive-while-stopped",
    "A stopped instance does not take an inactive offering either.",
    f"{_UVM}.upgradeStoppedVirtualMachine",
    Certainty.READ,
)
LARGEST_SIZES = Rule(
    "largest-sizes",
    "A stopped instance takes a fixed offering only within the global maxima.",
    f"{_UVM}.upgradeStoppedVirtualMachine",
    Certainty.READ,
)
