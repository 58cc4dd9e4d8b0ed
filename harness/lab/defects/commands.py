"""Defects of the command that the agent is sent for a live scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.lab.defects.defect import Defect, Part, Sign, domain
from harness.lab.seams import Seams
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import quota_percentage
from harness.reference.domain import ScaleCommand
from harness.reference.offering import Offering, Size
from harness.reference.scaling import Instance, World, command_for

_QUOTA = domain("quota in us")


@dataclass(frozen=True)
class Sending:
    """For what a command is sent."""

    world: World
    instance: Instance
    new: Size
    host: Host


def _command(
    name: str,
    says: str,
    story: str,
    sections: str,
    sign: Sign,
    change: Callable[[ScaleCommand, Sending], ScaleCommand],
) -> Defect:
    def sending(world: World, instance: Instance, offering: Offering, new: Size, host: Host) -> ScaleCommand:
        return change(command_for(world, instance, offering, new, host), Sending(world, instance, new, host))

    return Defect(name, says, Part.MANAGEMENT, sections, story, sign, Seams(command_for=sending))


def _part(command: ScaleCommand, percentage: float | None) -> ScaleCommand:
    return command if command.quota_percentage is None else replace(command, quota_percentage=percentage)


COMMANDS = (
    _command(
        "quota-of-another-host",
        "The quota of a live scale is reckoned with the speed of another host, which is not as fast or slow.",
        "KVMGuru gets its host from the wrong end of a list.",
        "CAP",
        _QUOTA,
        lambda command, at: _part(
            command,
            quota_percentage(
                command.min_speed_mhz,
                next(each.speed_mhz for each in at.world.hosts if each.speed_mhz != at.host.speed_mhz),
            ),
        ),
    ),
    _command(
        "quota-of-the-left-host",
        "The quota after a migration is that of the host the instance left.",
        "The destination is chosen after the percentage is computed.",
        "MIG,CAP",
        _QUOTA,
        lambda command, at: _part(
            command, quota_percentage(command.min_speed_mhz, at.world.host(at.instance.host_id).speed_mhz)
        ),
    ),
    _command(
        "quota-rounded-up",
        "The percentage of a live scale is rounded up to whole percents.",
        "RoundingMode.UP in place of HALF_DOWN.",
        "CAP",
        domain("quota in us", "period in us"),
        lambda command, at: _part(command, min(1.0, math.ceil(command.min_speed_mhz / at.host.speed_mhz * 100) / 100)),
    ),
    _command(
        "quota-truncated",
        "The percentage of a live scale is cut to whole percents.",
        "A cast to int in place of rounding.",
        "CAP",
        _QUOTA,
        lambda command, at: _part(command, int(command.min_speed_mhz / at.host.speed_mhz * 100) / 100),
    ),
    _command(
        "quota-of-the-old-speed",
        "The quota of a live scale is that of the old speed.",
        "The instance is not read again after its offering has changed.",
        "CAP",
        _QUOTA,
        lambda command, at: _part(command, quota_percentage(at.instance.size.speed_mhz, at.host.speed_mhz)),
    ),
    _command(
        "quota-of-all-vcpus-live",
        "The quota of a live scale is that of all vCPUs together.",
        "Quota is taken for a limit of the domain in place of each vCPU.",
        "CAP",
        _QUOTA,
        lambda command, _at: _part(command, min(1.0, (command.quota_percentage or 0.0) * command.cpus)),
    ),
    _command(
        "quota-at-equal-speed",
        "No quota is set where the speed stays the same.",
        "An early return where nothing seems to change.",
        "CAP",
        _QUOTA,
        lambda command, at: (
            replace(command, cpu_cap=False, cap_changed=False)
            if at.new.speed_mhz == at.instance.size.speed_mhz
            else command
        ),
    ),
    _command(
        "cap-change-lost",
        "The agent is not told that the CPU cap was removed.",
        "A field of the command is not serialized.",
        "CAP",
        _QUOTA,
        lambda command, _at: replace(command, cap_changed=False),
    ),
    _command(
        "memory-of-the-old-size",
        "The agent is told the old memory.",
        "The transfer object is built before the new offering is set.",
        "LS",
        domain("memory in KiB"),
        lambda command, at: replace(command, memory_mib=at.instance.size.memory_mib),
    ),
    _command(
        "vcpus-of-the-old-size",
        "The agent is told the old number of vCPUs.",
        "The transfer object is built before the new offering is set.",
        "LS",
        domain("current vCPUs"),
        lambda command, at: replace(command, cpus=at.instance.size.cpus),
    ),
    _command(
        "speed-of-the-old-size",
        "The agent is told the old speed.",
        "The transfer object is built before the new offering is set.",
        "CAP,LS",
        domain("shares"),
        lambda command, at: replace(command, min_speed_mhz=at.instance.size.speed_mhz),
    ),
)
