"""The known defects of live scaling, told so that they can be reported: the promise, what happens, how to see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.reference import oddities
from harness.reference.rule import Rule


@dataclass(frozen=True)
class KnownDefect:
    """`steps` are API calls, in order, on a cloud as it is after its installation; sizes are examples."""

    rule: Rule
    title: str
    promised: str
    happens: str
    steps: tuple[str, ...]


_DEPLOY = "deployVirtualMachine with an offering of 1 vCPU, 500 MHz, 256 MB on a KVM host, enable.dynamic.scale.vm true"

KNOWN_DEFECTS: Mapping[str, KnownDefect] = {
    defect.rule.id: defect
    for defect in (
        KnownDefect(
            oddities.CONCURRENT_SCALES,
            "Of two scale requests at once on one instance the second succeeds and is never applied",
            "A scale job that succeeds has scaled the instance; an account's resource counts are those of what it has.",
            "Both jobs succeed. The second's result, the instance and its domain have the first's size. The account's "
            "counts have grown by both, and what the second added stays when the instance is expunged.",
            (
                f"{_DEPLOY}, as a user of a plain account",
                "scaleVirtualMachine to 2 vCPUs, and without waiting scaleVirtualMachine to 3 vCPUs",
                "queryAsyncJobResult of both: jobstatus 1; listVirtualMachines: 2 vCPUs",
                "destroyVirtualMachine with expunge=true; listAccounts: cputotal is not 0",
            ),
        ),
        KnownDefect(
            oddities.MOVED_FOR_NOTHING,
            "Auto-migration moves an instance whose domain cannot be given the new size, and the scale fails then",
            "An instance is migrated for a scale only where the scale can follow.",
            "An instance that is to grow beyond the ceilings of its domain (with the capacity settings at 0: totals "
            "of the host where it was started) is migrated to a larger host. There the agent cannot plug in what "
            "is missing and the job fails. The instance stays on the new host with its old offering, and no retry can "
            "succeed before a stop and start.",
            (
                "deployVirtualMachine on the smaller of two hosts of a cluster, the capacity settings at 0",
                "scaleVirtualMachine to more memory than that host has in total and the larger one has free",
                'queryAsyncJobResult: 530 "Unable to reconfigure VM."; listVirtualMachines: hostid has changed',
            ),
        ),
        KnownDefect(
            oddities.STALE_SPEED,
            "After a change from a custom unconstrained to a constrained offering the next start has the old CPU speed",
            "An instance of an offering with a fixed CPU speed runs with that speed.",
            "The cpuSpeed saved for the unconstrained offering outlives the change. The live scale applies the new "
            "speed and the API shows it, but after a stop and start shares and quota are those of the old one.",
            (
                "deployVirtualMachine with an unconstrained offering, details cpuNumber 1, cpuSpeed 600, memory 256",
                "scaleVirtualMachine to a capped constrained offering of 700 MHz, details cpuNumber 2, memory 512",
                "listVirtualMachines: cpuspeed 700, details.cpuSpeed 600; virsh schedinfo: shares 1400",
                "stopVirtualMachine, startVirtualMachine; virsh schedinfo: shares 1200, quota of 600 MHz",
            ),
        ),
        KnownDefect(
            oddities.HALVED_QUOTA,
            "With CPU overcommit a live scale sets a smaller CPU quota than a start",
            "The CPU cap is the offering's CPU speed, however the instance came to it.",
            "The live scale computes the quota from the speed divided by cpu.overprovisioning.factor, the start from "
            "the whole speed. With a factor of 2 a capped instance gets half of its CPU until it is restarted.",
            (
                "updateConfiguration cpu.overprovisioning.factor 2 for the cluster",
                "deployVirtualMachine with an offering of 1 vCPU, 300 MHz, 256 MB on a host of 2000 MHz",
                "scaleVirtualMachine to a capped offering of 600 MHz; virsh schedinfo: quota 1500 of 10000",
                "stopVirtualMachine, startVirtualMachine; virsh schedinfo: quota 3000 of 10000",
            ),
        ),
        KnownDefect(
            oddities.UNUSABLE_DIMM,
            "Memory that is no multiple of the guest's memory block is attached, and the guest cannot use it",
            "After a scale that succeeds the guest has the new memory; one that cannot be done is refused.",
            "The job succeeds and the domain has the DIMM, but Linux takes whole memory blocks only (128 MiB on x86) "
            "and leaves it out. A difference of odd MiB is refused by QEMU, and the job fails without telling why.",
            (
                _DEPLOY,
                "scaleVirtualMachine to 300 MB: jobstatus 1; listVirtualMachines: memory 300",
                "guest-get-memory-blocks of the guest agent: 2 blocks of 128 MiB are online, as before",
                'scaleVirtualMachine to 513 MB: 530 "Unable to reconfigure VM."',
            ),
        ),
        KnownDefect(
            oddities.CONCURRENT_GROWTH,
            "Two instances that grow at once into room for one overfill their host",
            "A host's allocated memory and CPU do not exceed its capacity, and all that runs there is counted.",
            "Both requests are checked before either is counted. Both domains grow. From 4.23 on the second job fails "
            "with 530 although it was carried out, and the host's allocated capacity lacks that instance altogether; "
            "up to 4.22 both succeed.",
            (
                "deployVirtualMachine twice, 256 MB each, on a host with 8 GiB",
                "scaleVirtualMachine of both to 5000 MB, the second without waiting for the first",
                'queryAsyncJobResult: the second 530 "Unable to reconfigure VM."; listVirtualMachines: both 5000 MB',
                "listHosts: memoryallocatedbytes 5242880000, where 10485760000 are given away",
            ),
        ),
        KnownDefect(
            oddities.COUNTED_FOR_THE_CALLER,
            "A scale by an admin is counted for the admin's account and not for the instance's",
            "Resource counts are the owner's, as the limits are that are checked.",
            "The owner's count stays and the caller's grows. After the instance is expunged the owner's is below zero "
            "and the caller's too high, until they are recalculated.",
            (
                f"{_DEPLOY}, for a plain account",
                "scaleVirtualMachine to 2 vCPUs with the keys of an admin",
                "listAccounts: cputotal of the owner is 1, that of the admin one more than before",
                "destroyVirtualMachine with expunge=true; listAccounts: cputotal of the owner is -1",
            ),
        ),
    )
}
