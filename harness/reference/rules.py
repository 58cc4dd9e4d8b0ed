"""The rules of what live scaling does: flags, ceilings, the domain and its CPU tuning, placement."""

from __future__ import annotations

from harness.reference.rule import Certainty, Rule

_VMM = "VirtualMachineManagerImpl"
_UVM = "UserVmManagerImpl"

INSTANCE_FLAG = Rule(
    "flag",
    "The instance flag is true only where request, offering, template and the zone's enable.dynamic.scale.vm all are.",
    f"{_UVM}.checkIfDynamicScalingCanBeEnabled",
    Certainty.SEEN,
)
FLAG_AFTER_CHANGE = Rule(
    "flag-after-change",
    "Every change of offering recomputes the instance flag, which can only go down.",
    f"{_VMM}.upgradeVmDb",
    Certainty.READ,
)
PREPARED = Rule(
    "prepared",
    "A domain is prepared where the instance flag and the zone's enable.dynamic.scale.vm are true at its start.",
    "KVMGuru.isVmDynamicScalable",
    Certainty.SEEN,
)
PREPARED_BEFORE = Rule(
    "prepared-4.22",
    "Up to 4.22 a domain is prepared only where its offering is custom as well.",
    "KVMGuru.toVirtualMachineTO",
    Certainty.SEEN,
)
CEILINGS = Rule(
    "ceilings",
    "Each ceiling of a prepared domain is the cluster's setting where that is above 0, else the host's total.",
    "KVMGuru.getVmMaxMemory, KVMGuru.getVmMaxCpuCores",
    Certainty.SEEN,
)
CEILINGS_BEFORE = Rule(
    "ceilings-4.22",
    "Up to 4.22 ceilings are the offering's maxima, else vm.serviceoffering.*.max above 0, else the host's total.",
    "KVMGuru.getVmMaxMemory, KVMGuru.getVmMaxCpuCores",
    Certainty.SEEN,
)
NO_CEILINGS = Rule(
    "no-ceilings",
    "A domain that is not prepared has its own size as its maximum.",
    "KVMGuru.configureVmMemoryAndCpuCores",
    Certainty.SEEN,
)
BOOT_MEMORY = Rule(
    "boot-memory",
    "Memory at start is the offering's divided by the memory overcommit ratio.",
    "LibvirtComputingResource.createGuestResourceDef, HypervisorGuruBase.toVirtualMachineTO",
    Certainty.SEEN,
)
MAX_MEMORY = Rule(
    "max-memory",
    "maxMemory with 16 slots and a NUMA cell over all possible vCPUs are there where the ceiling exceeds memory.",
    "LibvirtVMDef.GuestResourceDef",
    Certainty.SEEN,
)
VCPUS = Rule(
    "vcpus",
    "The vcpu element has the ceiling as its number and the instance's vCPUs as its current attribute.",
    "LibvirtVMDef.GuestResourceDef",
    Certainty.SEEN,
)
TOPOLOGY = Rule(
    "topology",
    "Cores a socket are six or else four where they divide the vCPU ceiling, else one.",
    "LibvirtComputingResource.setCpuTopology",
    Certainty.SEEN,
)
SHARES = Rule(
    "shares",
    "Shares are vCPUs times minimum speed, between 2 and 262144; on cgroup v2 scaled to the host's MHz, up to 10000.",
    "LibvirtComputingResource.calculateCpuShares",
    Certainty.SEEN,
)
QUOTA = Rule(
    "quota",
    "With the CPU cap, quota is the period times the rounded share of the host's speed, at least 1000 us.",
    "KVMGuru.getCpuQuotaPercentage, LibvirtComputingResource.getPeriodAndQuota",
    Certainty.SEEN,
)
NO_QUOTA = Rule(
    "no-quota",
    "Without the CPU cap a domain has neither quota nor period.",
    "LibvirtComputingResource.createCpuTuneDef",
    Certainty.SEEN,
)
QUOTA_UPDATED = Rule(
    "quota-updated",
    "A live scale to a capped offering sets period and quota anew, by the minimum speed.",
    "LibvirtComputingResource.updateCpuQuotaAndPeriod",
    Certainty.SEEN,
)
QUOTA_REMOVED = Rule(
    "quota-removed",
    "A live scale from a capped to an uncapped offering sets the quota to 17592186044415 us and leaves the period.",
    "LibvirtComputingResource.updateCpuQuotaAndPeriod",
    Certainty.SEEN,
)
QUOTA_STALE = Rule(
    "quota-stale-4.22",
    "Up to 4.22 a live scale does not touch quota and period.",
    "LibvirtScaleVmCommandWrapper.execute",
    Certainty.SEEN,
)
SHARES_RAISED = Rule(
    "shares-raised",
    "A live scale raises shares and never lowers them.",
    "LibvirtScaleVmCommandWrapper.updateCpuShares",
    Certainty.SEEN,
)
DIMM = Rule(
    "dimm",
    "A live scale attaches one DIMM of the missing size; libvirt refuses it beyond maxMemory or 16 slots.",
    "LibvirtScaleVmCommandWrapper.scaleMemory",
    Certainty.SEEN,
)
HOTPLUG = Rule(
    "vcpu-hotplug",
    "A live scale sets the vCPU count where fewer run; libvirt refuses a count above the maximum.",
    "LibvirtScaleVmCommandWrapper.scaleVcpus",
    Certainty.SEEN,
)
GUEST_MEMORY = Rule(
    "guest-memory",
    "The guest brings a DIMM online in whole memory blocks; one that begins or ends inside a block stays out of sight.",
    "observed with a Linux guest on x86, whose memory block is 128 MiB",
    Certainty.SEEN,
)
GUEST_SURVIVES = Rule(
    "guest-survives",
    "A guest goes on working while it is scaled or migrated.",
    "UserVmManagerImpl.upgradeRunningVirtualMachine: the instance stays Running",
    Certainty.SEEN,
)
MIGRATION_KEEPS = Rule(
    "migration-keeps",
    "A live migration keeps ceilings, quota and period, and rewrites shares only where the destination's differ.",
    "LibvirtMigrateCommandWrapper.updateVmSharesIfNeeded",
    Certainty.SEEN,
)
IN_PLACE = Rule(
    "in-place",
    "The instance is scaled where it runs if that host has the CPUs, the speed and free capacity for the difference.",
    "CapacityManagerImpl.checkIfHostHasCapacity, checkIfHostHasCpuCapability",
    Certainty.SEEN,
)
AUTO_MIGRATE = Rule(
    "auto-migrate",
    "Without room on its host the instance moves to one of its cluster that has room for the whole new size.",
    f"{_VMM}.findHostAndMigrate",
    Certainty.SEEN,
)
STORED = Rule(
    "stored",
    "A stopped instance takes any size; its next start builds the domain.",
    f"{_UVM}.upgradeStoppedVirtualMachine",
    Certainty.SEEN,
)
GONE_WHEN_STOPPED = Rule(
    "stopped",
    "A stopped instance is on no host, and the host that it ran on has no domain of it.",
    f"{_VMM}.advanceStop, LibvirtStopCommandWrapper.execute",
    Certainty.SEEN,
)
BUILT_AT_START = Rule(
    "started",
    "A start builds the domain anew, on the host where the instance ran last or on another that has room.",
    f"{_VMM}.orchestrateStart, DeploymentPlanningManagerImpl.planDeployment",
    Certainty.SEEN,
)
SAVED_PARAMETERS = Rule(
    "saved-parameters",
    "Of a custom offering the parameters that it leaves open are saved with the instance, and stay when it leaves it.",
    f"{_VMM}.saveCustomOfferingDetails",
    Certainty.SEEN,
)
SAVED_PARAMETERS_BEFORE = Rule(
    "saved-parameters-4.22",
    "Up to 4.22 all three parameters of a custom offering are saved with the instance.",
    f"{_VMM}.saveCustomOfferingDetails",
    Certainty.SEEN,
)
COUNTED_IN_PLACE = Rule(
    "counted-in-place",
    "After a scale in place the host counts the new size in the place of the old.",
    f"{_VMM}.orchestrateReConfigureVm",
    Certainty.SEEN,
)
