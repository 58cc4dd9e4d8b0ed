"""What CloudStack does that a person would not expect, and the defects that were seen on real servers."""

from __future__ import annotations

from harness.reference.rule import Certainty, Kind, Rule

_VMM = "VirtualMachineManagerImpl"
_UVM = "UserVmManagerImpl"

UNKNOWN_HOST_SPEED = Rule(
    "odd-unknown-host-speed",
    "A capped instance cannot be scaled on a host whose speed is 0: the agent lacks the percentage.",
    "KVMGuru.getCpuQuotaPercentage, LibvirtScaleVmCommandWrapper.execute",
    Certainty.DERIVED,
    Kind.ODDITY,
    "Memory, vCPUs and shares are applied before it fails. At a start the instance is simply not capped.",
)
FULL_MEMORY = Rule(
    "odd-full-memory",
    "With memory overcommit a live scale attaches up to the whole new memory, although the start used a part.",
    "LibvirtScaleVmCommandWrapper.scaleMemory",
    Certainty.DERIVED,
    Kind.ODDITY,
    "The instance ends with more memory than a restart would give it.",
)
PARTIAL_SUCCESS = Rule(
    "odd-partial-success",
    "What the agent applied before it failed stays applied.",
    "LibvirtScaleVmCommandWrapper.execute",
    Certainty.SEEN,
    Kind.ODDITY,
    "The domain is larger than the API says; the next attempt finds nothing missing.",
)
ALLOCATION_FAILED = Rule(
    "odd-allocation-failed",
    "Capacity is checked again when it is taken, with what is reserved; a failure there comes after everything else.",
    f"{_VMM}.orchestrateReConfigureVm, CapacityManagerImpl.allocateVmCapacity",
    Certainty.SEEN,
    Kind.ODDITY,
    "The job fails, yet domain and database have the new size, and the host counts neither old nor new.",
)
THRESHOLD_UNITS = Rule(
    "odd-threshold-units",
    "The memory asked for counts in MiB beside sums in bytes when a cluster's threshold is checked.",
    "CapacityManagerImpl.checkIfClusterCrossesThreshold",
    Certainty.DERIVED,
    Kind.ODDITY,
    "A request for memory hardly ever crosses the memory threshold by itself.",
)
ONE_TEXT_FOR_MANY = Rule(
    "odd-one-text",
    "Strict tags, auto-migration off, no destination and no attempts left all end with the same text.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
    Kind.ODDITY,
    "Only the settings and the management server's log tell them apart.",
)
CEILING_BELOW_SIZE = Rule(
    "odd-ceiling-below-size",
    "A ceiling below the instance's own size is not raised to it.",
    "KVMGuru.getVmMaxCpuCores, KVMGuru.getVmMaxMemory",
    Certainty.SEEN,
    Kind.ODDITY,
    "With fewer vCPUs than it has, libvirt refuses to start it; with less memory it starts and cannot grow.",
)
UNDERCOUNTED_AFTER_MIGRATION = Rule(
    "odd-undercounted",
    "After migrate-and-scale the destination counts the old size until capacity is recalculated.",
    f"{_VMM}.orchestrateReConfigureVm",
    Certainty.SEEN,
    Kind.ODDITY,
    "Until capacity.check.period has passed the host seems to have more room than it has.",
)
OVERCOUNTED_BEFORE = Rule(
    "odd-overcounted-4.22",
    "Up to 4.22 the old size is released after the new parameters are saved, so with them.",
    f"{_VMM}.orchestrateReConfigureVm",
    Certainty.READ,
    Kind.ODDITY,
    "A scale within one custom offering releases too much, or nothing where less is used than is to be released.",
)
SHARES_PRODUCT_WRAPS = Rule(
    "odd-shares-wrap",
    "On cgroup v2 the shares of more than 214748 MHz overflow a 32-bit product.",
    "LibvirtComputingResource.calculateCpuShares",
    Certainty.DERIVED,
    Kind.ODDITY,
    "Such an instance gets the lowest weight, or a wrong one.",
)
SHARES_KEPT = Rule(
    "odd-shares-kept",
    "A live scale leaves shares that are higher than the new size would give.",
    "LibvirtScaleVmCommandWrapper.updateCpuShares",
    Certainty.READ,
    Kind.ODDITY,
    "They are computed anew by a restart, and by a migration to a host whose value differs.",
)
RUNNING_VCPUS = Rule(
    "odd-running-vcpus",
    "The agent counts a domain's vCPUs by those in libvirt's state running, not by those plugged in.",
    "LibvirtScaleVmCommandWrapper.scaleVcpus",
    Certainty.READ,
    Kind.ODDITY,
    "A vCPU that is blocked makes it set a number that is there already, which does no harm.",
)
STALE_TEXT = Rule(
    "odd-not-prepared-text",
    "The agent's text for a domain that is not prepared still asks for a dynamic service offering.",
    "LibvirtScaleVmCommandWrapper.scaleMemory",
    Certainty.READ,
    Kind.ODDITY,
    "From 4.23 on that is no longer needed; the text is in the agent's log only.",
)
HUGE_CEILINGS = Rule(
    "odd-huge-ceilings",
    "Ceilings at the totals of a large host may exceed what QEMU, the machine type or the guest can take.",
    "KVMGuru.getHostMaxMemoryAndCpuCores",
    Certainty.ASSUMED,
    Kind.ODDITY,
    "Above 255 vCPUs, or for guests with a small address space, set the capacity settings.",
)
OLD_SERVER_NEW_AGENT = Rule(
    "odd-old-server-new-agent",
    "A 4.22 server tells a 4.23 agent no requested memory, so system VMs and those without balloon would get none.",
    "LibvirtComputingResource.createGuestResourceDef",
    Certainty.DERIVED,
    Kind.ODDITY,
    "Upgrade the management server before the agents.",
)
CEILINGS_OF_THE_START = Rule(
    "odd-ceilings-of-the-start",
    "A domain keeps the ceilings of the host where it started, larger or smaller than those of the host it is on.",
    "LibvirtMigrateCommandWrapper",
    Certainty.SEEN,
    Kind.ODDITY,
    "A restart on the new host gives that host's.",
)

CONCURRENT_SCALES = Rule(
    "DEF-01",
    "Of two scale requests at once on one instance both succeed and the second is never applied.",
    f"{_VMM}.reConfigureVm",
    Certainty.SEEN,
    Kind.DEFECT,
    "The account's resource count keeps the second's increase. It takes two requests to see it.",
)
MOVED_FOR_NOTHING = Rule(
    "DEF-02",
    "Auto-migration does not look at the domain's ceilings: it moves an instance that cannot grow to the new size.",
    f"{_VMM}.findHostAndMigrate",
    Certainty.SEEN,
    Kind.DEFECT,
    "The job then fails, the instance stays on the new host, and no retry can succeed before a restart.",
)
STALE_SPEED = Rule(
    "DEF-03",
    "A saved cpuSpeed outlives the change to an offering with a fixed speed, and the next start uses it.",
    f"{_VMM}.saveCustomOfferingDetails, ServiceOfferingDaoImpl.getComputeOffering",
    Certainty.SEEN,
    Kind.DEFECT,
    "A regression of 4.23: up to 4.22 the saved value is overwritten.",
)
HALVED_QUOTA = Rule(
    "DEF-04",
    "A live scale computes the quota from the speed divided by the CPU overcommit, a start from the whole speed.",
    f"{_VMM}.orchestrateReConfigureVm",
    Certainty.SEEN,
    Kind.DEFECT,
    "With an overcommit of 2 the quota set live is half of what a restart gives.",
)
UNUSABLE_DIMM = Rule(
    "DEF-05",
    "Memory is attached in whatever size is missing, of which a guest uses whole blocks only.",
    "LibvirtScaleVmCommandWrapper.scaleMemory",
    Certainty.SEEN,
    Kind.DEFECT,
    "The job succeeds and the guest sees nothing of a DIMM that is no multiple of 128 MiB; QEMU refuses odd MiB.",
)
CONCURRENT_GROWTH = Rule(
    "DEF-06",
    "Two instances that grow at once into room for one are both scaled.",
    "CapacityManagerImpl.allocateVmCapacity",
    Certainty.SEEN,
    Kind.DEFECT,
    "The host is overfilled and its books lose the second. It takes two requests to see it.",
)
COUNTED_FOR_THE_CALLER = Rule(
    "DEF-07",
    "Resource limits are checked for the instance's owner, but the counts of whoever asked are changed.",
    f"{_UVM}.upgradeRunningVirtualMachine",
    Certainty.SEEN,
    Kind.DEFECT,
    "The owner's count stays, the caller's keeps growing, and both are wrong after the instance is gone.",
)
