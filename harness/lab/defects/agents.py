"""Defects of the agent and of libvirt: what a live scale or a migration does to a domain."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.defects.defect import Defect, Part, Sign, api, domain
from harness.lab.defects.hypervisors import (
    Forgiving,
    GoingOn,
    Lingering,
    MigratingCold,
    MigratingFresh,
    Reluctant,
    Restarting,
    RestartingForMemory,
    TuningFirst,
    Wrapper,
    attaching,
    plugging,
    starting,
    tuning,
)
from harness.lab.seams import Seams
from harness.reference.cpu_tuning import QUOTA_REMOVED_US

_QUOTA = "vcpu_quota"
_PERIOD = "vcpu_period"
_SHARES = "cpu_shares"
_SEEN_QUOTA = ("quota in us",)
_MEMORY = domain("memory in KiB", "DIMMs in KiB")


def _agent(
    name: str, says: str, story: str, sections: str, sign: Sign, hypervisor: Wrapper, part: Part = Part.AGENT
) -> Defect:
    return Defect(name, says, part, sections, story, sign, Seams(hypervisor=hypervisor))


def _kept(there: dict[str, int], name: str, value: int) -> int | None:
    """Period and quota only ever set together where the period stays."""
    if name == _PERIOD and there[_PERIOD] != value:
        return None
    return value


AGENTS = (
    _agent(
        "xml-fifteen-slots",
        "A prepared domain has 15 memory slots.",
        "A slot is kept for the boot memory.",
        "XML",
        domain("maxMemory slots"),
        starting(lambda xml: xml.replace("slots='16'", "slots='15'")),
    ),
    # libvirt puts vCPUs that no cell has into the first one: a real host never shows it.
    replace(
        _agent(
            "xml-numa-one-vcpu",
            "The NUMA cell covers the first vCPU only.",
            "The range is written with the current number of vCPUs.",
            "XML",
            domain("NUMA cell's vCPUs"),
            starting(lambda xml: _numa(xml)),
        ),
        on_kvm=False,
    ),
    _agent(
        "dimm-full-size",
        "The DIMM has the whole new size in place of the difference.",
        "LibvirtScaleVmCommandWrapper attaches what the command says.",
        "LS",
        _MEMORY,
        attaching(lambda asked, before: (asked + before,)),
    ),
    _agent(
        "dimm-halves",
        "Memory is attached as two DIMMs of half the size.",
        "A DIMM for each of two NUMA nodes, of which the domain has one.",
        "LS",
        domain("DIMMs in KiB"),
        attaching(lambda asked, _before: (asked // 2, asked // 2)),
    ),
    _agent(
        "dimm-too-small",
        "The DIMM is 128 MiB smaller than what is missing.",
        "The size is rounded down to the guest's next memory block.",
        "LS",
        _MEMORY,
        attaching(lambda asked, _before: (asked - 131072,) if asked > 131072 else ()),
    ),
    _agent(
        "dimm-not-attached",
        "The agent attaches no memory and answers success.",
        "The comparison with the domain's memory is the wrong way round.",
        "LS",
        _MEMORY,
        attaching(lambda _asked, _before: ()),
    ),
    _agent(
        "dimm-refusal-lost",
        "A DIMM that libvirt refuses does not fail the job.",
        "The exception is logged and not thrown again.",
        "LIM,LS",
        api("job"),
        Forgiving,
    ),
    _agent(
        "vcpus-refusal-lost",
        "vCPUs that libvirt refuses do not fail the job.",
        "The exception is logged and not thrown again.",
        "LIM,LS",
        api("job"),
        Reluctant,
    ),
    _agent(
        "vcpus-not-set",
        "The agent plugs in no vCPUs and answers success.",
        "The comparison with the running vCPUs is the wrong way round.",
        "LS",
        domain("current vCPUs"),
        plugging(lambda _asked, _before: None),
    ),
    _agent(
        "vcpus-one-too-few",
        "One vCPU of those to be plugged in is left out.",
        "Plugging in one by one ends a round early.",
        "LS",
        domain("current vCPUs"),
        plugging(lambda asked, before: asked - 1 if asked - 1 > before else None),
    ),
    _agent(
        "vcpus-added",
        "The new number of vCPUs is added to the old.",
        "libvirt is told a difference where it wants a total, and the difference is the total.",
        "LS",
        domain("current vCPUs"),
        plugging(lambda asked, before: asked + before),
    ),
    _agent(
        "vcpus-by-restart",
        "vCPUs come by ending the domain and starting another one.",
        "A fall-back for guests that cannot take vCPUs live is always taken.",
        "LS",
        domain("NUMA cell's memory in KiB", "DIMMs in KiB", "libvirt's id of the domain"),
        Restarting,
    ),
    _agent(
        "restarted-for-memory",
        "The agent ends the domain and starts it anew before it plugs memory in.",
        "A domain that was not prepared was to be restarted, and the condition is inverted.",
        "LS",
        domain("libvirt's id of the domain"),
        RestartingForMemory,
    ),
    _agent(
        "goes-on-after-a-refused-dimm",
        "After a DIMM that libvirt refuses vCPUs are plugged in all the same, and the job fails then.",
        "The steps are tried one by one, and their failures collected.",
        "LIM",
        domain("current vCPUs"),
        GoingOn,
    ),
    _agent(
        "tuning-before-memory",
        "Shares and quota are set before memory is plugged in, and stay where libvirt refuses that.",
        "A guest was never to run above its cap, and nobody thought of the way back.",
        "LIM",
        domain("shares", "quota in us"),
        TuningFirst,
    ),
    _agent(
        "shares-not-raised",
        "A live scale leaves the shares as they were.",
        "The comparison with the present shares is the wrong way round.",
        "LS",
        domain("shares"),
        tuning(lambda _there, name, value: None if name == _SHARES else value),
    ),
    _agent(
        "shares-lowered",
        "A live scale sets half the shares, which may be less than there are.",
        "Shares are divided by the CPU overcommit that is in them already, and set without a comparison.",
        "LS",
        domain("shares"),
        tuning(lambda _there, name, value: value // 2 if name == _SHARES else value),
    ),
    _agent(
        "shares-doubled",
        "A live scale sets twice the shares.",
        "vCPUs are multiplied in once more.",
        "LS",
        domain("shares"),
        tuning(lambda _there, name, value: 2 * value if name == _SHARES else value),
    ),
    _agent(
        "quota-not-set",
        "A live scale sets the period and not the quota.",
        "Both calls have the period's parameter.",
        "CAP",
        domain(*_SEEN_QUOTA),
        tuning(lambda _there, name, value: None if name == _QUOTA and value != QUOTA_REMOVED_US else value),
    ),
    _agent(
        "quota-not-removed",
        "The quota stays when the cap is removed.",
        "Only capped instances come to updateCpuQuotaAndPeriod.",
        "CAP",
        domain(*_SEEN_QUOTA),
        tuning(lambda _there, name, value: None if name == _QUOTA and value == QUOTA_REMOVED_US else value),
    ),
    _agent(
        "quota-removed-with-minus-one",
        "The cap is removed with a quota of -1.",
        "libvirt's documentation says so, and some of its versions refuse it.",
        "CAP",
        domain(*_SEEN_QUOTA),
        tuning(lambda _there, _name, value: -1 if value == QUOTA_REMOVED_US else value),
    ),
    _agent(
        "quota-removed-as-zero",
        "The quota of a removed cap is the period: one CPU for each vCPU.",
        "No limit is taken for 100 %.",
        "CAP",
        domain(*_SEEN_QUOTA),
        tuning(lambda there, _name, value: there[_PERIOD] if value == QUOTA_REMOVED_US else value),
    ),
    _agent(
        "period-kept",
        "A live scale leaves the period as it was.",
        "Only the quota is compared with the present one.",
        "CAP",
        domain("period in us"),
        tuning(_kept),
    ),
    _agent(
        "quota-and-period-swapped",
        "Quota and period are set the wrong way round.",
        "Two integers in one call.",
        "CAP",
        domain(*_SEEN_QUOTA),
        tuning(lambda _there, name, value: 10_000 if name == _QUOTA and value < 10_000 else value),
    ),
    _agent(
        "migration-drops-quota",
        "A migration leaves quota and period behind.",
        "The XML for the destination is built from the definition.",
        "MIG",
        domain(*_SEEN_QUOTA),
        MigratingFresh,
        Part.LIBVIRT,
    ),
    _agent(
        "migrated-by-restart",
        "An instance is moved by being ended here and started there, and not live.",
        "A migration that does not converge is replaced by a restart, and no migration converges.",
        "MIG",
        domain("how the domain came to its host"),
        MigratingCold,
        Part.LIBVIRT,
    ),
    # QEMU locks its images: on a real host the twin does not start.
    replace(
        _agent(
            "migration-leaves-a-twin",
            "The domain runs on on the host it left.",
            "The flag that ends the source is lost.",
            "MIG",
            domain("domain on the host it left"),
            Lingering,
            Part.LIBVIRT,
        ),
        on_kvm=False,
    ),
)


def _numa(xml: str) -> str:
    start = xml.find("cpus='0-")
    return xml if start < 0 else f"{xml[:start]}cpus='0'{xml[xml.index(chr(39), start + 6) + 1 :]}"
